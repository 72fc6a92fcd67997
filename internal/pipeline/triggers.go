package pipeline

import (
	"errors"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// triggers are the triggers in force, with their filters and clients. Immutable.
type triggers struct {
	all   []triggerClient
	files []string // the files of their secrets
}

var _ delivery.Sender = (*client.Client)(nil)

type triggerClient struct {
	settings *trigger.Settings
	filter   *trigger.Filter
	client   *client.Client
}

// newTriggers builds filters and clients. It leaves out invalid triggers; the error names each.
func newTriggers(s *config.Settings, now func() time.Time) (*triggers, error) {
	t := &triggers{}
	regexps := &trigger.Regexps{}
	var errs []error
	for i := range s.Triggers {
		set := &s.Triggers[i]
		t.files = append(t.files, set.Files()...)
		filter, err := trigger.NewFilter(set, regexps)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sender, err := client.New(*set, client.Deps{Egress: s.Egress, Now: now, UserAgent: userAgent})
		if err != nil {
			errs = append(errs, &triggerError{i, err})
			continue
		}
		t.all = append(t.all, triggerClient{set, filter, sender})
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
func placed(err error, parts *config.Parts) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	refused := &ConfigError{}
	for _, e := range joined.Unwrap() {
		if inner, ok := e.(interface{ Unwrap() []error }); ok { // the joined errors of all triggers
			if more, ok := placed(errors.Join(inner.Unwrap()...), parts).(*ConfigError); ok {
				refused.Problems = append(refused.Problems, more.Problems...)
				continue
			}
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

// of returns the names of the triggers whose filters match an alert.
func (t *triggers) of(a *trigger.Alert) []string {
	var names []string
	for i := range t.all {
		if t.all[i].filter.Match(a) {
			names = append(names, t.all[i].settings.Name)
		}
	}
	return names
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
