package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// start is when the tests' clock begins.
var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// bench is one file with what a test needs around it.
type bench struct {
	tb           testing.TB
	registry     Registry
	set          Settings
	mu           sync.Mutex
	at           time.Time
	logged       bytes.Buffer
	orMemory     bool
	memoryIfNone bool
}

func newBench(tb testing.TB, change ...func(*Settings)) *bench {
	b := &bench{tb: tb, set: DefaultSettings(), at: start}
	b.set.Path = filepath.Join(tb.TempDir(), "a.db")
	for _, fn := range change {
		fn(&b.set)
	}
	tb.Cleanup(func() {
		if err := b.registry.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

func (b *bench) tryOpen() (*Store, error) {
	return b.registry.Open(context.Background(), Options{Settings: b.set, Now: b.now, MemoryIfNone: b.memoryIfNone, OrMemory: b.orMemory, Log: slog.New(slog.NewTextHandler(&b.logged, nil))})
}

func (b *bench) open() *Store {
	b.tb.Helper()
	s, err := b.tryOpen()
	if err != nil {
		b.tb.Fatal(err)
	}
	return s
}

// other opens the same file as another process would: with a connection of its own.
func (b *bench) other() *Store {
	b.tb.Helper()
	r := new(Registry)
	s, err := r.Open(context.Background(), Options{Settings: b.set, Now: b.now})
	if err != nil {
		b.tb.Fatal(err)
	}
	b.tb.Cleanup(func() { must(b.tb, r.Close()) })
	return s
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// items returns alerts first … first+n-1 for the triggers.
func items(first, n int, triggers ...string) []Item {
	all := make([]Item, n)
	for i := range all {
		id := fmt.Sprintf("al_%09d", first+i)
		all[i] = Item{ID: id, Payload: fmt.Appendf(nil, `{"id":%q,"message":"%0400d"}`, id, 0)}
		for _, t := range triggers {
			all[i].Routes = append(all[i].Routes, Route{Trigger: t, MaxAge: 24 * time.Hour})
		}
	}
	return all
}

func (b *bench) accept(s *Store, list []Item) Accepted {
	b.tb.Helper()
	done, err := s.Accept(context.Background(), b.now(), list)
	must(b.tb, err)
	return done
}

func (b *bench) lease(s *Store, owner Owner, trigger string, limit int) []Message {
	b.tb.Helper()
	messages, _, err := s.Lease(context.Background(), owner, b.now(), trigger, limit)
	must(b.tb, err)
	return messages
}

func (b *bench) finish(s *Store, owner Owner, outcome Outcome, messages ...Message) {
	b.tb.Helper()
	var results []Result
	for i := range messages {
		results = append(results, Result{Message: &messages[i], Outcome: outcome, Due: b.now().Add(time.Minute), Reason: "because"})
	}
	_, err := s.Finish(context.Background(), owner, b.now(), results)
	must(b.tb, err)
}

// counts checks the account and returns it.
func (b *bench) counts(s *Store, trigger string) Counts {
	b.tb.Helper()
	a, err := s.Account(context.Background())
	must(b.tb, err)
	return a.Triggers[trigger]
}

func idsOf(messages []Message) []string {
	var ids []string
	for _, m := range messages {
		ids = append(ids, m.ID)
	}
	return ids
}
