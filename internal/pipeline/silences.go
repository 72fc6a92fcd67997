package pipeline

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/match"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Bounds of the silences made at run time.
const (
	maxSilences = 10_000
	// silenceKept is how long one is kept after its end, to look at.
	silenceKept = 5 * 24 * time.Hour
	// silenceSweep is how often ended ones are looked for.
	silenceSweep = time.Hour
)

// The errors of AddSilence and ExpireSilence beside those of the store.
var (
	// ErrNoSilence: no silence has the id.
	ErrNoSilence = errors.New("there is no silence with this id")
	// ErrConfiguredSilence: it stands in the configuration, and is changed there.
	ErrConfiguredSilence = errors.New("the silence stands in the configuration: it is changed there")
	// ErrTooManySilences: one has to end, and be forgotten, before another is made.
	ErrTooManySilences = fmt.Errorf("there are %d silences already: no more are kept", maxSilences)
)

// SilenceError is a silence that was refused.
type SilenceError struct{ Fields []engine.FieldError }

// Error names all fields that are wrong.
func (e *SilenceError) Error() string {
	texts := make([]string, len(e.Fields))
	for i := range e.Fields {
		texts[i] = e.Fields[i].Error()
	}
	return "silence: " + strings.Join(texts, "; ")
}

// silencing is the silences of the configuration and those made at run time, which are in the store as well.
type silencing struct {
	mu         sync.Mutex
	configured []engine.Silence
	added      map[string]engine.Silence
	swept      time.Time
}

// silencePrefix is what the keys of silences begin with in the store.
func (p *Pipeline) silencePrefix() string { return "silence/" + p.id + "/" }

// Silences returns all silences in the order of their ids: those of the configuration, and those made at run time, which are kept for some
// days after their end.
func (p *Pipeline) Silences() []engine.Silence { return p.engine.Silences() }

// AddSilence makes a silence, or changes the one made at run time that has its id, and returns it as it is in force, and as it was before. One
// without From begins now. When it returns nil, the silence holds from the next line on, and is kept over restarts. The error is a *SilenceError, one of those
// above, or the store's; then nothing has changed.
func (p *Pipeline) AddSilence(ctx context.Context, s engine.Silence) (made engine.Silence, before *engine.Silence, err error) {
	now := p.now()
	s.Configured = false
	if s.From == 0 {
		s.From = now.UnixNano()
	}
	if bad := s.Validate(); len(bad) > 0 {
		return engine.Silence{}, nil, &SilenceError{bad}
	}
	if s.Until <= now.UnixNano() {
		ended := engine.FieldError{
			Field: "until", Value: time.Unix(0, s.Until).UTC().Format(time.RFC3339), Message: "has passed: it is " + now.UTC().Format(time.RFC3339),
		}
		return engine.Silence{}, nil, &SilenceError{[]engine.FieldError{ended}}
	}
	p.silencing.mu.Lock()
	defer p.silencing.mu.Unlock()
	old, known := p.silencing.added[s.ID]
	if s.Rule != "" && s.Rule != old.Rule {
		if bad := p.unknownRule(s.Rule); bad != nil {
			return engine.Silence{}, nil, &SilenceError{[]engine.FieldError{*bad}}
		}
	}
	switch {
	case s.ID == "" && len(p.silencing.added) >= maxSilences:
		return engine.Silence{}, nil, ErrTooManySilences
	case s.ID == "":
		s.ID = newSilenceID()
	case engine.ConfiguredSilence(s.ID):
		return engine.Silence{}, nil, ErrConfiguredSilence
	case !known:
		return engine.Silence{}, nil, ErrNoSilence
	}
	if err := p.saveSilence(ctx, s.ID, &s); err != nil {
		return engine.Silence{}, nil, err
	}
	if known {
		before = &old
	}
	p.log.Info("silence made", "id", s.ID, "until", time.Unix(0, s.Until).UTC().Format(time.RFC3339), "author", s.Author)
	return s, before, nil
}

// unknownRule returns the fault of a glob that no rule in force, those of labels included, has a name for; nil where one has.
func (p *Pipeline) unknownRule(glob string) *engine.FieldError {
	names := p.engine.Snapshot().RuleNames()
	if slices.ContainsFunc(names, func(name string) bool { return match.Match(name, glob) }) {
		return nil
	}
	hint := setting.DidYouMean(glob, names)
	switch {
	case hint == "" && len(names) == 0:
		hint = "there are no rules"
	case hint == "":
		hint = "the rules are " + strings.Join(names[:min(len(names), maxNamed)], ", ")
	}
	return &engine.FieldError{Field: "rule", Value: glob, Message: "no rule has such a name", Hint: hint}
}

