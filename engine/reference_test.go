package engine

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// reference counts as docs/counting.md and docs/silences.md say it: it keeps all that ever came, and looks all of it through for each question. It
// has no deadlines, no levels of buckets and no state that is carried on, so that it shares no shortcut with the engine. Its time never steps back.
type reference struct {
	settings Settings
	silences []Silence
	counts   map[string]*RuleCounts // by rule
	evicted  int64
	looked   int64       // the last look at the clock
	reloaded int64       // and the last before a reload
	out      []refAlert  // that left since the last call of left
	open     []*refAlert // that wait for the lines after their hit
	fired    []refFired  // that inhibit others

	// What limits.max_keys bounds, the one unused for longest first.
	keys    []*refKey
	buckets []*refBucket
	seen    []*refSeen
	waits   []*refWait
}

// refHit is a line that a rule matched, and what became of it.
type refHit struct {
	rule     *RuleSettings
	at       int64
	line     string
	captures map[string]string
	source   *Source
	stream   Stream
	severity Severity
	fate     Reason // why it was held back, or refAlerted
	told     bool   // an alert told that it was held back
}

const refAlerted = NumReasons

// refAlert is what is compared of an alert.
type refAlert struct {
	Kind                           Kind
	Rule                           string
	Severity                       Severity
	Time, Count, First, Last       int64
	Since                          int64
	Suppressed                     [NumReasons]int64
	Workload, Host, Container, Tag string
	Message                        string
	After                          int

	stream Stream
	lines  int   // still to come after it
	until  int64 // waits no longer
}

// refKey is a cooldown key: its hits, and the moments at which a window of it began and at which it alerted.
type refKey struct {
	name    string
	rule    *RuleSettings
	hits    []*refHit
	windows []int64
	story   []refMoment // hits and alerts, for what goes on
	counted int         // hits from here on count for the threshold
	putOff  int64       // a roll-up could not leave: the window stays open until then
}

type refMoment struct {
	at    int64
	alert bool
}

type refBucket struct {
	name  string
	taken []int64 // when tokens were
}

type refSeen struct {
	name string
	at   int64 // the last time
}

// refWait is what a rule with absent waits for.
type refWait struct {
	name, workload string
	rule           *RuleSettings
	source         *Source
	began          int64
	hits           []*refHit
	absent         bool // and that was told
	putOff         int64
}

// refFired is an alert that left and that an inhibition has as its source.
type refFired struct {
	inhibit int
	equal   string
	at      int64
	both    bool // the target matches it as well
}

// refAbout is what silences and inhibitions look at.
type refAbout struct {
	rule     string
	source   *Source
	line     string
	lined    bool // there is one
	severity Severity
}

func newReference(s Settings) *reference {
	m := &reference{settings: s, counts: map[string]*RuleCounts{}}
	for i := range s.Rules {
		m.counts[s.Rules[i].Name] = &RuleCounts{}
	}
	return m
}

// left returns the alerts that left since the last call.
func (m *reference) left() []refAlert {
	out := m.out
	m.out = nil
	return out
}

// start is the first look at the clock, from which on absent_from = "start" waits.
func (m *reference) start(now int64) {
	for i := range m.settings.Rules {
		r := &m.settings.Rules[i]
		if r.Absent == 0 || r.AbsentFrom != absentFromStart {
			continue
		}
		workloads := r.Workloads
		if len(workloads) == 0 {
			workloads = []string{""} // all together
		}
		for _, workload := range workloads {
			m.waitFor(r, workload, nil, now)
		}
	}
}

// record is a line that comes: it goes to the alerts that wait for it, begins waits, and is held against every rule in their order.
func (m *reference) record(rec *Record, now int64) {
	m.follow(rec, now)
	var rules []*RuleSettings
	for i := range m.settings.Rules {
		r := &m.settings.Rules[i]
		if len(r.Workloads) > 0 && !slices.Contains(r.Workloads, rec.Source.Workload) {
			continue
		}
		rules = append(rules, r)
		if r.Absent > 0 {
			m.waitFor(r, rec.Source.Workload, rec.Source, now)
		}
	}
	for _, r := range rules {
		re := regexp.MustCompile(r.Pattern)
		groups := re.FindStringSubmatch(string(rec.Text))
		if groups == nil {
			continue
		}
		h := &refHit{
			rule: r, at: now, line: string(rec.Text), captures: map[string]string{}, source: rec.Source, stream: rec.Stream,
			severity: cmp.Or(r.Severity, rec.Severity, SeverityWarning),
		}
		for g, name := range re.SubexpNames() {
			h.captures[name] = groups[g]
		}
		m.time(now)
		m.counts[r.Name].Hits++
		if r.Absent > 0 {
			m.heard(h)
		} else {
			m.hit(h)
		}
	}
}

