package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/digest"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/hours"
	"github.com/tinyforge/fluentbit-trigger/internal/shortid"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

const (
	// digestEvery is how often what was counted is added and saved: what a kill loses of it.
	digestEvery = time.Minute
	// digestLate bounds how late a digest is sent that a stop delayed.
	digestLate = 24 * time.Hour
	// digestAhead is how far the clock must have been ahead for digests to start again from the time that it shows now. A smaller step would repeat a digest.
	digestAhead = time.Hour
	// digestAlerts bounds the stored alerts that one digest looks at.
	digestAlerts = 5000
	// digestDead bounds the dead letters that one digest counts.
	digestDead = 1000
)

// digests are the ledgers of the triggers that send digests.
type digests struct {
	mu      sync.Mutex
	ledgers map[string]*ledgerState // by the name of the trigger
	loaded  bool
	last    digest.Totals // that the ledgers have
	added   time.Time     // when it was read
}

// ledgerState is a ledger, and the part of it that is saved.
type ledgerState struct {
	*digest.Ledger
	dirty bool
	seen  int // how many of Seen are saved
}

// digestKey is the prefix of the ledgers of an instance in its store. The name of the trigger follows, and seenSuffix for what was seen.
func digestKey(instance string) string { return "digest/" + instance + "/" }

const seenSuffix = "\x00seen"

// totals returns the counters that status shows.
func (p *Pipeline) totals() digest.Totals {
	s := p.engine.Stats()
	sent := p.delivery.Sent()
	of := func(hits, alerts int64, suppressed [engine.NumReasons]int64) digest.Counts {
		return digest.Counts{Hits: hits, Alerts: alerts, Suppressed: suppressed}
	}
	sum := s.Total()
	t := digest.Totals{Sum: of(sum.Hits, sum.Alerts, sum.Suppressed), Rules: map[string]digest.Counts{}, Workloads: map[string]digest.Counts{}}
	for _, n := range sent.To {
		t.Sent += n
	}
	for id, c := range s.Rules {
		t.Rules[id] = of(c.Hits, c.Alerts, c.Suppressed)
	}
	all, _ := p.workloads.List()
	for i := range all {
		w := &all[i]
		t.Workloads[w.Workload] = of(w.Hits, w.Alerts, w.Suppressed)
	}
	return t
}

// tickDigests adds the counts since the last tick, and sends the digests that are due. It saves changes once a minute and when the pipeline stops.
func (p *Pipeline) tickDigests(stops bool) {
	defer guard.Recover(p.log, &p.counters.panics, "making digests")
	d := &p.digests
	d.mu.Lock()
	defer d.mu.Unlock()
	inForce, now := p.triggers.Load(), p.now()
	senders := 0
	for i := range inForce.all {
		if inForce.all[i].digest != nil {
			senders++
		}
	}
	if senders == 0 && len(d.ledgers) == 0 && d.loaded {
		return
	}
	if !d.loaded && !p.loadDigests() {
		return
	}
	due := stops || senders != len(d.ledgers) || now.Sub(d.added) >= digestEvery || now.Before(d.added)
	for i := range inForce.all {
		one := &inForce.all[i]
		if l := d.ledgers[one.settings.Name]; one.digest != nil && (l == nil || l.Setting != settingOf(one.settings) || one.digest.Last(now).After(l.Done) || l.isAhead(now)) {
			due = true
		}
	}
	if !due {
		return
	}
	p.addToLedgers(now)
	d.renew(inForce, now)
	for i := range inForce.all {
		if one := &inForce.all[i]; one.digest != nil && !stops {
			p.digestIfDue(one, now)
		}
	}
	p.saveDigests(inForce)
}

// addToLedgers adds the counts since its last call. The caller holds the lock.
func (p *Pipeline) addToLedgers(now time.Time) {
	d := &p.digests
	totals := p.totals()
	for _, l := range d.ledgers {
		l.dirty = l.Add(&d.last, &totals) || l.dirty
	}
	d.last, d.added = totals, now
}

// renew makes the ledgers of triggers that have none, and starts the wait again of those whose setting changed. A trigger whose digest was removed keeps its ledger until
// saveDigests.
func (d *digests) renew(inForce *triggers, now time.Time) {
	for i := range inForce.all {
		one := &inForce.all[i]
		if one.digest == nil {
			continue
		}
		set := settingOf(one.settings)
		switch l := d.ledgers[one.settings.Name]; {
		case l == nil:
			fresh := digest.NewLedger(set, now)
			fresh.Know(&d.last)
			d.ledgers[one.settings.Name] = &ledgerState{Ledger: fresh, dirty: true}
		case l.Setting != set:
			l.Setting, l.Done, l.dirty = set, now, true
		case l.isAhead(now):
			l.Done, l.dirty = one.digest.Last(now), true
			if l.From.After(now) {
				l.From = now
			}
		}
	}
}

