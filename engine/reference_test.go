package engine

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// reference counts as docs/counting.md and docs/silences.md say it: it keeps all that ever came, and looks all of it through for each question. It
// has no deadlines and no levels of buckets, and carries nothing on that it can find out from what came, so that it shares no shortcut with the engine.
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
	chains  []*refChain
	waits   []*refWait

	images refImages
}

// refHit is a line that a rule matched, and what became of it.
type refHit struct {
	rule     *RuleSettings
	at       int64 // when it happened, by the record
	arrived  int64
	line     string
	captures map[string]string
	source   *Source
	stream   Stream
	severity Severity
	fate     Reason // why it was suppressed, or refAlerted
	reported bool   // an alert reported it
	keptOn   bool   // it was suppressed by the cooldown, less than one after the hit before it that was

	recent, usual, others int64 // that its rate or ratio compares
}

const refAlerted = NumReasons

// refAlert is what is compared of an alert.
type refAlert struct {
	Kind                           Kind
	Rule                           string
	Severity                       Severity
	Time, Count, First, Last       int64
	Since, Late                    int64
	Suppressed                     [NumReasons]int64
	Workload, Host, Container, Tag string
	Message                        string
	After                          int
	Ended                          int64 // hits that all alerts of what ended report
	Lasted                         int64 // how long that lasted
	Hits, Usual, Others            int64 // that a rate or a ratio compares
	Image                          string
	ImageSince                     int64

	stream Stream
	lines  int   // still to come after it
	until  int64 // waits no longer
	held   bool  // another node of the fleet alerts
}

// refKey is a cooldown key: its hits, and the moments of arrival at which a window of it began.
type refKey struct {
	name       string
	rule       *RuleSettings
	hits       []*refHit
	windows    []refWindow
	before     refEpisode  // what went on when the clock was last set back
	story      []refMoment // hits and alerts since
	remembered []refMark   // for the threshold, in the order of arrival
	distinct   string      // what their values are of
	putOff     int64       // a roll-up could not leave: the window stays open until then
	wait       *refHit     // that the other rule has not followed
	waitFrom   int64       // what that is measured from
	notBefore  int64       // after a restart: when that is reported at the earliest
	incident   *refIncident
	pace       *refPace
}

// refWindow is a window that began with the key's hit of a number, and how often windows doubled by then.
type refWindow struct {
	at        int64
	from      int
	doublings int
}

// refIncident is what the alerts of a key with resolve reported since the last end.
type refIncident struct {
	alerts []refAlert
	source *Source // of the first
	stream Stream
	from   int64 // what the wait for its end is measured from
	putOff int64 // it does not end before
}

// refMoment is a hit, or an alert, with how long a window was then. An alert is of the time that the records' clock showed.
type refMoment struct {
	at, arrived, window int64
	alert               bool
}

// refEpisode is what goes on: the time of its first alert and of its latest hit by the records' clock, and when that hit arrived.
type refEpisode struct {
	began, lastHit, arrived int64
	steps                   int
}

type refMark struct {
	at    int64
	value string
}

type refBucket struct {
	name  string
	taken []int64 // when tokens were
}

type refSeen struct {
	name  string
	first int64 // the earliest time
	at    int64 // the latest time
}

// refWait is what a rule with absent waits for.
type refWait struct {
	name, workload string
	rule           *RuleSettings
	source         *Source
	began          int64
	from           int64 // what the wait is measured from
	hits           []*refHit
	absent, sent   bool
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
	kind     Kind
	stream   Stream
	settings *RuleSettings
}