// hit decides about a hit.
func (m *reference) hit(h *refHit) {
	k := m.key(h)
	k.hits, k.story = append(k.hits, h), append(k.story, refMoment{h.at, false})
	h.fate = m.fate(k, h)
	switch h.fate {
	case refAlerted:
		a := refAlert{Kind: KindLog, Time: h.at, Count: 1, First: h.at, Last: h.at, Severity: h.severity}
		if h.rule.Count > 0 {
			a.Kind = KindThreshold
		}
		k.counted = len(k.hits)
		m.tell(k, &a)
		m.leave(&a, h)
		return
	case ReasonDryRun: // it does what it would have done, but for telling
		k.windows, k.counted = append(k.windows, h.at), len(k.hits)
	}
	m.counts[h.rule.Name].Suppressed[h.fate]++
}

// fate goes through what may hold a hit back, in the order of the documentation.
func (m *reference) fate(k *refKey, h *refHit) Reason {
	known := m.known(h)
	if why, muted := m.muted(h.about(), h.at); muted {
		return why
	}
	switch {
	case h.rule.Count > 0 && k.enough(h.at) < h.rule.Count:
		return ReasonThreshold
	case known:
		return ReasonKnown
	case k.cooling(h.at):
		return ReasonCooldown
	case !m.token(h.source, h.at, h.rule.DryRun):
		return ReasonRateLimit
	case h.rule.DryRun:
		return ReasonDryRun
	}
	return refAlerted
}

// enough counts the hits, or the different values, of the time that ends now.
func (k *refKey) enough(now int64) int {
	n, values := 0, map[string]bool{}
	for _, h := range k.hits[k.counted:] {
		if now-h.at >= int64(k.rule.Within) {
			continue
		}
		n++
		if v := h.captures[strings.TrimPrefix(k.rule.Distinct, "capture.")]; v != "" {
			values[v] = true
		}
	}
	if k.rule.Distinct != "" {
		return len(values)
	}
	return n
}

// cooling reports whether a window of the key is open.
func (k *refKey) cooling(now int64) bool {
	if k.rule.Cooldown == 0 {
		return false
	}
	n := len(k.windows)
	return n > 0 && now-k.windows[n-1] < int64(k.rule.Cooldown) || now < k.putOff
}

// window is how long a window is open.
func (k *refKey) window() int64 { return int64(cmp.Or(k.rule.Cooldown, time.Minute)) }

// held returns the hits that were held back and not told yet, and those of them that a roll-up is made for.
func (k *refKey) held() (all, owed []*refHit) {
	for _, h := range k.hits {
		if h.fate == refAlerted || h.told {
			continue
		}
		all = append(all, h)
		if h.fate == ReasonCooldown || h.fate == ReasonRateLimit {
			owed = append(owed, h)
		}
	}
	return all, owed
}

// due returns when the key tells something by itself; 0 = not as things stand.
func (k *refKey) due() int64 {
	_, owed := k.held()
	if len(owed) == 0 || k.rule.DryRun {
		return 0
	}
	first, due := owed[0].at, int64(0)
	if k.rule.Rollup {
		due = first + k.window() // where no window was open, one begins with what is held back
		if n := len(k.windows); n > 0 && first < k.windows[n-1]+k.window() {
			due = k.windows[n-1] + k.window()
		}
	}
	if began, lastHit, steps := k.goesOn(); began != 0 && steps < len(k.rule.Escalate) {
		step := max(began+int64(k.rule.Escalate[steps].After), first)
		if step-lastHit < k.window() && (due == 0 || step < due) {
			due = step
		}
	}
	if due != 0 {
		due = max(due, k.putOff)
	}
	return due
}

// goesOn goes through the history of the key: it goes on from an alert on as long as a hit comes in each window. It returns when it began, 0 for
// never, its last hit, and how many steps of the escalation are told.
func (k *refKey) goesOn() (began, lastHit int64, steps int) {
	for _, e := range k.story {
		if began != 0 && e.at-lastHit >= k.window() {
			began, steps = 0, 0
		}
		if !e.alert {
			lastHit = e.at
			continue
		}
		began = cmp.Or(began, e.at)
		for steps < len(k.rule.Escalate) && began+int64(k.rule.Escalate[steps].After) <= e.at {
			steps++
		}
	}
	return began, lastHit, steps
}

// tell makes an alert of the key tell all that was held back, and raises its severity.
func (m *reference) tell(k *refKey, a *refAlert) {
	all, _ := k.held()
	for _, h := range all {
		h.told = true
		a.Suppressed[h.fate]++
	}
	if len(all) > 0 {
		a.Since, a.First = all[0].at, all[0].at
		if a.Kind == KindRollup {
			a.Last = all[len(all)-1].at
		}
	}
	k.windows, k.story, k.putOff = append(k.windows, a.Time), append(k.story, refMoment{a.Time, true}), 0
	if _, _, steps := k.goesOn(); steps > 0 {
		a.Severity = max(a.Severity, k.rule.Escalate[steps-1].Severity)
	}
}