// isAhead reports whether the last digest was for a time that is far from having come: the clock was wrong then, and was set back. Without a correction there
// would be no digest until that time.
func (l *ledgerState) isAhead(now time.Time) bool { return l.Done.Sub(now) > digestAhead }

// settingOf returns the settings that a ledger's times go by.
func settingOf(s *trigger.Settings) string { return s.Digest + " " + s.Zone }

// digestIfDue sends the digest of a trigger if its time has come. One that cannot be stored is tried again. The caller holds the lock.
func (p *Pipeline) digestIfDue(one *triggerClient, now time.Time) {
	l := p.digests.ledgers[one.settings.Name]
	due := one.digest.Last(now)
	switch {
	case !due.After(l.Done):
		return
	case now.Sub(due) >= digestLate:
		p.log.Warn("a digest was due while the program did not run: the next one includes its time", "trigger", one.settings.Name, "due", due.UTC().Format(time.RFC3339))
		l.Done, l.dirty = due, true
		return
	case p.delivery.Room() != nil:
		return
	}
	made := l.Clone()
	alert, err := p.digestAlert(p.ctx, one, made, now, due)
	if err == nil {
		err = p.delivery.Accept(p.ctx, []delivery.Item{{Alert: alert, Triggers: []string{one.settings.Name}}})
	}
	if err != nil {
		p.log.Error("cannot make a digest, trying again", "trigger", one.settings.Name, "error", err)
		return
	}
	l.Seen = made.Seen
	l.Next(now, due)
	l.dirty = true
}

// digestAlert returns the alert with the digest of a ledger, which it changes: what the digest calls new has then been seen. due is zero for one that is only shown.
func (p *Pipeline) digestAlert(ctx context.Context, one *triggerClient, l *digest.Ledger, now, due time.Time) (a trigger.Alert, err error) {
	period := digest.Period{Until: now, Due: due, Clock: one.digest.Clock, Dead: map[string]int{}}
	if period.Alerts, period.More, err = p.alertsSince(ctx, l.From); err != nil {
		return a, err
	}
	letters, err := p.store.DeadLetters(ctx, store.Select{}, store.DeadLetterMark{}, digestDead)
	if err != nil {
		return a, err
	}
	dead := int64(0)
	for i := range letters {
		if !letters[i].Died.Before(l.From) {
			period.Dead[letters[i].Trigger]++
			dead++
		}
	}
	at := due
	if due.IsZero() {
		at = now
	}
	summary := l.Summary(&period)
	// With the beginning of the period, because a clock that was set back shows the same moment again, at the end of another period.
	of := strconv.FormatInt(l.From.UnixNano(), 10) + "\x00" + strconv.FormatInt(at.Unix(), 10)
	sum := sha256.Sum256([]byte("digest\x00" + p.id + "\x00" + one.settings.Name + "\x00" + of))
	a = trigger.Alert{
		Version: trigger.AlertVersion, ID: shortid.Alert(sum[:]), Key: trigger.KeyOf("digest", p.id, one.settings.Name, at.UTC().Format(time.RFC3339)),
		Kind: trigger.KindDigest, Severity: engine.SeverityInfo.String(), Rule: "digest", Summary: summary, Message: l.Report(&period),
		Time: now.UTC(), FirstSeen: l.From.UTC(), LastSeen: now.UTC(), Source: trigger.Source{Kind: trigger.KindSystem, Host: hostName()},
		Digest: &trigger.Digest{
			From: l.From.UTC(), Until: now.UTC(), Hits: l.Sum.Hits, Alerts: l.Sum.Alerts, Sent: l.Sent, DeadLetters: dead, By: map[string]int64{},
		},
	}
	for why, n := range l.Sum.Suppressed {
		if n > 0 {
			a.Digest.Suppressed += n
			a.Digest.By[engine.Reason(why).String()] = n
		}
	}
	return a, nil
}

