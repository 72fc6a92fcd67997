package model

// Incident is the part of an alert of kind resolved that says what ended.
type Incident struct {
	Began      int64 // when the first hit that its alerts report happened, ns
	Lasted     int64 // from then to the last hit, ns
	Hits       int64 // that its alerts report, this one included
	Alerts     int64 // that were made of it, this one not included
	Severities []Severity
}

// SeveritySet is a set of severities: a bit for each.
type SeveritySet uint8

// Add adds a severity.
func (s *SeveritySet) Add(one Severity) { *s |= 1 << one }

// Worst returns the gravest severity of the set, or SeverityUnknown.
func (s SeveritySet) Worst() Severity {
	for one := SeverityCritical; one > SeverityUnknown; one-- {
		if s>>one&1 != 0 {
			return one
		}
	}
	return SeverityUnknown
}

// List returns the severities of the set, lowest first.
func (s SeveritySet) List() (list []Severity) {
	for one := SeverityUnknown + 1; one <= SeverityCritical; one++ {
		if s>>one&1 != 0 {
			list = append(list, one)
		}
	}
	return list
}
