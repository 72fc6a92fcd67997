// Package silence keeps the silences of the configuration and those made at runtime, and puts both in force in the engine.
//
// It promises: a runtime silence is in the store before it is in force, and survives restarts. At most 10,000 are kept, each for five days after
// its end.
package silence

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/shortid"
)

const (
	maxSilences = 10_000
	keepEnded   = 5 * 24 * time.Hour // so that people can look at them
	sweepEvery  = time.Hour
	maxNamed    = 10 // rules that an error names
)

// The errors of Add and Expire, beside *Error and those of the store.
var (
	ErrNotFound   = errors.New("there is no silence with this id")
	ErrConfigured = errors.New("the silence is defined in the configuration: change it there")
	ErrExists     = errors.New("there is a silence with this id already")
	ErrTooMany    = fmt.Errorf("there are %d silences already, which is the limit", maxSilences)
)

// Error is a silence that was refused.
type Error struct{ Fields []setting.Fault }

// Error names all invalid fields.
func (e *Error) Error() string {
	texts := make([]string, len(e.Fields))
	for i := range e.Fields {
		texts[i] = e.Fields[i].Error()
	}
	return "silence: " + strings.Join(texts, "; ")
}

// Store saves state by key; a nil value removes a key.
type Store interface {
	SaveState(ctx context.Context, now time.Time, values map[string][]byte) error
	LoadStates(ctx context.Context, prefix string) (map[string][]byte, error)
}

// Options are the dependencies of a Set. All must be set.
type Options struct {
	Instance string
	Engine   *engine.Engine
	Store    Store
	Now      func() time.Time
	Log      *slog.Logger
}

// Set holds the silences of one instance. It is safe for concurrent use.
type Set struct {
	o Options

	mu         sync.Mutex
	configured []engine.Silence
	runtime    map[string]engine.Silence
	swept      time.Time
}

// New returns a set with the saved runtime silences in force. Those that cannot be read are logged and left out.
func New(ctx context.Context, o Options) *Set {
	s := &Set{o: o, runtime: map[string]engine.Silence{}}
	s.restore(ctx)
	return s
}

// KeyPrefix returns the prefix of the silences of an instance in its store.
func KeyPrefix(instance string) string { return "silence/" + instance + "/" }

// Configured returns the silences of a configuration.
func Configured(s *config.Settings) []engine.Silence {
	var all []engine.Silence
	for i := range s.Silences {
		all = append(all, s.Silences[i].Silence())
	}
	return all
}

// All returns all silences by id: the configured ones, and the runtime ones until five days after their end.
func (s *Set) All() []engine.Silence { return s.o.Engine.Silences() }