// ExpireSilence ends a silence made at run time now, or removes it when it has not begun, and returns it as it was and as it is, nil when it is
// gone. One that has ended stays as it is: then both are nil.
func (p *Pipeline) ExpireSilence(ctx context.Context, id string) (before, after *engine.Silence, err error) {
	now := p.now().UnixNano()
	p.silencing.mu.Lock()
	defer p.silencing.mu.Unlock()
	s, known := p.silencing.added[id]
	switch {
	case engine.ConfiguredSilence(id):
		return nil, nil, ErrConfiguredSilence
	case !known:
		return nil, nil, ErrNoSilence
	case s.Until <= now:
		return nil, nil, nil
	}
	was := s
	if s.Until = now; s.From < now {
		after = &s
	}
	if err := p.saveSilence(ctx, id, after); err != nil {
		return nil, nil, err
	}
	p.log.Info("silence ended", "id", id)
	return &was, after, nil
}

// newSilenceID returns an id that no silence has.
func newSilenceID() string {
	var id [10]byte
	_, _ = rand.Read(id[:]) // it never fails: see its documentation
	return "si_" + idEncoding.EncodeToString(id[:])
}

// saveSilence keeps a silence in the store, or removes it when it is nil, and then puts it in force. The caller holds the mutex.
func (p *Pipeline) saveSilence(ctx context.Context, id string, s *engine.Silence) error {
	var value []byte
	if s != nil {
		var err error
		if value, err = json.Marshal(s); err != nil {
			return err
		}
	}
	if err := p.store.SaveState(ctx, p.now(), map[string][]byte{p.silencePrefix() + id: value}); err != nil {
		return err
	}
	if s == nil {
		delete(p.silencing.added, id)
	} else {
		p.silencing.added[id] = *s
	}
	p.enforceSilences()
	return nil
}

// enforceSilences puts the silences in force. The caller holds the mutex.
func (p *Pipeline) enforceSilences() {
	all := make([]engine.Silence, 0, len(p.silencing.configured)+len(p.silencing.added))
	all = append(all, p.silencing.configured...)
	for _, s := range p.silencing.added {
		all = append(all, s)
	}
	if err := p.engine.SetSilences(all); err != nil {
		p.log.Error("a silence is left out", "error", err)
	}
}

// configureSilences puts the silences of a configuration in the place of those before.
func (p *Pipeline) configureSilences(s *config.Settings) {
	p.silencing.mu.Lock()
	defer p.silencing.mu.Unlock()
	p.silencing.configured = p.silencing.configured[:0]
	for i := range s.Silences {
		p.silencing.configured = append(p.silencing.configured, s.Silences[i].Silence())
	}
	p.enforceSilences()
}

// restoreSilences puts those made at run time back in force.
func (p *Pipeline) restoreSilences() {
	p.silencing.mu.Lock()
	defer p.silencing.mu.Unlock()
	p.silencing.added = map[string]engine.Silence{}
	saved, err := p.store.LoadStates(p.ctx, p.silencePrefix())
	if err != nil {
		p.log.Error("the silences made at run time were not restored: they hold nothing back", "error", err)
		return
	}
	for key, value := range saved {
		var s engine.Silence
		if err := json.Unmarshal(value, &s); err != nil || s.ID != strings.TrimPrefix(key, p.silencePrefix()) {
			p.log.Warn("a silence in the store cannot be read", "key", key, "error", err)
			continue
		}
		p.silencing.added[s.ID] = s
	}
	p.enforceSilences()
}

// sweepSilences forgets the silences made at run time that ended some days ago, now and then.
func (p *Pipeline) sweepSilences(ctx context.Context) error {
	now := p.now()
	p.silencing.mu.Lock()
	defer p.silencing.mu.Unlock()
	if now.Sub(p.silencing.swept) < silenceSweep {
		return nil
	}
	gone := map[string][]byte{}
	for id, s := range p.silencing.added {
		if now.Sub(time.Unix(0, s.Until)) >= silenceKept {
			gone[p.silencePrefix()+id] = nil
		}
	}
	if len(gone) > 0 {
		if err := p.store.SaveState(ctx, now, gone); err != nil {
			return err
		}
		for key := range gone {
			delete(p.silencing.added, strings.TrimPrefix(key, p.silencePrefix()))
		}
		p.enforceSilences()
	}
	p.silencing.swept = now
	return nil
}
