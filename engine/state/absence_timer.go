package state

import (
	"time"
)

// AbsenceGrace is the earliest time after a start at which an absence is reported: lines written while the program was down are read first.
// After a longer stop nobody knows which lines came meanwhile, so the wait restarts.
const AbsenceGrace = 5 * time.Minute