// Add makes a silence, or changes the runtime silence with its id, and returns it with its former state, nil for a new one. A silence without From
// begins now. After a nil error the silence applies from the next record on. Any error is an *Error, one of those above, or the store's; then
// nothing has changed.
func (s *Set) Add(ctx context.Context, one engine.Silence) (made engine.Silence, before *engine.Silence, err error) {
	now := s.o.Now()
	one.Configured = false
	if one.From == 0 {
		one.From = now.UnixNano()
	}
	if one.NextImage && one.Until == 0 {
		one.Until = one.From + int64(engine.MaxNextImage)
	}
	if bad := one.Validate(); len(bad) > 0 {
		return engine.Silence{}, nil, &Error{bad}
	}
	if one.Ended(now.UnixNano()) {
		ended := setting.Fault{
			Field: "until", Value: time.Unix(0, one.Until).UTC().Format(time.RFC3339), Message: "has passed: it is " + now.UTC().Format(time.RFC3339),
		}
		return engine.Silence{}, nil, &Error{[]setting.Fault{ended}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.runtime[one.ID]
	// An unchanged glob stays valid, even if a reload removed the rules that it matched.
	if one.Rule != "" && one.Rule != old.Rule {
		if bad := s.unknownRule(one.Rule); bad != nil {
			return engine.Silence{}, nil, &Error{[]setting.Fault{*bad}}
		}
	}
	switch {
	case one.ID == "" && len(s.runtime) >= maxSilences:
		return engine.Silence{}, nil, ErrTooMany
	case one.ID == "":
		one.ID = newID()
	case engine.ConfiguredSilence(one.ID):
		return engine.Silence{}, nil, ErrConfigured
	case !known:
		return engine.Silence{}, nil, ErrNotFound
	}
	if err := s.save(ctx, one.ID, &one); err != nil {
		return engine.Silence{}, nil, err
	}
	if known {
		before = &old
	}
	s.o.Log.Info("silence saved", "id", one.ID, "until", untilText(&one), "author", one.Author)
	return one, before, nil
}

// Create makes a silence with an id that the caller chose. It fails with ErrExists if there is a runtime silence with this id, which may have ended, and
// otherwise as Add does.
func (s *Set) Create(ctx context.Context, one engine.Silence) (engine.Silence, error) {
	if bad := one.Validate(); len(bad) > 0 {
		return one, &Error{bad}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch _, known := s.runtime[one.ID]; {
	case known:
		return one, ErrExists
	case len(s.runtime) >= maxSilences:
		return one, ErrTooMany
	}
	if bad := s.unknownRule(one.Rule); bad != nil {
		return one, &Error{[]setting.Fault{*bad}}
	}
	if err := s.save(ctx, one.ID, &one); err != nil {
		return one, err
	}
	s.o.Log.Info("silence saved", "id", one.ID, "until", untilText(&one), "author", one.Author)
	return one, nil
}

// Made returns the runtime silence with an id, until five days after its end.
func (s *Set) Made(id string) (engine.Silence, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.runtime[id]
	return one, ok
}

// untilText returns the end of a silence for a log line.
func untilText(s *engine.Silence) string {
	if s.Until == 0 {
		return "expired by hand"
	}
	return time.Unix(0, s.Until).UTC().Format(time.RFC3339)
}

// unknownRule returns a fault if no rule in force matches the glob, nil otherwise. Rules from labels count.
func (s *Set) unknownRule(rule string) *setting.Fault {
	names := s.o.Engine.Snapshot().RuleNames()
	if slices.ContainsFunc(names, func(name string) bool { return glob.Match(rule, name) }) {
		return nil
	}
	hint := setting.DidYouMean(rule, names)
	switch {
	case hint == "" && len(names) == 0:
		hint = "there are no rules"
	case hint == "":
		hint = "the rules are " + strings.Join(names[:min(len(names), maxNamed)], ", ")
	}
	return &setting.Fault{Field: "rule", Value: rule, Message: "no rule has such a name", Hint: hint}
}

// Expire ends a runtime silence now, or removes it if it has not begun, and returns its former and its new state, nil if it was removed. For a
// silence that has already ended it returns nil twice.
func (s *Set) Expire(ctx context.Context, id string) (before, after *engine.Silence, err error) {
	now := s.o.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	one, known := s.runtime[id]
	switch {
	case engine.ConfiguredSilence(id):
		return nil, nil, ErrConfigured
	case !known:
		return nil, nil, ErrNotFound
	case one.Ended(now):
		return nil, nil, nil
	}
	was := one
	if one.Until = now; one.From < now {
		after = &one
	}
	if err := s.save(ctx, id, after); err != nil {
		return nil, nil, err
	}
	s.o.Log.Info("silence ended", "id", id)
	return &was, after, nil
}

func newID() string {
	var id [10]byte
	_, _ = rand.Read(id[:]) // it never fails: see its documentation
	return shortid.Silence(id[:])
}

// save saves a silence, or removes it if it is nil, and then puts the change in force. The caller holds the mutex.
func (s *Set) save(ctx context.Context, id string, one *engine.Silence) error {
	var value []byte
	if one != nil {
		var err error
		if value, err = json.Marshal(one); err != nil {
			return err
		}
	}
	// The store comes first: a silence that is in force must survive a crash.
	if err := s.o.Store.SaveState(ctx, s.o.Now(), map[string][]byte{KeyPrefix(s.o.Instance) + id: value}); err != nil {
		return err
	}
	if one == nil {
		delete(s.runtime, id)
	} else {
		s.runtime[id] = *one
	}
	s.enforce()
	return nil
}

// enforce hands all silences to the engine. The caller holds the mutex.
func (s *Set) enforce() {
	all := make([]engine.Silence, 0, len(s.configured)+len(s.runtime))
	all = append(all, s.configured...)
	for _, one := range s.runtime {
		all = append(all, one)
	}
	if err := s.o.Engine.SetSilences(all); err != nil {
		s.o.Log.Error("skipping an invalid silence", "error", err)
	}
}

// Configure replaces the silences of the configuration.
func (s *Set) Configure(set *config.Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.configured = Configured(set)
	s.enforce()
}

// restore puts the saved silences in force.
func (s *Set) restore(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prefix := KeyPrefix(s.o.Instance)
	saved, err := s.o.Store.LoadStates(ctx, prefix)
	if err != nil {
		s.o.Log.Error("cannot read runtime silences: they are not in force", "error", err)
		return
	}
	for key, value := range saved {
		var one engine.Silence
		if err := json.Unmarshal(value, &one); err != nil || one.ID != strings.TrimPrefix(key, prefix) {
			s.o.Log.Warn("skipping a saved silence that cannot be read", "key", key, "error", err)
			continue
		}
		s.runtime[one.ID] = one
	}
	s.enforce()
}

// Sweep removes the runtime silences that ended five days ago or earlier. It does so once an hour, however often it is called.
func (s *Set) Sweep(ctx context.Context) error {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) < sweepEvery {
		return nil
	}
	prefix := KeyPrefix(s.o.Instance)
	ended := map[string][]byte{}
	for id, one := range s.runtime {
		if one.Until != 0 && now.Sub(time.Unix(0, one.Until)) >= keepEnded {
			ended[prefix+id] = nil
		}
	}
	if len(ended) > 0 {
		if err := s.o.Store.SaveState(ctx, now, ended); err != nil {
			return err
		}
		for key := range ended {
			delete(s.runtime, strings.TrimPrefix(key, prefix))
		}
		s.enforce()
	}
	s.swept = now
	return nil
}
