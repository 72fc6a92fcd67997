package trigger

import (
	"maps"
	"slices"
	"time"
)

// Post is the message of a key at a receiver that can edit it: the first alert, and what the key did since.
type Post struct {
	Place  string    `json:"-"`      // the receiver's name of the message; "" where it has none, or no longer
	First  Alert     `json:"first"`  // with the suppressed hits of the later alerts, and the highest severity
	Newest string    `json:"newest"` // the id of the newest alert, which a silence from the message is for
	Hits   int64     `json:"hits"`   // that the message stands for
	Since  time.Time `json:"since"`
	Last   time.Time `json:"last"` // when the last of the hits happened
	// Over says that the incident ended, and Lasted for how many seconds it went on; 0 where no alert says so.
	Over   bool  `json:"over"`
	Lasted int64 `json:"lasted"`
}

// NewPost returns the post of a message with these alerts, of which at least one is not the end of an incident. It begins with the first of those.
func NewPost(alerts []Alert) Post {
	alerts = alerts[max(0, slices.IndexFunc(alerts, func(a Alert) bool { return a.Kind != KindResolved })):]
	first := alerts[0]
	p := Post{First: first, Newest: first.ID, Since: first.FirstSeen}
	if p.Since.IsZero() {
		p.Since = first.Time
	}
	p.First.Suppressed = Suppressed{}
	switch {
	case first.Kind == KindRollup:
		p.add(&first)
		if s := first.Suppressed.Since; s != nil && s.Before(p.Since) {
			p.Since = *s
		}
	default: // what was suppressed before belongs to the past of the key
		p.Hits, p.Last = int64(first.Count), first.LastSeen
	}
	for i := range alerts[1:] {
		p.Add(&alerts[1+i])
	}
	return p
}

// Takes reports whether an edit is enough to report an alert of the same key: it continues or ends what the message is about, and is no worse. An edit
// notifies nobody, so an alert of a higher severity is a message of its own.
func (p *Post) Takes(a *Alert) bool {
	switch a.Kind {
	case KindResolved:
		return true
	case KindRollup:
		return severityOf(a) <= severityOf(&p.First)
	}
	return false
}

func severityOf(a *Alert) int { return slices.Index(Severities(), a.Severity) }

// Add adds a later alert of the key.
func (p *Post) Add(a *Alert) {
	p.add(a)
	p.Newest = a.ID
	p.First.Resolves = p.First.Resolves || a.Resolves
	if severityOf(a) > severityOf(&p.First) {
		p.First.Severity = a.Severity
	}
	p.Over = a.Kind == KindResolved
	if i := a.Incident; p.Over && i != nil {
		p.Lasted = i.Lasted
		p.Hits = max(p.Hits, i.Hits)
		if !i.Began.IsZero() {
			p.Since = i.Began
		}
	}
}

func (p *Post) add(a *Alert) {
	p.Hits += int64(a.Count) + a.Suppressed.Total
	if a.LastSeen.After(p.Last) {
		p.Last = a.LastSeen
	}
	s := &p.First.Suppressed
	s.Total += a.Suppressed.Total
	if s.Since == nil {
		s.Since = a.Suppressed.Since
	}
	s.By = maps.Clone(s.By)
	for reason, n := range a.Suppressed.By {
		if s.By == nil {
			s.By = map[string]int64{}
		}
		s.By[reason] += n
	}
}

// Continue adds what an earlier message of the key reported, for a message that replaces it while the same goes on.
func (p *Post) Continue(earlier *Post) {
	p.Hits += earlier.Hits
	if earlier.Since.Before(p.Since) {
		p.Since = earlier.Since
	}
}

// Alert returns the alert that the message shows: the first one, as the end of its incident where that is over.
func (p *Post) Alert() Alert {
	a := p.First
	a.Count = 1 // the message says how many hits there were
	if p.Over {
		a.Kind = KindResolved
	}
	return a
}