// rollup tells what a key holds back; where that cannot leave, the window stays open for a while.
func (m *reference) rollup(k *refKey, at int64) {
	_, owed := k.held()
	shown := owed[0]
	if _, muted := m.muted(shown.about(), at); muted || !m.token(shown.source, at, false) {
		k.putOff = at + min(max(k.window()/4, int64(time.Second)), int64(time.Minute))
		return
	}
	a := refAlert{Kind: KindRollup, Time: at, Severity: shown.severity}
	m.tell(k, &a)
	m.counts[k.rule.Name].Rollups++
	m.leave(&a, shown)
}

// moment returns when something is done that is due: what a reload makes due was not so before it.
func (m *reference) moment(due int64) int64 {
	if due == 0 {
		return 0
	}
	return max(due, m.reloaded)
}

// time does what is due by now, each at its moment, in the order of time and of names.
func (m *reference) time(now int64) {
	m.looked = now
	for {
		var first int64
		var name string
		var do func(at int64)
		earlier := func(due int64, key string) bool {
			due = m.moment(due)
			return due != 0 && due <= now && (do == nil || due < first || due == first && key < name)
		}
		for _, k := range m.keys {
			if due := k.due(); earlier(due, k.name) {
				first, name, do = m.moment(due), k.name, func(at int64) { m.rollup(k, at) }
			}
		}
		for _, w := range m.waits {
			if due := w.due(); earlier(due, w.name) {
				first, name, do = m.moment(due), w.name, func(at int64) { m.absence(w, at) }
			}
		}
		if do == nil {
			return
		}
		do(first)
	}
}

// tick is a look at the clock.
func (m *reference) tick(now int64) {
	m.time(now)
	for _, a := range slices.Clone(m.open) {
		if now >= a.until {
			m.close(a)
		}
	}
}

// token takes a token of the container of a source: the bucket is as full as what was taken, and what came back since, makes it.
func (m *reference) token(s *Source, now int64, look bool) bool {
	b := m.settings.Limits.PerContainer
	if b.Rate.Count == 0 {
		return true
	}
	used := refUse(m.buckets, func(b *refBucket) bool { return b.name == s.Container.ID })
	full, one := int64(b.Burst)*int64(b.Rate.Per), int64(b.Rate.Per) // in tokens × Per, which is exact
	level, last := full, int64(0)
	if used != nil {
		for _, at := range append(slices.Clone(used.taken), now) {
			if last != 0 {
				level = min(full, level-one+(at-last)*int64(b.Rate.Count))
			}
			last = at
		}
	}
	if level < one {
		return false
	}
	if look {
		return true
	}
	if used == nil {
		used = &refBucket{name: s.Container.ID}
		m.buckets, _ = refAdd(m, m.buckets, used)
	}
	used.taken = append(used.taken, now)
	return true
}

var refNumber = regexp.MustCompile(`\d+`)

// template masks what differs; the lines of the tests hold numbers alone.
func (h *refHit) template() string { return refNumber.ReplaceAllString(h.line, "<num>") }

// known reports whether the template was seen in the workload, and notes that it is.
func (m *reference) known(h *refHit) bool {
	if h.rule.FirstSeen == 0 {
		return false
	}
	name := h.rule.Name + "\n" + h.source.Workload + "\n" + h.template()
	s := refUse(m.seen, func(s *refSeen) bool { return s.name == name })
	if s == nil {
		m.seen, _ = refAdd(m, m.seen, &refSeen{name, h.at})
		return false
	}
	known := h.at-s.at < int64(h.rule.FirstSeen)
	s.at = h.at
	return known
}

// key returns the history of a hit's cooldown key.
func (m *reference) key(h *refHit) *refKey {
	parts := []string{h.rule.Name}
	for _, by := range h.rule.CooldownBy {
		switch by {
		case "container":
			parts = append(parts, h.source.Container.ID)
		case "workload":
			parts = append(parts, h.source.Workload)
		case "template":
			parts = append(parts, h.template())
		default:
			parts = append(parts, h.captures[strings.TrimPrefix(by, "capture.")])
		}
	}
	name := strings.Join(parts, "\x1f")
	k := refUse(m.keys, func(k *refKey) bool { return k.name == name })
	if k == nil {
		k = &refKey{name: name, rule: h.rule}
		var gone *refKey
		if m.keys, gone = refAdd(m, m.keys, k); gone != nil {
			all, _ := gone.held()
			m.counts[gone.rule.Name].Forgotten += int64(len(all))
		}
	}
	return k
}

// refUse finds one of a list and makes it the one used last.
func refUse[T any](list []*T, is func(*T) bool) *T {
	i := slices.IndexFunc(list, is)
	if i < 0 {
		return nil
	}
	one := list[i]
	copy(list[i:], list[i+1:])
	list[len(list)-1] = one
	return one
}

// refAdd adds one to a list; when there are too many, the one unused for longest goes.
func refAdd[T any](m *reference, list []*T, one *T) (_ []*T, gone *T) {
	if len(list) == m.settings.Limits.MaxKeys {
		m.evicted++
		list, gone = list[1:], list[0]
	}
	return append(list, one), gone
}