func newReference(s Settings) *reference {
	m := &reference{settings: s, counts: map[string]*RuleCounts{}, images: newRefImages()}
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
		if r.Absent == 0 || r.AbsentFrom != rules.AbsentFromStart {
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
	m.before(rec, now)
	defer m.after(rec, now)
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
		re := refRegexp(r.Pattern)
		groups := re.FindStringSubmatch(string(rec.Text))
		if groups == nil {
			m.over(r, rec, now)
			continue
		}
		h := &refHit{
			rule: r, at: refHappened(rec.Time, now), arrived: now, line: string(rec.Text), captures: map[string]string{}, source: rec.Source, stream: rec.Stream,
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

// refHappened is when a record says that it happened, unless that cannot be.
func refHappened(recorded, arrived int64) int64 {
	if recorded < time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano() || recorded > arrived {
		return arrived
	}
	return recorded
}

// hit decides about a hit.
func (m *reference) hit(h *refHit) {
	k := m.key(h)
	k.hits = append(k.hits, h)
	if h.rule.Rate.Below != 0 {
		m.expected(k, h)
		return
	}
	h.fate = m.fate(k, h)
	switch h.fate {
	case refAlerted:
		a := refAlert{Kind: KindLog, Time: h.at, Count: 1, First: h.at, Last: h.at, Severity: h.severity, Hits: h.recent, Usual: h.usual, Others: h.others}
		if h.rule.Count > 0 || h.rule.Rate.Above != 0 || h.rule.Of != "" {
			a.Kind = KindThreshold
		}
		k.remembered = nil
		m.report(k, &a, h.arrived, k.goesOn().lastHit)
		k.alerted(a, h, h.arrived)
		m.leave(&a, h, h.arrived)
		return
	case ReasonDryRun: // it does what it would have done, but for reporting
		k.begin(h.arrived)
		k.remembered = nil
	}
	m.counts[h.rule.Name].Suppressed[h.fate]++
}

// fate goes through what may suppress a hit, in the order of the documentation.
func (m *reference) fate(k *refKey, h *refHit) Reason {
	ordered, answered := m.inOrder(h)
	usual := m.measured(k, h)
	if ordered && !usual {
		if k.incident != nil {
			k.incident.from, k.incident.putOff = h.arrived, 0
		}
		k.story = append(k.story, refMoment{h.at, h.arrived, k.window(), false})
	}
	known, counted := ordered && m.known(h), k.counted(h)
	defer m.chain(h, ordered && !known && !usual && counted >= h.rule.Count)
	if h.rule.Without != "" {
		if k.wait == nil && !answered && !h.rule.DryRun {
			k.wait, k.waitFrom = h, h.arrived
		}
		return ReasonSequence
	}
	if why, muted := m.muted(h.about(), h.arrived); muted {
		return why
	}
	switch {
	case !ordered:
		return ReasonSequence
	case counted < h.rule.Count || usual:
		return ReasonThreshold
	case known:
		return ReasonKnown
	case k.cooling(h.arrived):
		h.keptOn = len(k.windows) > 0 && h.arrived-k.latest() < k.window()
		return ReasonCooldown
	case !m.token(h.source, h.arrived, h.rule.DryRun):
		return ReasonRateLimit
	case h.rule.DryRun:
		return ReasonDryRun
	}
	return refAlerted
}

// counted returns how many hits, or different values, there are in the fullest of all times of length within that the hit lies in, and remembers the hit.
func (k *refKey) counted(h *refHit) (most int) {
	r := k.rule
	if r.Count == 0 || k.distinct != r.Distinct {
		k.remembered, k.distinct = nil, r.Distinct
	}
	if r.Count == 0 {
		return 0
	}
	value := h.captures[strings.TrimPrefix(r.Distinct, "capture.")]
	counts := r.Distinct == "" || value != ""
	for _, first := range append(slices.Clone(k.remembered), refMark{at: h.at}) {
		if first.at > h.at || h.at-first.at >= int64(r.Within) {
			continue
		}
		n := 0
		for _, other := range k.remembered {
			if other.at >= first.at && other.at-first.at < int64(r.Within) && (r.Distinct == "" || other.value != value) {
				n++
			}
		}
		if counts {
			n++
		}
		most = max(most, n)
	}
	if !counts {
		return most
	}
	mark := refMark{h.at, value}
	if r.Distinct != "" { // of each value the latest time
		k.remembered = slices.DeleteFunc(k.remembered, func(other refMark) bool {
			if other.value == value {
				mark.at = max(mark.at, other.at)
			}
			return other.value == value
		})
	}
	k.remembered = append(k.remembered, mark)
	if extra := len(k.remembered) - 2*r.Count; extra > 0 {
		k.remembered = k.remembered[extra:]
	}
	return most
}

// cooling reports whether a window of the key is open.
func (k *refKey) cooling(now int64) bool {
	if k.rule.Cooldown == 0 {
		return false
	}
	return len(k.windows) > 0 && now < k.closes() || now < k.putOff
}

// latest returns the arrival of the latest hit of the window that was suppressed by the cooldown and came in time after the one before it, or else the window's
// beginning.
func (k *refKey) latest() int64 {
	w := k.windows[len(k.windows)-1]
	latest := w.at
	for _, h := range k.hits[w.from:] {
		if h.keptOn {
			latest = max(latest, h.arrived)
		}
	}
	return latest
}

// closes returns when the window closes: at its end, or when nothing came for the time of a cooldown.
func (k *refKey) closes() int64 {
	w := k.windows[len(k.windows)-1]
	length := k.window()
	for range w.doublings {
		length = max(length, min(2*length, int64(k.rule.CooldownMax)))
	}
	return min(w.at+length, k.latest()+k.window())
}

// begin begins a window: one that is twice as long as the last, if hits kept coming in that.
func (k *refKey) begin(now int64) {
	next := refWindow{at: now, from: len(k.hits)}
	if n := len(k.windows); n > 0 && k.latest()+k.window() > now && int64(k.rule.CooldownMax) > k.window() {
		last := k.windows[n-1]
		came := slices.ContainsFunc(k.hits[last.from:], func(h *refHit) bool { return h.keptOn })
		length := k.window()
		for range last.doublings {
			length = min(2*length, int64(k.rule.CooldownMax))
		}
		if came {
			next.doublings = last.doublings
			if length < int64(k.rule.CooldownMax) {
				next.doublings++
			}
		}
	}
	k.windows = append(k.windows, next)
}

// window is how long a window is open.
func (k *refKey) window() int64 { return int64(cmp.Or(k.rule.Cooldown, time.Minute)) }

// held returns the hits that were suppressed and not reported yet, and those of them that a roll-up is made for.
func (k *refKey) held() (all, owed []*refHit) {
	for _, h := range k.hits {
		if h.fate == refAlerted || h.reported {
			continue
		}
		all = append(all, h)
		if h.fate == ReasonCooldown || h.fate == ReasonRateLimit {
			owed = append(owed, h)
		}
	}
	return all, owed
}

// due returns when the key reports something by itself; 0 = not as things stand.
func (k *refKey) due() int64 {
	_, owed := k.held()
	if k.rule.Without != "" && k.wait != nil {
		return max(k.waitFrom+int64(k.rule.Within), k.putOff, k.notBefore)
	}
	if len(owed) == 0 || k.rule.DryRun {
		return 0
	}
	first, due := owed[0].arrived, int64(0)
	if k.rule.Rollup {
		due = first + k.window() // where no window was open, one begins with what was suppressed
		if len(k.windows) > 0 && first < k.closes() {
			due = k.closes()
		}
	}
	if e := k.goesOn(); e.began != 0 && e.steps < len(k.rule.Escalate) {
		step := max(e.arrived+e.began+int64(k.rule.Escalate[e.steps].After)-e.lastHit, e.arrived, first)
		if !e.over(e.clock(step), k.window()) && (due == 0 || step < due) {
			due = step
		}
	}
	if due != 0 {
		due = max(due, k.putOff)
	}
	return due
}

// goesOn goes through the history of the key: it goes on from an alert on until a window passes without a hit.
func (k *refKey) goesOn() refEpisode {
	e := k.before
	for _, m := range k.story {
		over := e.over(m.at, m.window)
		switch {
		case !m.alert:
			if over {
				e.began, e.steps = 0, 0
			}
			if m.at >= e.lastHit {
				e.lastHit, e.arrived = m.at, m.arrived
			}
			continue
		case over || e.began == 0:
			e.began, e.steps = m.at, 0
		}
		for e.steps < len(k.rule.Escalate) && e.began+int64(k.rule.Escalate[e.steps].After) <= m.at {
			e.steps++
		}
	}
	return e
}

// over reports whether one of the windows in a row, counted from the first alert, has passed without a hit by a time of the records' clock.
func (e refEpisode) over(at, window int64) bool {
	if e.began == 0 {
		return false
	}
	empty := e.began // the first window without a hit
	for empty <= e.lastHit {
		empty += window
	}
	return empty+window <= at
}

// clock is what the records' clock shows when something happens by the other: it is as far behind as with the latest hit.
func (e refEpisode) clock(arrival int64) int64 { return arrival - (e.arrived - e.lastHit) }

// report makes an alert of the key report all that was suppressed, and raises its severity. It leaves at now, and goeson is its time by the records' clock.
func (m *reference) report(k *refKey, a *refAlert, now, goesOn int64) {
	all, _ := k.held()
	for i, h := range all {
		h.reported = true
		a.Suppressed[h.fate]++
		if i == 0 {
			a.Since = h.at
			if a.Kind == KindRollup || a.Kind == KindMissing {
				a.First, a.Last = h.at, h.at
			}
		}
		a.Since, a.First, a.Last = min(a.Since, h.at), min(a.First, h.at), max(a.Last, h.at)
	}
	k.begin(now)
	k.story, k.putOff = append(k.story, refMoment{goesOn, now, k.window(), true}), 0
	if steps := k.goesOn().steps; steps > 0 {
		a.Severity = max(a.Severity, k.rule.Escalate[steps-1].Severity)
	}
}

// rollup reports what a key suppressed; where that cannot leave, the window stays open for a while.
func (m *reference) rollup(k *refKey, at int64) {
	shown := k.wait
	if shown == nil {
		_, owed := k.held()
		shown = owed[0]
	}
	if _, muted := m.muted(shown.aboutRollup(), at); muted || !m.token(shown.source, at, false) {
		k.putOff = at + min(max(k.window()/4, int64(time.Second)), int64(time.Minute))
		return
	}
	a := refAlert{Kind: KindRollup, Time: at, Severity: shown.severity}
	if k.wait != nil {
		a.Kind, k.wait = KindMissing, nil
		m.counts[k.rule.Name].Absences++
	} else {
		m.counts[k.rule.Name].Rollups++
	}
	m.report(k, &a, at, k.goesOn().clock(at))
	k.alerted(a, shown, at)
	m.leave(&a, shown, at)
}

// alerted notes an alert that shows a hit. The first one begins what its key has to end.
func (k *refKey) alerted(a refAlert, shown *refHit, now int64) {
	if k.incident == nil {
		if k.rule.Resolve == 0 && k.rule.ResolveOn == "" {
			return
		}
		k.incident = &refIncident{source: shown.source, stream: shown.stream, from: now}
	}
	k.incident.alerts = append(k.incident.alerts, a)
}

// ends returns when what the key alerted about is over; 0: nothing is open. A rule that asks for no ends any more ends it at once.
func (k *refKey) ends() int64 {
	switch {
	case k.incident == nil:
		return 0
	case k.rule.Resolve == 0 && k.rule.ResolveOn == "":
		return k.incident.from
	case k.rule.Resolve == 0: // only a line ends it
		return 0
	}
	return max(k.incident.from+int64(k.rule.Resolve), k.incident.putOff)
}

// over is a line that is no hit of a rule: it may end what alerts of the rule began in its workload, unless that went on after it. A value that it lacks can
// be any.
func (m *reference) over(r *RuleSettings, rec *Record, now int64) {
	if r.ResolveOn == "" {
		return
	}
	re := refRegexp(r.ResolveOn)
	groups := re.FindStringSubmatch(string(rec.Text))
	if groups == nil {
		return
	}
	m.time(now)
	line := &refHit{rule: r, at: refHappened(rec.Time, now), line: string(rec.Text), captures: map[string]string{}, source: rec.Source}
	for g, name := range re.SubexpNames() {
		line.captures[name] = groups[g]
	}
	name, _ := m.named(line, r.Name, r.CooldownBy)
	parts := strings.Split(name, "\x1f")
	keys := slices.Clone(m.keys)
	slices.SortFunc(keys, func(a, b *refKey) int { return strings.Compare(a.name, b.name) })
	for _, k := range keys {
		if k.rule != r || k.incident == nil || k.incident.source.Workload != rec.Source.Workload || line.at < k.last() {
			continue
		}
		same := true
		for n, part := range strings.Split(k.name, "\x1f") {
			lacking := n > 0 && (r.CooldownBy[n-1] == "template" || strings.HasPrefix(r.CooldownBy[n-1], "capture.") && parts[n] == "")
			same = same && (lacking || part == parts[n])
		}
		if same {
			m.end(k, line.at, line, now)
		}
	}
}

// last is the latest hit that alerts of what goes on report or would report.
func (k *refKey) last() (last int64) {
	for _, a := range k.incident.alerts {
		last = max(last, a.Last)
	}
	all, _ := k.held()
	for _, h := range all {
		last = max(last, h.at)
	}
	return last
}

// end reports that no hit of a key came for long enough, or that a line ended it, and what was suppressed meanwhile. Afterwards the key is as if it had never
// alerted.
func (m *reference) end(k *refKey, at int64, by *refHit, now int64) {
	i := k.incident
	a := refAlert{Kind: KindResolved, Time: at, First: i.alerts[0].First}
	for _, one := range i.alerts {
		a.First, a.Last, a.Severity = min(a.First, one.First), max(a.Last, one.Last), max(a.Severity, one.Severity)
		a.Ended += one.Count
		for _, n := range one.Suppressed {
			a.Ended += n
		}
	}
	all, _ := k.held()
	for n, h := range all {
		h.reported = true
		a.Suppressed[h.fate]++
		if n == 0 {
			a.Since = h.at
		}
		a.Since, a.First, a.Last = min(a.Since, h.at), min(a.First, h.at), max(a.Last, h.at)
	}
	a.Ended += int64(len(all))
	a.Lasted = a.Last - a.First
	m.counts[k.rule.Name].Resolved++
	m.away(&a, k.rule, refAbout{rule: k.rule.Name, source: i.source, severity: a.Severity, kind: a.Kind, stream: i.stream, settings: k.rule}, now)
	if by != nil {
		a.Message, a.Lasted = by.line, max(0, at-a.First)
		if late := now - at; late >= int64(time.Minute) {
			a.Late = late
		}
	}
	a.Container = i.source.Container.ID
	a.Image, a.ImageSince = m.imageOf(i.source)
	m.out = append(m.out, a)
	k.windows, k.before, k.story, k.putOff, k.incident = nil, refEpisode{}, nil, 0, nil
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
			if due := k.ends(); earlier(due, k.name) { // before a roll-up of that moment: it reports all of it
				first, name, do = m.moment(due), k.name, func(at int64) { m.end(k, at, nil, at) }
			}
			if due := k.looks(); earlier(due, k.name) {
				first, name, do = m.moment(due), k.name, func(at int64) { m.look(k, at) }
			}
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
		m.seen, _ = refAdd(m, m.seen, &refSeen{name, h.at, h.at})
		return false
	}
	known := h.rule.FirstSeen > 0 && h.at-s.at < int64(h.rule.FirstSeen) || m.knownByImage(h, s.first)
	s.first, s.at = min(s.first, h.at), max(s.at, h.at)
	return known
}

// key returns the history of a hit's cooldown key.
func (m *reference) key(h *refHit) *refKey {
	name, _ := m.named(h, h.rule.Name, h.rule.CooldownBy)
	if h.rule.Without != "" {
		name, _ = m.named(h, h.rule.Name, h.rule.By)
	}
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

// named puts a rule's name and values of a hit together; whole is false where the hit lacks one.
func (m *reference) named(h *refHit, rule string, by []string) (name string, whole bool) {
	parts := []string{rule}
	whole = true
	for _, by := range by {
		switch by {
		case "container":
			parts = append(parts, h.source.Container.ID)
		case "workload":
			parts = append(parts, h.source.Workload)
		case "template":
			parts = append(parts, h.template())
		default:
			value := h.captures[strings.TrimPrefix(by, "capture.")]
			whole = whole && value != ""
			if len(m.settings.Redact.Patterns) > 0 && refSecret.FindString("code "+value) == "code "+value {
				value = refMasked(value)
			}
			parts = append(parts, value)
		}
	}
	return strings.Join(parts, "\x1f"), whole
}

// refMasked is a secret as a part of a key: its mask, and a digest. The engines of these tests have no salt.
func refMasked(secret string) string {
	h := hmac.New(sha256.New, nil)
	h.Write([]byte(secret))
	return fmt.Sprintf("[redacted:code]#%x", h.Sum(nil)[:8])
}

// refChain is the hits of the other rule of a sequence with certain values, in the order of arrival, or those that a ratio counts.
type refChain struct {
	name  string
	at    []int64
	share refShare
}

// inOrder reports whether a hit comes after one of the other rule, or is of a rule that asks for none, and whether the other rule answered it already; one
// without the values of the sequence waits for nothing.
func (m *reference) inOrder(h *refHit) (ordered, answered bool) {
	r := h.rule
	if r.After == "" && r.Without == "" {
		return true, false
	}
	name, whole := m.named(h, r.Name, r.By)
	chain := refUse(m.chains, func(c *refChain) bool { return c.name == name })
	if !whole {
		return r.After == "", true
	}
	if chain != nil {
		for _, at := range chain.at {
			if d := h.at - at; d >= 0 && d < int64(r.Within) {
				ordered = true
			}
			if d := at - h.at; d >= 0 && d < int64(r.Within) {
				answered = true
			}
		}
	}
	return ordered || r.After == "", answered
}

// chain notes a hit for the rules whose ratio asks for it, and, if it is a step, for those whose sequence does.
func (m *reference) chain(h *refHit, step bool) {
	for i := range m.settings.Rules {
		r := &m.settings.Rules[i]
		if r.Of == h.rule.Name {
			m.shared(h, r, true)
		}
		if !step {
			continue
		}
		if r.After != h.rule.Name && r.Without != h.rule.Name {
			continue
		}
		name, whole := m.named(h, r.Name, r.By)
		if !whole {
			continue
		}
		chain := refUse(m.chains, func(c *refChain) bool { return c.name == name })
		if chain == nil {
			chain = &refChain{name: name}
			m.chains, _ = refAdd(m, m.chains, chain)
		}
		chain.at = append(chain.at, h.at)
		chain.at = chain.at[max(0, len(chain.at)-16):]
		for _, k := range m.keys {
			if r.Without != "" && k.name == name && k.wait != nil && k.wait.at <= h.at {
				k.wait = nil
			}
		}
	}
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

// set is a clock that was set, or a machine that slept: it moved by ns that did not pass, and shows now. Nothing was waited for in that time, a bucket
// holds as many tokens as before, and what seems to come from the future is from now.
func (m *reference) set(ns, now int64) {
	for _, w := range m.waits {
		if !w.absent {
			w.from += ns
			if w.putOff != 0 {
				w.putOff += ns
			}
		}
		w.began = min(w.began, now)
		for _, h := range w.hits {
			h.at, h.arrived = min(h.at, now), min(h.arrived, now)
		}
	}
	for _, k := range m.keys {
		if k.pace != nil {
			k.pace.set(ns, now)
		}
		k.waitFrom += ns
		if i := k.incident; i != nil {
			i.from += ns
			if i.putOff != 0 {
				i.putOff += ns
			}
		}
	}
	if ns >= 0 {
		return
	}
	for _, c := range m.chains {
		for i := range c.at {
			c.at[i] = min(c.at[i], now)
		}
		c.share.set(ns)
	}
	m.looked, m.reloaded = min(m.looked, now), min(m.reloaded, now)
	for _, k := range m.keys {
		e := k.goesOn()
		k.before = refEpisode{min(e.began, now), min(e.lastHit, now), min(e.arrived, now), e.steps}
		k.story, k.putOff = nil, min(k.putOff, now+int64(time.Minute))
		k.waitFrom, k.notBefore = min(k.waitFrom, now), min(k.notBefore, now+int64(5*time.Minute))
		if i := k.incident; i != nil {
			i.from = min(i.from, now)
			for n := range i.alerts {
				i.alerts[n].First, i.alerts[n].Last = min(i.alerts[n].First, now), min(i.alerts[n].Last, now)
			}
		}
		for _, h := range k.hits {
			h.at, h.arrived = min(h.at, now), min(h.arrived, now)
		}
		for i := range k.windows {
			k.windows[i].at = min(k.windows[i].at, now)
		}
		for i := range k.remembered {
			k.remembered[i].at = min(k.remembered[i].at, now)
		}
	}
	for _, s := range m.seen {
		s.first, s.at = min(s.first, now), min(s.at, now)
	}
	m.images.clamp(now)
	for _, b := range m.buckets {
		for i := range b.taken {
			b.taken[i] += ns
		}
	}
	for i := range m.fired {
		m.fired[i].at = min(m.fired[i].at, now)
	}
	for _, a := range m.open {
		a.until = min(a.until, now+int64(5*time.Second))
	}
}

// stop ends the program: what waits for lines leaves without them.
func (m *reference) stop() {
	for _, a := range slices.Clone(m.open) {
		m.close(a)
	}
}

// restart begins to count again, with what was remembered. An absence does not count the time in between, nor, when that was long, what was before, and
// leaves time for what came meanwhile to be read.
func (m *reference) restart(stopped, now int64) {
	for _, c := range m.counts {
		*c = RuleCounts{}
	}
	m.evicted = 0
	for _, k := range m.keys {
		k.notBefore = now + int64(5*time.Minute)
		if p := k.pace; p != nil {
			p.gap, p.resumed = p.gap+(now-stopped)/p.slice(), now
		}
		switch i, gap := k.incident, now-stopped; {
		case i == nil:
		case gap > int64(5*time.Minute):
			i.from, i.putOff = now, 0
		default:
			i.from, i.putOff = i.from+gap, now+int64(5*time.Minute)
		}
	}
	for _, w := range m.waits {
		switch gap := now - stopped; {
		case w.absent:
		case gap > int64(5*time.Minute):
			w.from, w.putOff = now, 0
		default:
			w.from, w.putOff = w.from+gap, now+int64(5*time.Minute)
		}
	}
}
