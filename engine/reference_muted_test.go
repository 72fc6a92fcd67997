package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// The second half of the reference: absence, suppressed hits from outside, and the lines after a hit.

// waitFor returns the wait of a rule for a workload, or for all together; it begins where there is none.
func (m *reference) waitFor(r *RuleSettings, workload string, s *Source, now int64) *refWait {
	if r.AbsentFrom == rules.AbsentFromStart && len(r.Workloads) == 0 {
		workload = ""
	}
	name := r.Name + "\x1f" + workload
	w := refUse(m.waits, func(w *refWait) bool { return w.name == name })
	if w == nil {
		w = &refWait{name: name, workload: workload, rule: r, began: now, from: now}
		m.waits, _ = refAdd(m, m.waits, w)
	}
	if w.source == nil {
		w.source = s
	}
	return w
}

// last is when the latest hit happened, or the wait began.
func (w *refWait) last() int64 {
	if len(w.hits) == 0 {
		return w.began
	}
	last := w.hits[0].at
	for _, h := range w.hits {
		last = max(last, h.at)
	}
	return last
}

// due returns when the absence is reported; 0 = it is already.
func (w *refWait) due() int64 {
	if w.absent {
		return 0
	}
	return max(w.from+int64(w.rule.Absent), w.putOff)
}

// grade is the severity of an absence and of its end.
func (w *refWait) grade() Severity {
	if w.rule.Severity != SeverityUnknown {
		return w.rule.Severity
	}
	return SeverityWarning
}

func (w *refWait) report(a *refAlert) {
	for _, h := range w.hits {
		if h.fate == refAlerted || h.reported {
			continue
		}
		if a.Since == 0 {
			a.Since = h.at
		}
		a.Since = min(a.Since, h.at)
		h.reported = true
		a.Suppressed[h.fate]++
	}
}

// absence reports that nothing came for too long, or waits until nothing holds that back: it is looked at once a minute.
func (m *reference) absence(w *refWait, at int64) {
	a := refAlert{Kind: KindAbsence, Time: at, First: w.last(), Last: w.last(), Severity: w.grade()}
	source := &Source{Workload: w.workload}
	if w.source != nil {
		source.Host, source.Tag = w.source.Host, w.source.Tag
	}
	about := refAbout{rule: w.rule.Name, source: source, severity: a.Severity, kind: a.Kind, settings: w.rule}
	if _, muted := m.muted(about, at); muted {
		w.putOff = at + int64(time.Minute)
		return
	}
	if w.absent, w.sent = true, !w.rule.DryRun; !w.sent {
		return
	}
	w.report(&a)
	m.counts[w.rule.Name].Absences++
	m.away(&a, w.rule, about, at)
	a.Image, a.ImageSince = m.imageOf(source)
	m.out = append(m.out, a)
}

// heard is a hit of a rule that waits for it.
func (m *reference) heard(h *refHit) {
	w := m.waitFor(h.rule, h.source.Workload, h.source, h.arrived)
	absent, sent, last := w.absent, w.sent, w.last()
	w.absent, w.sent, w.from, w.putOff, w.source = false, false, h.arrived, 0, h.source
	switch {
	case absent && sent: // nothing keeps the end of what was sent back
		h.fate = refAlerted
		a := refAlert{Kind: KindResolved, Time: h.at, Count: 1, First: h.at, Last: h.at, Severity: w.grade()}
		w.report(&a)
		if a.Since != 0 {
			a.First = min(a.First, a.Since)
		}
		if len(w.hits) > 0 {
			a.Last = max(a.Last, last)
		}
		w.hits = append(w.hits, h)
		m.chain(h, true)
		reported := *h
		source := *h.source
		source.Workload = w.workload
		reported.source = &source
		m.leave(&a, &reported, h.arrived)
		return
	case absent && h.rule.DryRun:
		h.fate = ReasonDryRun
	default:
		h.fate = ReasonExpected
	}
	w.hits = append(w.hits, h)
	m.chain(h, true)
	m.counts[h.rule.Name].Suppressed[h.fate]++
}

// about is a hit as silences and inhibitions see it, with the kind of the alert that it would make.
func (h *refHit) about() refAbout {
	kind := KindLog
	if h.rule.Count > 0 || h.rule.Rate.Above != 0 || h.rule.Of != "" {
		kind = KindThreshold
	}
	return refAbout{h.rule.Name, h.source, h.line, true, h.severity, kind, h.stream, h.rule}
}

// aboutRollup is the roll-up that shows a hit.
func (h *refHit) aboutRollup() refAbout {
	about := h.about()
	about.kind = KindRollup
	if h.rule.Without != "" {
		about.kind = KindMissing
	}
	return about
}

// muted says whether a silence or an inhibition holds something back.
func (m *reference) muted(about refAbout, now int64) (Reason, bool) {
	for i := range m.silences {
		if s := &m.silences[i]; s.From <= now && (s.Until == 0 || now < s.Until) && refHours(s, now) && !m.overByImage(s, about.source.Workload) && about.match(&s.Matchers) {
			return ReasonSilence, true
		}
	}
	for _, f := range m.fired {
		i := &m.settings.Inhibits[f.inhibit]
		if about.match(&i.Target) && f.equal == about.equal(i) && now-f.at < int64(i.For) && !(f.both && about.match(&i.Source)) {
			return ReasonInhibited, true
		}
	}
	return 0, false
}

