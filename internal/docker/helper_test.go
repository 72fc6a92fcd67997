package docker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/client"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// bench is a daemon, and what a manager on it handed over and saved.
type bench struct {
	t      *testing.T
	daemon *dockertest.Daemon
	log    *await.Log

	mu      sync.Mutex
	lines   map[string][]string // by workload
	full    []docker.Line       // all lines, with texts of their own
	ids     map[string]int      // what alert ids are made of
	saved   map[string][]byte
	notices []docker.Notice
	events  []docker.ContainerEvent
	closed  chan struct{} // while open, the sink takes nothing; nil: it takes everything
	waiting int           // calls of the closed sink
	onTake  func()
}

func newBench(t *testing.T) *bench {
	return &bench{
		t: t, daemon: dockertest.Start(t), log: &await.Log{}, lines: map[string][]string{}, ids: map[string]int{}, saved: map[string][]byte{},
	}
}

// options are those of a manager on the bench, which goes on where the last one was saved.
func (b *bench) options() docker.Options {
	c, err := client.New(b.daemon.Host())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	b.mu.Lock()
	defer b.mu.Unlock()
	return docker.Options{
		API: c, Sink: b.take, Save: b.save, Saved: maps.Clone(b.saved), OnNotice: b.notice, OnEvent: b.happened, Timing: docker.Patient(),
		Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func (b *bench) start(o docker.Options) *docker.Manager {
	b.t.Helper()
	m, err := docker.New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	m.Start()
	b.t.Cleanup(func() { b.stop(m) })
	return m
}

// run starts a manager, and waits until it knows the containers that there are.
func (b *bench) run(o docker.Options) *docker.Manager {
	b.t.Helper()
	m := b.start(o)
	b.eventually("the containers are known", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.saved[""] != nil
	})
	return m
}

func (b *bench) stop(m *docker.Manager) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := m.Stop(ctx); err != nil {
		b.t.Errorf("stop: %v", err)
	}
}

func (b *bench) take(ctx context.Context, batch *docker.Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if closed := b.closed; closed != nil {
		b.waiting++
		b.mu.Unlock()
		select {
		case <-closed:
		case <-ctx.Done():
		}
		b.mu.Lock()
		b.waiting--
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for _, l := range batch.Lines {
		b.lines[batch.Source.Workload] = append(b.lines[batch.Source.Workload], string(l.Text))
		b.ids[fmt.Sprintf("%s %d %d %s %d", batch.Source.Container.ID, l.Stream, l.Time, l.Text, l.Ordinal)]++
		l.Text = slices.Clone(l.Text)
		b.full = append(b.full, l)
	}
	if b.onTake != nil {
		b.onTake()
	}
	return nil
}

// close has the sink take nothing until open is called.
func (b *bench) close() (open func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	closed := make(chan struct{})
	b.closed = closed
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.closed = nil
		close(closed)
	}
}

// waits returns how many calls wait for the sink to be open.
func (b *bench) waits() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting
}

func (b *bench) save(_ context.Context, changed map[string][]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.saved == nil {
		return errors.New("the store is away")
	}
	for id, value := range changed {
		if value == nil {
			delete(b.saved, id)
			continue
		}
		b.saved[id] = value
	}
	return nil
}

func (b *bench) notice(n docker.Notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notices = append(b.notices, n)
}

func (b *bench) happened(_ context.Context, o *docker.ContainerEvent) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, *o)
	return nil
}

// occurred returns the texts of the events of a kind, with a mark for those that were found later.
func (b *bench) occurred(names ...string) (texts []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.events {
		o := &b.events[i]
		if text := o.Text(); slices.Contains(names, o.Action) {
			if o.Recovered {
				text += " (found)"
			}
			texts = append(texts, text)
		}
	}
	return texts
}

func (b *bench) noticed() []docker.NoticeKind {
	b.mu.Lock()
	defer b.mu.Unlock()
	var kinds []docker.NoticeKind
	for _, n := range b.notices {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

// got returns the lines of a workload.
func (b *bench) got(workload string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines[workload])
}

// wants waits until the lines of a workload are exactly these.
func (b *bench) wants(workload string, lines ...string) {
	b.t.Helper()
	b.eventually(fmt.Sprintf("%s has %d lines", workload, len(lines)), func() bool { return len(b.got(workload)) >= len(lines) })
	if got := b.got(workload); !slices.Equal(got, lines) {
		b.t.Fatalf("%s: lines differ: %d, want %d\n%s", workload, len(got), len(lines), difference(got, lines))
	}
}

// difference shows where two lists begin to differ.
func difference(got, want []string) string {
	for i := 0; ; i++ {
		switch {
		case i == len(got):
			return fmt.Sprintf("missing from %d on: %.80q", i, want[i])
		case i == len(want):
			return fmt.Sprintf("too many from %d on: %.80q", i, got[i])
		case got[i] != want[i]:
			return fmt.Sprintf("at %d: %.80q (%d bytes), want %.80q (%d bytes)", i, got[i], len(got[i]), want[i], len(want[i]))
		}
	}
}

func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	await.That(b.t, patience, what, holds, b.log)
}

// numbered returns lines "PREFIX FROM" to "PREFIX TO".
func numbered(prefix string, from, to int) []string {
	var lines []string
	for i := from; i <= to; i++ {
		lines = append(lines, fmt.Sprintf("%s %d", prefix, i))
	}
	return lines
}

func web() dockertest.Container { return dockertest.Container{Name: "web", Image: "shop:1"} }

var long = strings.Repeat("0123456789abcdef", 65536+100) // more than 1 MiB
