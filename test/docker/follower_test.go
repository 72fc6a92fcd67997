package docker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// follower is a docker.Manager on an engine, with its default timing, and what it handed over and saved.
type follower struct {
	t    *testing.T
	e    *engine
	host string // a proxy; "": the engine itself
	m    *sdk.Manager
	log  await.Log

	mu      sync.Mutex
	lines   map[string][]line // by workload
	ids     map[string]int
	total   int
	saved   map[string][]byte
	notices []sdk.Notice
	each    func(*sdk.Batch) // instead of keeping the lines
}

type line struct {
	text      string
	truncated bool
	stderr    bool
}

func newFollower(t *testing.T, e *engine) *follower {
	f := &follower{t: t, e: e, lines: map[string][]line{}, ids: map[string]int{}, saved: map[string][]byte{}}
	t.Cleanup(func() {
		f.stop()
		if text := f.log.String(); t.Failed() {
			t.Logf("the follower: %s", text[max(0, len(text)-6000):])
		}
	})
	return f
}

// start follows the containers of the test from where the last stop was, and waits until those that there are are known.
func (f *follower) start() {
	f.t.Helper()
	f.mu.Lock()
	o := sdk.Options{
		API: f.e.api(f.host), Settings: sdk.Settings{Containers: []string{"test=" + f.e.label}}, Sink: f.take, Save: f.save, OnNotice: f.notice,
		Saved: maps.Clone(f.saved), Log: slog.New(slog.NewTextHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	delete(f.saved, "")
	f.mu.Unlock()
	m, err := sdk.New(o)
	if err != nil {
		f.t.Fatal(err)
	}
	m.Start()
	f.m = m
	eventually(f.t, "the containers are known", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.saved[""] != nil
	})
}

// stop ends it as SIGTERM does.
func (f *follower) stop() {
	if f.m == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := f.m.Stop(ctx); err != nil {
		f.t.Errorf("stop: %v", err)
	}
	f.m = nil
}

func (f *follower) take(_ context.Context, b *sdk.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total += len(b.Lines)
	if f.each != nil {
		f.each(b)
		return nil
	}
	w := b.Source.Workload
	for _, l := range b.Lines {
		f.lines[w] = append(f.lines[w], line{string(l.Text), l.Truncated, l.Stream == 2})
		f.ids[fmt.Sprintf("%s %d %d %d %s", b.Source.Container.ID, l.Stream, l.Time, l.Ordinal, l.Text)]++
	}
	return nil
}

func (f *follower) save(_ context.Context, changed map[string][]byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, value := range changed {
		if value == nil {
			delete(f.saved, id)
			continue
		}
		f.saved[id] = value
	}
	return nil
}

func (f *follower) notice(n sdk.Notice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notices = append(f.notices, n)
}

// noticed returns the kinds of the notices, without that about compression.
func (f *follower) noticed() (kinds []sdk.NoticeKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.notices {
		if n.Kind != sdk.NoticeCompress {
			kinds = append(kinds, n.Kind)
		}
	}
	return kinds
}

// got returns the lines of a workload.
func (f *follower) got(workload string) (texts []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lines[workload] {
		texts = append(texts, l.text)
	}
	return texts
}

// has waits until a workload has so many lines, ends the follower, so that nothing more comes, and returns them.
func (f *follower) has(workload string, n int) []string {
	f.t.Helper()
	eventually(f.t, fmt.Sprintf("%s has %d lines", workload, n), func() bool { return len(f.got(workload)) >= n })
	f.stop()
	return f.got(workload)
}

// wants waits for the lines of a workload, whose order between the streams is free, ends the follower, and wants these and no others.
func (f *follower) wants(workload string, lines ...string) {
	f.t.Helper()
	got := f.has(workload, len(lines))
	slices.Sort(got)
	slices.Sort(lines)
	if slices.Equal(got, lines) {
		return
	}
	for i := range max(len(got), len(lines)) {
		if i == len(got) || i == len(lines) || got[i] != lines[i] {
			f.t.Fatalf("%s: %d lines, want %d; sorted, they differ at %d:\n%.100q\n%.100q", workload, len(got), len(lines), i, got[i:min(len(got), i+3)],
				lines[i:min(len(lines), i+3)])
		}
	}
}

// generated returns the lines of the generator's runs.
func generated(runs, lines int) []string {
	var all []string
	for run := range runs {
		for i := 1; i <= lines; i++ {
			all = append(all, fmt.Sprintf("line %d.%d", run, i))
		}
	}
	return all
}

// inOrder checks that each stream's lines of a workload came in the order in which the generator writes them.
func (f *follower) inOrder(workload string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var last [2][2]int
	for _, l := range f.lines[workload] {
		var run, n int
		if _, err := fmt.Sscanf(l.text, "line %d.%d", &run, &n); err != nil {
			continue
		}
		s := 0
		if l.stderr {
			s = 1
		}
		if run < last[s][0] || run == last[s][0] && n <= last[s][1] {
			f.t.Errorf("%s: line %d.%d came behind line %d.%d", workload, run, n, last[s][0], last[s][1])
			return
		}
		last[s] = [2]int{run, n}
	}
}

// agrees waits until the lines of a workload are exactly those of the container's log, as the engine gives it out as a whole, and ends the
// follower.
func (f *follower) agrees(workload, container string) {
	f.t.Helper()
	var lines []string
	for _, record := range f.e.log(container) {
		_, text, _ := strings.Cut(record, " ")
		lines = append(lines, strings.TrimRight(text, "\r\n"))
	}
	f.wants(workload, lines...)
}

func (e *engine) id(container string) string {
	e.t.Helper()
	return e.must("inspect", "--format", "{{.Id}}", container)
}

// log returns the records of a container's log, which have short lines if it has a terminal, each with its time stamp.
func (e *engine) log(container string) (all []string) {
	e.t.Helper()
	body, err := e.api("").Logs(context.Background(), e.id(container), sdk.LogOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	log, err := io.ReadAll(body)
	if err != nil {
		e.t.Fatal(err)
	}
	if e.must("inspect", "--format", "{{.Config.Tty}}", container) == "true" {
		return slices.Collect(strings.Lines(string(log)))
	}
	for len(log) >= 8 {
		n := int(log[4])<<24 | int(log[5])<<16 | int(log[6])<<8 | int(log[7])
		all = append(all, string(log[8:8+n]))
		log = log[8+n:]
	}
	return all
}

// proxy is a socket in front of the engine's that cuts every connection at intervals.
func (f *follower) proxy(every time.Duration) (cuts func() int) {
	f.t.Helper()
	socket := strings.TrimPrefix(f.e.host, "unix://")
	if socket == "" {
		socket = strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	}
	if socket == "" {
		socket = "/var/run/docker.sock"
	}
	if strings.Contains(socket, "://") {
		f.t.Skipf("the engine at %s has no socket here", socket)
	}
	path := filepath.Join(f.t.TempDir(), "proxy.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = listener.Close() })
	f.host = "unix://" + path
	var mu sync.Mutex
	n, open := 0, map[net.Conn]bool{}
	cut := func() {
		mu.Lock()
		defer mu.Unlock()
		for c := range open {
			_ = c.Close()
			n++
		}
		clear(open)
	}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", socket)
			if err != nil {
				_ = in.Close()
				continue
			}
			mu.Lock()
			open[in], open[out] = true, true
			mu.Unlock()
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
	ticker := time.NewTicker(every)
	done := make(chan struct{})
	f.t.Cleanup(func() { ticker.Stop(); close(done); cut() })
	go func() {
		for {
			select {
			case <-ticker.C:
				cut()
			case <-done:
				return
			}
		}
	}()
	return func() int { mu.Lock(); defer mu.Unlock(); return n }
}