// match reports whether all matchers hold that are set. Globs of the tests have a star at their end, or none.
func (about *refAbout) match(m *Matchers) bool {
	glob := func(glob, name string) bool {
		prefix, star := strings.CutSuffix(glob, "*")
		return glob == name || star && strings.HasPrefix(name, prefix)
	}
	return (m.Rule == "" || glob(m.Rule, about.rule)) &&
		(m.Workload == "" || glob(m.Workload, about.source.Workload)) &&
		(m.Container == "" || about.source.Container.ID != "" && glob(m.Container, about.source.Container.ID)) &&
		(len(m.Severity) == 0 || slices.Contains(m.Severity, about.severity)) &&
		(m.Message == "" || about.lined && refRegexp(m.Message).MatchString(about.line)) && about.meets(m.Where)
}

// meets reports whether all conditions are true. Those of the tests are texts, "!=text" and "present()".
func (about *refAbout) meets(where map[string]string) bool {
	for name, want := range where {
		value, ok := "", false
		switch name {
		case "host":
			value = about.source.Host
		case "kind":
			value = about.kind.String()
		case "stream":
			value = about.stream.String()
		case "severity":
			value = about.severity.String()
		case "label.team":
			value = about.settings.Labels["team"]
		case "capture.x":
			re := refRegexp(about.settings.Pattern)
			if at := re.SubexpIndex("x"); about.lined && at >= 0 {
				value, ok = re.FindStringSubmatch(about.line)[at], true // it may be empty
			}
		}
		ok = ok || value != ""
		other, not := strings.CutPrefix(want, "!=")
		if !ok || want != "present()" && (value == other) == not {
			return false
		}
	}
	return true
}

// refHours says by the text of the time that a zone shows whether a silence is within its hours. Those of the tests have days, "daily", "weekdays" or one,
// and times.
func refHours(s *Silence, now int64) bool {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		panic(err)
	}
	wall := time.Unix(0, now).In(zone)
	on := func(days string, day time.Weekday) bool {
		return days == "daily" || days == "weekdays" && day != time.Saturday && day != time.Sunday || days == strings.ToLower(day.String())
	}
	for _, entry := range s.Every {
		days, times, _ := strings.Cut(entry, " ")
		from, to, _ := strings.Cut(times, "-")
		clock, today, yesterday := wall.Format("15:04"), wall.Weekday(), (wall.Weekday()+6)%7
		if from < to && on(days, today) && from <= clock && clock < to ||
			from > to && (on(days, today) && from <= clock || on(days, yesterday) && clock < to) {
			return true
		}
	}
	return len(s.Every) == 0
}

// equal is what source and target must have in common.
func (about *refAbout) equal(i *InhibitSettings) string {
	text := ""
	for _, word := range i.Equal {
		switch word {
		case "workload":
			text += about.source.Workload + "\n"
		case "host":
			text += about.source.Host + "\n"
		}
	}
	return text
}

// leave has an alert about a hit leave: at once, or when the lines after it came.
func (m *reference) leave(a *refAlert, h *refHit, now int64) {
	about := refAbout{h.rule.Name, h.source, h.line, true, a.Severity, a.Kind, h.stream, h.rule}
	m.away(a, h.rule, about, now)
	if late := h.arrived - h.at; late >= int64(time.Minute) {
		a.Late = late
	}
	a.Message, a.Container, a.stream = h.line, h.source.Container.ID, h.stream
	a.Image, a.ImageSince = m.imageOf(h.source)
	if a.Kind == KindRollup && h.rule.Fleet() && !refLeads(a.Time) {
		m.counts[h.rule.Name].Rollups--
	}
	if a.Kind == KindRollup || a.Kind == KindMissing {
		m.out = append(m.out, *a)
		return
	}
	a.held = h.rule.Fleet() && h.rule.Absent == 0 && !refLeads(a.Time)
	if h.rule.Context.After > 0 {
		a.lines, a.until = h.rule.Context.After, h.arrived+int64(5*time.Second)
		m.open = append(m.open, a)
		m.counts[h.rule.Name].Pending++
		return
	}
	m.out = append(m.out, *a)
	m.decided(a)
}

// decided counts an alert that leaves, unless the fleet holds it.
func (m *reference) decided(a *refAlert) {
	c := m.counts[a.Rule]
	if a.held {
		c.Suppressed[ReasonFleet]++
		return
	}
	c.Alerts++
}

// refLeads is the answer of a fleet about an alert: half of them leave.
func refLeads(at int64) bool { return at/int64(time.Second)%2 == 0 }

// away notes what an alert says of its source, and what it inhibits from now on, or, when it is an end, no longer.
func (m *reference) away(a *refAlert, r *RuleSettings, about refAbout, now int64) {
	a.Rule, a.Workload, a.Host, a.Tag = r.Name, about.source.Workload, about.source.Host, about.source.Tag
	for n := range m.settings.Inhibits {
		i := &m.settings.Inhibits[n]
		if !about.match(&i.Source) {
			continue
		}
		f := refFired{n, about.equal(i), now, about.match(&i.Target)}
		if a.Kind != KindResolved {
			m.fired = append(m.fired, f)
			continue
		}
		m.fired = slices.DeleteFunc(m.fired, func(other refFired) bool { return other.inhibit == f.inhibit && other.equal == f.equal })
	}
}

// follow gives a line to the alerts of its container and stream that wait for one.
func (m *reference) follow(rec *Record, now int64) {
	for _, a := range slices.Clone(m.open) {
		if a.Container != rec.Source.Container.ID || a.stream != rec.Stream {
			continue
		}
		if now < a.until {
			a.lines--
			a.After++
		}
		if a.lines == 0 || now >= a.until {
			m.close(a)
		}
	}
}

// close has an alert leave that waited.
func (m *reference) close(a *refAlert) {
	m.open = slices.DeleteFunc(m.open, func(other *refAlert) bool { return other == a })
	m.out = append(m.out, *a)
	m.counts[a.Rule].Pending--
	m.decided(a)
}