// alertsSince returns the stored alerts of rules since a time, the oldest first, and whether there were more.
func (p *Pipeline) alertsSince(ctx context.Context, from time.Time) (list []digest.Alert, more bool, err error) {
	for before := int64(0); ; {
		page, err := p.store.Alerts(ctx, before, 250)
		if err != nil {
			return nil, false, err
		}
		for i := range page {
			before = page[i].Seq
			if page[i].Accepted.Before(from) || len(list) >= digestAlerts {
				slices.Reverse(list)
				return list, !page[i].Accepted.Before(from), nil
			}
			var a trigger.Alert
			if json.Unmarshal(page[i].Payload, &a) != nil || !slices.Contains(silenceable[:], a.Kind) { // those about incidents
				continue
			}
			list = append(list, digest.Alert{
				Rule: a.Rule, Workload: a.Source.Workload, Key: a.Key, Template: a.Template, Message: a.Message, Summary: a.Summary, Time: page[i].Accepted,
			})
		}
		if len(page) < 250 {
			slices.Reverse(list)
			return list, false, nil
		}
	}
}

// loadDigests reads the saved ledgers. Until the store can be read there are none, so that nothing is lost. The caller holds the lock.
func (p *Pipeline) loadDigests() bool {
	saved, err := p.store.LoadStates(p.ctx, digestKey(p.id))
	if err != nil {
		return false
	}
	d := &p.digests
	d.ledgers, d.loaded = map[string]*ledgerState{}, true
	for key, value := range saved {
		name := key[len(digestKey(p.id)):]
		l := &ledgerState{Ledger: &digest.Ledger{}}
		var seen []string
		other := saved[key+seenSuffix]
		if other == nil { // what was seen, or a ledger without it
			continue
		}
		if json.Unmarshal(value, l.Ledger) != nil || json.Unmarshal(other, &seen) != nil {
			p.log.Warn("skipping a saved digest that cannot be read: its counts begin again", "trigger", name)
			continue
		}
		l.Seen = map[string]bool{}
		for _, hash := range seen {
			l.Seen[hash] = true
		}
		l.seen = len(seen)
		d.ledgers[name] = l
	}
	return true
}

// saveDigests saves the ledgers that changed, and removes those of triggers that send no digest any more. What cannot be saved is saved by the next call.
func (p *Pipeline) saveDigests(inForce *triggers) {
	values := map[string][]byte{}
	var saved []*ledgerState
	for name, l := range p.digests.ledgers {
		key := digestKey(p.id) + name
		if !slices.ContainsFunc(inForce.all, func(one triggerClient) bool { return one.settings.Name == name && one.digest != nil }) {
			values[key], values[key+seenSuffix] = nil, nil
			delete(p.digests.ledgers, name)
			continue
		}
		if !l.dirty {
			continue
		}
		text, err := json.Marshal(l.Ledger)
		if err != nil {
			continue // numbers, texts and times always have a form
		}
		values[key] = text
		if len(l.Seen) != l.seen || l.seen == 0 {
			seen := make([]string, 0, len(l.Seen))
			for hash := range l.Seen {
				seen = append(seen, hash)
			}
			slices.Sort(seen)
			if text, err = json.Marshal(seen); err == nil {
				values[key+seenSuffix] = text
			}
		}
		saved = append(saved, l)
	}
	if len(values) == 0 {
		return
	}
	if err := p.store.SaveState(p.ctx, p.now(), values); err != nil {
		p.log.Warn("cannot save the counts of digests, trying again", "error", err)
		return
	}
	for _, l := range saved {
		l.dirty, l.seen = false, len(l.Seen)
	}
}

// Digest returns the digest that a trigger would send now. It changes nothing. ok is false if there is no such trigger in force.
func (p *Pipeline) Digest(ctx context.Context, name string) (a trigger.Alert, ok bool, err error) {
	d := &p.digests
	d.mu.Lock()
	defer d.mu.Unlock()
	inForce, now := p.triggers.Load(), p.now()
	i := slices.IndexFunc(inForce.all, func(one triggerClient) bool { return one.settings.Name == name })
	if i < 0 {
		return a, false, nil
	}
	one := inForce.all[i]
	if !d.loaded && !p.loadDigests() {
		return a, true, errors.New("the saved counts of digests cannot be read")
	}
	l := digest.NewLedger("", p.started)
	if known := d.ledgers[name]; known != nil {
		l = known.Clone()
		totals := p.totals()
		l.Add(&d.last, &totals)
	} else { // it sends none: what happened since the start
		totals := p.totals()
		l.Add(&digest.Totals{}, &totals)
	}
	if one.digest == nil {
		if one.digest, err = hours.ParseMoments(hours.MomentExample, ""); err != nil { // to show times
			return a, true, err
		}
	}
	a, err = p.digestAlert(ctx, &one, l, now, time.Time{})
	return a, true, err
}
