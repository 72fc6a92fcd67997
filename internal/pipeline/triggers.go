package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/hours"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// triggers are the triggers in force, with their filters and clients. Immutable.
type triggers struct {
	all   []triggerClient
	files []string // the files of their secrets
}

var _ delivery.Editor = (*client.Client)(nil)

type triggerClient struct {
	settings *trigger.Settings
	filter   *trigger.Filter
	client   *client.Client
	outside  *atomic.Int64  // alerts that during alone excluded
	digest   *hours.Moments // nil: it sends none
}

// outsideHours counts the alerts that arrived outside the hours of triggers, by the name of the trigger. The counts are kept over reloads.
type outsideHours struct {
	mu       sync.Mutex
	triggers map[string]*atomic.Int64
}

// counter returns the counter of a trigger.
func (o *outsideHours) counter(name string) *atomic.Int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.triggers == nil {
		o.triggers = map[string]*atomic.Int64{}
	}
	if o.triggers[name] == nil {
		o.triggers[name] = &atomic.Int64{}
	}
	return o.triggers[name]
}

// counts returns a copy of all counts that are not zero.
func (o *outsideHours) counts() map[string]int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := map[string]int64{}
	for name, n := range o.triggers {
		if n := n.Load(); n > 0 {
			out[name] = n
		}
	}
	return out
}

// newTriggers builds filters and clients. It leaves out invalid triggers; the error names each.
func newTriggers(s *config.Settings, now func() time.Time, outside *outsideHours, made *messageLinks) (*triggers, error) {
	t := &triggers{}
	regexps := &trigger.Regexps{}
	var errs []error
	for i := range s.Triggers {
		set := &s.Triggers[i]
		// Also of a trigger that cannot be built, so that its secret file is watched for.
		t.files = append(t.files, set.Files()...)
		filter, err := trigger.NewFilter(set, regexps)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sender, err := client.New(*set, client.Deps{Egress: s.Egress, Now: now, UserAgent: userAgent, Links: made.under(s.Admin.Public())})
		if err != nil {
			errs = append(errs, &triggerError{i, err})
			continue
		}
		one := triggerClient{settings: set, filter: filter, client: sender, outside: outside.counter(set.Name)}
		if set.Digest != "" {
			if one.digest, err = hours.ParseMoments(set.Digest, set.Zone); err != nil { // which the client's settings were checked for
				errs = append(errs, &triggerError{i, err})
				continue
			}
		}
		t.all = append(t.all, one)
	}
	return t, errors.Join(errs...)
}

// triggerError is a trigger whose client cannot be built, mostly because a secret is missing.
type triggerError struct {
	index int
	err   error
}

// Error names the trigger and the setting.
func (e *triggerError) Error() string { return e.err.Error() }

// Unwrap returns the client's own error.
func (e *triggerError) Unwrap() error { return e.err }

// placed adds the positions of triggers that cannot be built to the error of a first start. It returns other errors unchanged.
func placed(err error, loaded *config.Result) error {
	parts := &loaded.Parts
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	refused := &ConfigError{}
	for _, e := range joined.Unwrap() {
		if inner, ok := e.(interface{ Unwrap() []error }); ok { // the joined errors of all triggers
			if more, ok := placed(errors.Join(inner.Unwrap()...), loaded).(*ConfigError); ok {
				refused.Problems = append(refused.Problems, more.Problems...)
				continue
			}
		}
		if h, ok := e.(*heartbeatError); ok {
			refused.Problems = append(refused.Problems, loaded.Unavailable("heartbeat.", h.err)...)
			continue
		}
		if f, ok := e.(*fleetError); ok {
			refused.Problems = append(refused.Problems, loaded.Unavailable("fleet.", f.err)...)
			continue
		}
		t, ok := e.(*triggerError)
		if !ok || t.index >= len(parts.Triggers) {
			return err
		}
		refused.Problems = append(refused.Problems, parts.Triggers[t.index].Unavailable(t.err)...)
	}
	return refused
}

const userAgent = "fluentbit-trigger"

// of returns the names of the triggers that send an alert that arrives at a time, and counts it for those outside their hours.
func (t *triggers) of(a *trigger.Alert, at time.Time) []string {
	var names []string
	for i := range t.all {
		switch t.all[i].filter.Match(a, at) {
		case trigger.Sends:
			names = append(names, t.all[i].settings.Name)
		case trigger.OutsideHours:
			t.all[i].outside.Add(1)
		}
	}
	return names
}

// ofEnd returns those of the names that are triggers in force and want alerts of its kind: kind is the one property whose filter keeps an end from a trigger.
func (t *triggers) ofEnd(a *trigger.Alert, sentBy []string) []string {
	var names []string
	for i := range t.all {
		if name := t.all[i].settings.Name; slices.Contains(sentBy, name) && t.all[i].filter.SendsKind(a) {
			names = append(names, name)
		}
	}
	return names
}

// TriggerDecision is whether a trigger would send an alert. Why is the reason why not, or "".
type TriggerDecision struct{ Name, Why string }

// TriggersOf returns for each trigger in force whether it would send an alert that arrives now.
func (p *Pipeline) TriggersOf(a *engine.Alert) []TriggerDecision {
	t := p.triggers.Load()
	if t == nil {
		return nil
	}
	event, now := NewAlert(a, ""), p.now()
	out := make([]TriggerDecision, len(t.all))
	for i := range t.all {
		out[i] = TriggerDecision{t.all[i].settings.Name, t.all[i].filter.Explain(&event, now)}
	}
	return out
}

// hours returns the current or the next hours of the triggers that have some, by name.
func (t *triggers) hours(now time.Time) map[string]hours.Period {
	out := map[string]hours.Period{}
	if t == nil {
		return out
	}
	for i := range t.all {
		if p, ok := t.all[i].filter.Hours(now); ok {
			out[t.all[i].settings.Name] = p
		}
	}
	return out
}

// delivery returns the triggers for the dispatcher, which then closes the clients.
func (t *triggers) delivery() []delivery.Trigger {
	out := make([]delivery.Trigger, len(t.all))
	for i, one := range t.all {
		out[i] = delivery.NewTrigger(one.settings, receiver.SendRate(one.settings), one.client, one.client.Revision())
	}
	return out
}

// revisions returns the revision of each trigger's receiver and credentials, by name.
func (t *triggers) revisions() map[string]string {
	revisions := make(map[string]string, len(t.all))
	for i := range t.all {
		revisions[t.all[i].settings.Name] = t.all[i].client.Revision()
	}
	return revisions
}

// digest returns a digest of the triggers by which nodes of a fleet know whether they send the same alerts to the same triggers: their names, their filters, and
// the settings of the fleet that change what others get to see.
func (t *triggers) digest(s *config.Settings) string {
	var parts []any
	for i := range t.all {
		one := t.all[i].settings
		parts = append(parts, one.Name, one.Severity, one.Source, one.Workload, one.Rule, one.Message, one.Where, one.During, one.Zone)
	}
	text, err := json.Marshal(append(parts, s.Fleet.Namespace, s.Fleet.ShareLines))
	if err != nil { // texts, lists and maps of texts always have a form
		return "unknown"
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// redact removes the secrets of all triggers from a text.
func (t *triggers) redact(text string) string {
	for i := range t.all {
		text = t.all[i].client.Redactor().Redact(text)
	}
	return text
}

// close closes the clients of triggers that never were in force.
func (t *triggers) close() {
	for i := range t.all {
		t.all[i].client.Close()
	}
}
