package state

import (
	"time"
)

// AbsenceGrace is how long after a start an absence is told at the earliest: what came while the program was down is to be read first. A stop
// that took longer says nothing of what came meanwhile: the wait begins anew.
const AbsenceGrace = 5 * time.Minute
