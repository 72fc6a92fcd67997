package engine

// Outcome is the result of Evaluate for a hit.
type Outcome uint8

// The outcomes without a Reason. One for each Reason follows them.
const (
	Undecided Outcome = iota
	Alerted           // it made an alert, which may wait for the lines after it
	firstSuppressed
)

func outcomeOf(r Reason) Outcome { return firstSuppressed + Outcome(r) }

// Suppressed returns why the hit was suppressed; ok is false when it was not.
func (o Outcome) Suppressed() (why Reason, ok bool) {
	if o < firstSuppressed {
		return 0, false
	}
	return Reason(o - firstSuppressed), true
}

// String returns alert, or the word of the reason.
func (o Outcome) String() string {
	switch why, held := o.Suppressed(); {
	case held:
		return why.String()
	case o == Alerted:
		return "alert"
	}
	return "undecided"
}
