package state

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// incident is the alerts of a key whose rule has resolve, from the first alert until no hit has come for so long. Its end is an alert, too. The wait goes by
// arrival, and the times of the hits go by the records' clock. A key without an open incident has none, so rules without resolve pay nothing for it.
type incident struct {
	opened      int64 // when the first alert was made, by arrival
	from        int64 // the wait is measured from here: the first alert or the arrival of the last hit, moved by time that does not count
	until       int64 // the incident does not end before
	first, last int64 // the earliest and the latest hit that its alerts report
	hits        int64 // that its alerts report
	alerts      int64
	severities  model.SeveritySet // of its alerts
	rule        string            // the rule's name: the rule may be gone when the incident ends
	keyForm     string            // that the rule's keys had: by another one, no line has the key
	source      *model.Source     // of the first alert
	stream      model.Stream
	text        *IncidentText // of the first alert; nil until it is rendered
	triggers    []string      // that send its alerts; nil: unknown
}

// IncidentText is the part of an incident's first alert that its end shows. It does not change.
type IncidentText struct {
	Summary string            `json:"summary,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Runbook string            `json:"runbook,omitempty"`
}

// clone returns a copy that shares nothing that changes, or nil.
func (i *incident) clone() *incident {
	if i == nil {
		return nil
	}
	c := *i
	c.triggers = slices.Clone(i.triggers)
	return &c
}

// ends returns when the incident ends if no hit comes; 0: none is open, or only a line ends it. If nothing else can end it any more, it ends at once.
func (i *incident) ends(r *rules.Rule) int64 {
	switch {
	case i == nil:
		return 0
	case r == nil || !r.Settings.Resolves():
		return i.from
	case r.Settings.Resolve > 0:
		return max(i.from+int64(r.Settings.Resolve), i.until)
	case r.KeyForm != i.keyForm:
		return i.from
	}
	return 0
}

// onAlert notes an alert of the key that reports hits from first to last. It opens an incident where none is open and the rule asks for ends.
func (s *keyState) onAlert(r *rules.Rule, source *model.Source, stream model.Stream, hits, first, last, now int64) {
	if s.incident == nil {
		if !r.Settings.Resolves() {
			return
		}
		s.incident = &incident{
			opened: now, from: now, first: first, last: last, rule: r.Settings.Name, keyForm: r.KeyForm, source: source, stream: stream,
		}
	}
	i := s.incident
	i.first, i.last = min(i.first, first), max(i.last, last)
	i.hits += hits
	i.alerts++
}

// onHit begins the wait for the end again.
func (i *incident) onHit(now int64) {
	if i != nil {
		i.from, i.until = now, 0
	}
}

// skip moves the wait along with a clock that moved by so many ns that did not pass.
func (i *incident) skip(ns int64) {
	if i == nil {
		return
	}
	i.from += ns
	if i.until != 0 {
		i.until += ns
	}
}

func (i *incident) clampFuture(now int64) {
	if i != nil {
		i.opened, i.from, i.first, i.last = min(i.opened, now), min(i.from, now), min(i.first, now), min(i.last, now)
	}
}

// resume continues the wait after a stop, as savedAbsence.timer does: time in which nobody read lines does not count.
func (i *incident) resume(now, stopped int64) {
	if i == nil {
		return
	}
	if gap := now - stopped; stopped == 0 || gap > int64(AbsenceGrace) {
		i.from = now
	} else {
		i.from += max(gap, 0)
		i.until = now + int64(AbsenceGrace)
	}
}

// end returns the alert that ends the incident of a key at a time. It reports everything that no alert has reported, and it needs no token and passes
// silences and inhibitions: otherwise the incident that its alerts opened at a receiver would stay open. by is the line that ends it, nil where time does.
func (s *keyState) end(at int64, by *Ending) model.Alert {
	i, u := s.incident, &s.unreported
	a := model.Alert{
		Kind: model.KindResolved, RuleID: ruleID(s.key), Rule: i.rule, Severity: i.severities.Worst(), Time: at, First: i.first, Last: i.last,
		Stream: i.stream, Source: i.source, Suppressed: u.suppressed, Since: u.first, Due: i.opened, Key: s.key, Triggers: i.triggers,
	}
	if a.Severity == model.SeverityUnknown {
		a.Severity = model.SeverityWarning
	}
	if u.first != 0 {
		a.First, a.Last = min(a.First, u.first), max(a.Last, u.last)
	}
	over := a.Last // as far as anybody knows
	if by != nil {
		over, a.Due, a.Recorded = by.At, 0, by.Recorded
	}
	a.Incident = &model.Incident{
		Began: a.First, Lasted: max(0, over-a.First), Hits: i.hits + u.total(), Alerts: i.alerts, Severities: i.severities.List(),
	}
	where, about := "", ""
	if i.source.Workload != "" {
		where = " in " + i.source.Workload
	}
	// The text is missing if the program stopped while the first alert was rendered.
	if i.text != nil {
		a.Labels, a.Runbook = i.text.Labels, i.text.Runbook
		// A summary without a template begins with rule and workload, which the end has said.
		about = ": " + strings.TrimPrefix(i.text.Summary, i.rule+" in "+i.source.Workload+": ")
	}
	hits := "1 hit"
	if n := a.Incident.Hits; n != 1 {
		hits = fmt.Sprintf("%d hits", n)
	}
	a.Summary = model.OneLine(fmt.Sprintf("%s is over%s after %s and %s%s", i.rule, where, model.Roughly(a.Incident.Lasted), hits, about), model.MaxSummary)
	return a
}

// Ending is the incidents that a line ends: those of its rule and workload whose keys have its values.
type Ending struct {
	Rule     *rules.Rule
	Workload string
	Keys     *model.KeyPattern
	At       int64 // when the line happened
	Recorded int64 // the time that it says itself
}

// ends reports whether the line ends the incident of a key. One that happened before the latest hit does not: the hit shows that the incident goes on.
func (e *Ending) ends(s *keyState) bool {
	i := s.incident
	return i != nil && i.source.Workload == e.Workload && ruleID(s.key) == e.Rule.ID && e.At >= max(i.last, s.unreported.last) && e.Keys.Matches(s.key)
}

// endBy returns the alert of an incident that a line ends at now, and commits the end.
func (s *keyState) endBy(e *Ending, now int64) model.Alert {
	a := s.end(e.At, e)
	a.Runbook = e.Rule.Settings.Runbook
	a.WithLateness(now - e.At)
	s.closeIncident()
	return a
}

// End appends the alerts that are due, and then the ends of the incidents that a line ends, in the order of their keys; ends is the place where those begin.
func (k *Keyed) End(e *Ending, now int64, dst []model.Alert) (_ []model.Alert, ends int) {
	// Time comes first, as before a hit: what was due does not know of the line.
	dst = k.Advance(now, dst)
	ends = len(dst)
	for keys := range slices.Chunk(k.endedBy(e, now), DueBatch) {
		dst = k.endBatch(e, keys, now, dst)
	}
	return dst, ends
}

// endedBy returns the keys whose incidents a line ends, sorted.
func (k *Keyed) endedBy(e *Ending, now int64) (keys []string) {
	if key, ok := e.Keys.Only(); ok {
		return []string{key}
	}
	for before := math.MaxInt; before > 0; {
		before = k.endedBefore(e, before, now, &keys)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// endedBefore appends the ended keys of a batch of the open ones, those in the places right before a place, and returns the place where the batch begins. The
// batches go from the last to the first, and by their places: a key that is removed meanwhile is replaced by the last one, which was looked at or comes again.
func (k *Keyed) endedBefore(e *Ending, before int, now int64, keys *[]string) (begin int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	of := k.open[openName(e.Rule.ID, e.Workload)]
	if of == nil {
		return 0
	}
	before = min(before, len(of.keys))
	begin = max(0, before-DueBatch)
	for _, s := range of.keys[begin:before] {
		s.clampFuture(now)
		if e.ends(s) {
			*keys = append(*keys, s.key)
		}
	}
	return begin
}

// endBatch ends the incidents of keys that are still open.
func (k *Keyed) endBatch(e *Ending, keys []string, now int64, dst []model.Alert) []model.Alert {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range keys {
		s := k.peek(key)
		if s == nil {
			continue
		}
		s.clampFuture(now)
		if !e.ends(s) {
			continue
		}
		a := s.endBy(e, now)
		k.track(s)
		k.due.Set(&s.timer, 0)
		k.keys.Touch(s.hash)
		e.Rule.Counters.Resolve()
		k.muting().observe(subjectOf(e.Rule, &a), now, true)
		dst = append(dst, a)
	}
	return dst
}

// openIncidents is the keys of a rule with open incidents of one workload. It is bounded with the keys.
type openIncidents struct {
	name string
	keys []*keyState
}

func openName(rule, workload string) string {
	return rule + string(rune(model.KeySeparator)) + workload
}

// track puts a key in the list of open incidents, or takes it out. It is called after each change that may open or end one.
func (k *Keyed) track(s *keyState) {
	switch of := s.open; {
	case s.incident != nil && of == nil:
		name := openName(ruleID(s.key), s.incident.source.Workload)
		if of = k.open[name]; of == nil {
			of = &openIncidents{name: name}
			k.open[name] = of
		}
		s.open, s.place = of, len(of.keys)
		of.keys = append(of.keys, s)
	case s.incident == nil && of != nil:
		last := len(of.keys) - 1
		of.keys[s.place] = of.keys[last]
		of.keys[s.place].place = s.place
		of.keys[last] = nil // the array must not keep it in memory
		if of.keys, s.open = of.keys[:last], nil; last == 0 {
			delete(k.open, of.name)
		}
	}
}

// closeIncident commits the end: the next hit of the key alerts at once, and opens another incident.
func (s *keyState) closeIncident() {
	s.window, s.episode, s.unreported, s.incident = window{}, episode{}, unreported{}, nil
}

// Opened sets the severity of an alert of an open incident, and the text of its first one.
func (k *Keyed) Opened(key []byte, severity model.Severity, text *IncidentText) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.peek(string(key))
	// The text was rendered without the lock: the key may have been forgotten meanwhile, or its incident ended.
	if s == nil || s.incident == nil {
		return
	}
	s.incident.severities.Add(severity)
	if s.incident.text == nil {
		s.incident.text = text
	}
	k.keys.Touch(s.hash)
}

// Routed notes the triggers that send an alert whose end will be sent, too: its end goes to all of them, whatever their filters say by then.
func (k *Keyed) Routed(key string, triggers []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t, ok := k.absences.Peek(key); ok && t.sent {
		t.triggers = triggers
		k.absences.Touch(key)
		return
	}
	s := k.peek(key)
	if s != nil && s.pace != nil && s.pace.sent {
		s.pace.triggers = triggers
		k.keys.Touch(s.hash)
	}
	if s == nil || s.incident == nil {
		return
	}
	s.incident.triggers = union(s.incident.triggers, triggers)
	k.keys.Touch(s.hash)
}

// union returns the names of two lists, each once. It is not nil, which would say that the names are unknown.
func union(list, more []string) []string {
	out := append([]string{}, list...)
	for _, name := range more {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
