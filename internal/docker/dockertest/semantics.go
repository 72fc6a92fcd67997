package dockertest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// Subject is an engine to be checked by Semantics: this package's fake, or a real one.
type Subject struct {
	API docker.API
	// Podman has other log drivers and sizes, and its times are whole seconds, which the client completes. Semantics sets it.
	podman bool
	// Create creates a container and returns its id. When started, the container writes the texts, alternately to stdout and stderr, and then ends with
	// the code; if the code is negative, it keeps running.
	Create func(name string, tty bool, driver string, code int, texts ...string) string
	// Do performs an action on a container: start, wait for its end, kill, rename to NAME-2, or remove.
	Do func(id, action string)
	// Append adds a record to the log of an ended json-file container. Its time may be earlier than the last record's. Append reports whether it
	// succeeded.
	Append func(id string, at time.Time, text string) bool
	// Spoil removes an ended container halfway: the container remains without its log. It reports whether it succeeded.
	Spoil func(id string) bool
}

// Semantics checks the behaviour of an engine on which internal/docker relies. The fake engine and real ones must pass the same checks.
func Semantics(t *testing.T, s *Subject) {
	info, err := s.API.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.podman = info.Podman
	for _, row := range []struct {
		name string
		test func(*testing.T, *Subject)
	}{
		{"frames", frames}, {"equal records", equalRecords}, {"terminal", terminal}, {"long lines", longLines}, {"since", since}, {"since, when times go back", sinceBack}, {"tail", tail}, {"tail of a line in parts", tailOfParts}, {"errors", missingAndNone}, {"dead", dead},
		{"never started", neverStarted}, {"follow", follow}, {"inspect", inspect}, {"events", events}, {"events that were kept", kept},
	} {
		t.Run(row.name, func(t *testing.T) { row.test(t, s) })
	}
}

// ran returns the id of a container that has written its texts and ended.
func (s *Subject) ran(name string, tty bool, driver string, texts ...string) string {
	id := s.Create(name, tty, driver, 0, texts...)
	s.Do(id, "start")
	s.Do(id, "wait")
	return id
}

// read returns all bytes of a log.
func (s *Subject) read(t *testing.T, id string, o docker.LogOptions) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body, err := s.API.Logs(ctx, id, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }() // it was read only
	all, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// frame is one record of a log of a container without a terminal.
type frame struct {
	stream byte
	at     time.Time
	text   string
}

func (s *Subject) split(t *testing.T, log []byte) (all []frame) {
	t.Helper()
	for len(log) > 0 {
		if len(log) < 8 || log[1]|log[2]|log[3] != 0 {
			t.Fatalf("no header: % x", log[:min(8, len(log))])
		}
		n := int(binary.BigEndian.Uint32(log[4:]))
		stampText, text, ok := strings.Cut(string(log[8:8+n]), " ")
		at, err := time.Parse(time.RFC3339Nano, stampText)
		if err != nil || !ok || len(stampText) != len("2006-01-02T15:04:05.000000000Z") {
			t.Fatalf("no time stamp to the nanosecond: %.40q", log[8:8+n])
		}
		all = append(all, frame{log[0], at, text})
		log = log[8+n:]
	}
	return all
}

// drivers are the log drivers that keep files.
func (s *Subject) drivers() []string {
	if s.podman {
		return []string{"k8s-file"}
	}
	return []string{"json-file", "local"}
}

func said(all []frame) (texts []string) {
	for _, f := range all {
		texts = append(texts, f.text)
	}
	return texts
}

func frames(t *testing.T, s *Subject) {
	for _, driver := range s.drivers() {
		got := s.split(t, s.read(t, s.ran("frames-"+driver, false, driver, "one\n", "two\r\n", "\n", "a\x00b\n"), docker.LogOptions{}))
		if want := []string{"one\n", "two\r\n", "\n", "a\x00b\n"}; !slices.Equal(said(got), want) {
			t.Fatalf("%s: %q, want %q", driver, said(got), want)
		}
		for i, f := range got {
			if f.stream != byte(1+i%2) || i > 0 && (f.at.Before(got[i-1].at) || !s.podman && f.at.Equal(got[i-1].at)) {
				t.Errorf("%s: record %d on stream %d at %s", driver, i, f.stream, f.at)
			}
		}
	}
}

// equalRecords: equal records have distinct times, and every read returns the same times.
func equalRecords(t *testing.T, s *Subject) {
	for _, driver := range s.drivers() {
		id := s.ran("equal-"+driver, false, driver, "same\n", "same\n", "same\n", "same\n", "same\n", "same\n")
		all := s.split(t, s.read(t, id, docker.LogOptions{}))
		for i, a := range all {
			for _, b := range all[:i] {
				if a == b {
					t.Errorf("%s: two of %d records at %s", driver, len(all), a.at)
				}
			}
		}
		for _, o := range []docker.LogOptions{{Follow: true}, {Tail: 2}, {Tail: 2, Follow: true}, {Tail: 6}} {
			if got := s.split(t, s.read(t, id, o)); len(got) == 0 || !slices.Equal(got, all[len(all)-len(got):]) {
				t.Errorf("%s: %+v gives %v, the whole log %v", driver, o, got, all)
			}
		}
	}
}

// terminal: logs of a terminal have no frames and only one stream. Podman's own API frames them.
func terminal(t *testing.T, s *Subject) {
	want := []string{"one\r\n", "\x01\x00\x00\x00\x00\x00\x00\x05hello\r\n"}
	if s.podman {
		got := s.split(t, s.read(t, s.ran("terminal", true, "k8s-file", "one\n", "\x01\x00\x00\x00\x00\x00\x00\x05hello\n"), docker.LogOptions{}))
		if !slices.Equal(said(got), want) || got[0].stream != 1 || got[1].stream != 1 {
			t.Errorf("%+v", got)
		}
		return
	}
	log := s.read(t, s.ran("terminal", true, "json-file", "one\n", "\x01\x00\x00\x00\x00\x00\x00\x05hello\n"), docker.LogOptions{})
	var texts []string
	for line := range bytes.Lines(log) {
		stampText, text, _ := strings.Cut(string(line), " ")
		if _, err := time.Parse(time.RFC3339Nano, stampText); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if !slices.Equal(texts, want) {
		t.Errorf("%q", texts)
	}
}

// longLines: long lines come in parts of 16 KiB that share a time, each with a time stamp. Podman's parts have at most 8 KiB, and only the last has the
// line end.
func longLines(t *testing.T, s *Subject) {
	if s.podman {
		whole := ""
		got := s.split(t, s.read(t, s.ran("long", false, "k8s-file", strings.Repeat("x", 40000)+"\n"), docker.LogOptions{}))
		for i, f := range got {
			if len(f.text) > 8192 || strings.HasSuffix(f.text, "\n") != (i == len(got)-1) {
				t.Errorf("part %d of %d: %d bytes, %.5q…", i, len(got), len(f.text), f.text[max(0, len(f.text)-5):])
			}
			whole += f.text
		}
		if whole != strings.Repeat("x", 40000)+"\n" {
			t.Errorf("%d bytes in all", len(whole))
		}
		return
	}
	got := s.split(t, s.read(t, s.ran("long", false, "json-file", strings.Repeat("x", 40000)+"\n"), docker.LogOptions{}))
	var sizes []int
	for _, f := range got {
		sizes = append(sizes, len(f.text))
		if !f.at.Equal(got[0].at) {
			t.Errorf("a part at %s, the first at %s", f.at, got[0].at)
		}
	}
	if !slices.Equal(sizes, []int{16384, 16384, 7233}) {
		t.Errorf("parts of %v bytes", sizes)
	}
}

// since: the filter is inclusive and exact to the nanosecond. Podman filters by finer times than it returns: a filter with the record's second includes
// the record, one with the next second excludes it.
func since(t *testing.T, s *Subject) {
	if s.podman {
		id := s.ran("since", false, "k8s-file", "1\n", "2\n")
		all := s.split(t, s.read(t, id, docker.LogOptions{}))
		if got := s.split(t, s.read(t, id, docker.LogOptions{Since: all[0].at.UnixNano()})); len(got) != 2 {
			t.Errorf("since the second of the first: %q", said(got))
		}
		if got := s.read(t, id, docker.LogOptions{Since: all[1].at.Add(time.Second).UnixNano()}); len(got) > 0 {
			t.Errorf("behind the last: %q", got)
		}
		return
	}
	for _, driver := range s.drivers() {
		id := s.ran("since-"+driver, false, driver, "1\n", "2\n", "3\n", "4\n")
		all := s.split(t, s.read(t, id, docker.LogOptions{}))
		for after, want := range map[int64]int{0: 3, 1: 2} {
			got := s.split(t, s.read(t, id, docker.LogOptions{Since: all[1].at.UnixNano() + after}))
			if len(got) != want || got[want-1].text != "4\n" {
				t.Errorf("%s: %d ns after the second: %q", driver, after, said(got))
			}
		}
		if got := s.read(t, id, docker.LogOptions{Since: all[3].at.UnixNano() + 1}); len(got) > 0 {
			t.Errorf("%s: behind the last: %q", driver, got)
		}
	}
}

// sinceBack: engines differ if a clock was set back. Before 24, since excludes every older record; from 24 on, only those before the first
// record that is not older.
func sinceBack(t *testing.T, s *Subject) {
	info, err := s.API.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.podman {
		t.Skip("Podman filters every record")
	}
	major, _, _ := strings.Cut(info.Version, ".")
	version, err := strconv.Atoi(major)
	if err != nil {
		t.Skipf("an engine of version %q", info.Version)
	}
	id := s.ran("since-back", false, "json-file", "1\n", "2\n")
	all := s.split(t, s.read(t, id, docker.LogOptions{}))
	if !s.Append(id, all[0].at, "older\n") || !s.Append(id, all[1].at.Add(time.Second), "newer\n") {
		t.Skip("the engine's files cannot be reached here")
	}
	want := []string{"2\n", "older\n", "newer\n"}
	if version < 24 {
		want = []string{"2\n", "newer\n"}
	}
	if got := said(s.split(t, s.read(t, id, docker.LogOptions{Since: all[1].at.UnixNano()}))); !slices.Equal(got, want) {
		t.Errorf("version %s: %q, want %q", info.Version, got, want)
	}
}

// tail: the parameter counts records and returns the whole log if it has fewer. With since, both filters apply.
func tail(t *testing.T, s *Subject) {
	id := s.ran("tail", false, "json-file", "1\n", "2\n", "3\n", "4\n")
	all := s.split(t, s.read(t, id, docker.LogOptions{}))
	for n, want := range map[int]int{1: 1, 3: 3, 4: 4, 1000: 4} {
		for _, follow := range []bool{false, true} {
			if got := s.split(t, s.read(t, id, docker.LogOptions{Tail: n, Follow: follow})); len(got) != want || got[want-1].text != "4\n" {
				t.Errorf("the last %d, follow %t: %q", n, follow, said(got))
			}
		}
	}
	if got := s.split(t, s.read(t, id, docker.LogOptions{Tail: 3, Since: all[2].at.UnixNano()})); len(got) != 2 && !s.podman || len(got) > 3 {
		t.Errorf("the last 3 since the third: %q", said(got))
	}
}

// tailOfParts: tail counts the parts of long lines as records.
func tailOfParts(t *testing.T, s *Subject) {
	id := s.ran("tail-parts", false, s.drivers()[0], "1\n", "2\n", strings.Repeat("x", 40000)+"\n", "3\n")
	all := s.split(t, s.read(t, id, docker.LogOptions{}))
	for n := 1; n <= len(all); n++ {
		got := said(s.split(t, s.read(t, id, docker.LogOptions{Tail: n})))
		if len(got) != n || !slices.Equal(got, said(all[len(all)-len(got):])) {
			t.Errorf("the last %d: %.60q", n, got)
		}
	}
}

func missingAndNone(t *testing.T, s *Subject) {
	gone := strings.Repeat("0", 64)
	if _, err := s.API.Logs(t.Context(), gone, docker.LogOptions{}); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("logs of no container: %v", err)
	}
	if _, err := s.API.Inspect(t.Context(), gone); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("no container: %v", err)
	}
	id := s.ran("none", false, "none", "x\n")
	if _, err := s.API.Logs(t.Context(), id, docker.LogOptions{}); !errors.Is(err, docker.ErrUnreadable) {
		t.Errorf("logs of the driver none: %v", err)
	}
}

// dead: containers whose removal failed still exist, but their logs do not.
func dead(t *testing.T, s *Subject) {
	id := s.ran("dead", false, "json-file", "x\n")
	if !s.Spoil(id) {
		t.Skip("no removal can be made to fail here")
	}
	for _, o := range []docker.LogOptions{{}, {Follow: true}, {Tail: 1}} {
		if _, err := s.API.Logs(t.Context(), id, o); !errors.Is(err, docker.ErrDead) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if c, err := s.API.Inspect(t.Context(), id); err != nil || c.Running {
		t.Errorf("%+v, %v", c, err)
	}
	all, err := s.API.List(t.Context())
	if err != nil || !slices.ContainsFunc(all, func(c docker.Listed) bool { return c.ID == id }) {
		t.Errorf("it is not in the list: %v", err)
	}
}

// neverStarted: the log of a container that never started is empty, and a follow of it ends immediately.
func neverStarted(t *testing.T, s *Subject) {
	id := s.Create("never", false, "json-file", 0, "x\n")
	for _, follow := range []bool{false, true} {
		if got := s.read(t, id, docker.LogOptions{Follow: follow}); len(got) > 0 {
			t.Errorf("%q", got)
		}
	}
	if c, err := s.API.Inspect(t.Context(), id); err != nil || c.Started || c.Running {
		t.Errorf("%+v, %v", c, err)
	}
}

// follow: a follow ends with the container, and a new one works after the next start.
func follow(t *testing.T, s *Subject) {
	id := s.Create("follow", false, "json-file", -1, "one\n")
	s.Do(id, "start")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body, err := s.API.Logs(ctx, id, docker.LogOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	first := make([]byte, 8+len("2006-01-02T15:04:05.000000000Z")+1+4)
	if _, err := io.ReadFull(body, first); err != nil || said(s.split(t, first))[0] != "one\n" {
		t.Fatalf("%q, %v", first, err)
	}
	s.Do(id, "kill")
	if rest, err := io.ReadAll(body); err != nil || len(rest) > 0 {
		t.Errorf("at the end: %q, %v", rest, err)
	}
}

func inspect(t *testing.T, s *Subject) {
	driver := "local"
	if s.podman {
		driver = "json-file" // Podman's name for k8s-file
	}
	id := s.Create("inspect", true, driver, 3, "x\n")
	s.Do(id, "start")
	s.Do(id, "wait")
	c, err := s.API.Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != id || !strings.HasSuffix(c.Name, "inspect") || strings.HasPrefix(c.Name, "/") || c.TTY == s.podman || c.LineEnds != s.podman || c.Driver != driver || c.Running || !c.Started ||
		c.ExitCode != 3 || c.Finished.Before(c.Created) || c.OOMKilled {
		t.Errorf("%+v", c)
	}
}

// listener collects events.
type listener struct {
	mu  sync.Mutex
	all []docker.Event
}

func (l *listener) add(e docker.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
}

// of returns the events of a container with the actions, in order.
func (l *listener) of(id string, actions ...string) (out []docker.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.all {
		if e.ID == id && slices.Contains(actions, e.Action) {
			out = append(out, e)
		}
	}
	return out
}

// listen subscribes to events until the test ends.
func (s *Subject) listen(t *testing.T, since int64) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l, subscribed, ended := &listener{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.API.Events(ctx, since, sync.OnceFunc(func() { close(subscribed) }), l.add) // ends with the test
	}()
	t.Cleanup(func() { cancel(); <-ended })
	<-subscribed
	return l
}

func events(t *testing.T, s *Subject) {
	l := s.listen(t, 0)
	var id string
	// An engine accepts a subscription shortly before it listens, so create containers until an event of one arrives.
	poll(t, "an event comes", func() bool {
		if id == "" || len(l.of(id, "create")) == 0 {
			id = s.Create(fmt.Sprint("events-", time.Now().UnixNano()), false, "json-file", 3, "x\n")
		}
		return len(l.of(id, "create")) > 0
	})
	s.Do(id, "start")
	s.Do(id, "wait")
	s.Do(id, "rename")
	s.Do(id, "remove")
	poll(t, "the last event comes", func() bool { return len(l.of(id, "destroy")) > 0 })
	got := l.of(id, "create", "start", "die", "rename", "destroy")
	var actions []string
	for i, e := range got {
		actions = append(actions, e.Action)
		if e.Time == 0 || i > 0 && e.Time < got[i-1].Time || e.Name == "" || e.Attributes["image"] == "" {
			t.Errorf("event %+v", e)
		}
	}
	if want := []string{"create", "start", "die", "rename", "destroy"}; !slices.Equal(actions, want) {
		t.Fatalf("%q", actions)
	}
	if got[2].Attributes["exitCode"] != "3" || (got[3].Attributes["oldName"] == "") != s.podman || got[3].Name == got[2].Name {
		t.Errorf("die %+v, rename %+v", got[2], got[3])
	}
}

// kept: the engine first sends stored events from since on, which is inclusive and exact. The event of an end is later than the end in inspect.
func kept(t *testing.T, s *Subject) {
	info, err := s.API.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := s.ran("kept", false, "json-file", "x\n")
	c, err := s.API.Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	l := s.listen(t, info.Time.UnixNano())
	poll(t, "kept events come", func() bool { return len(l.of(id, "die")) > 0 })
	die := l.of(id, "die")[0]
	if len(l.of(id, "create", "start")) != 2 || die.Time < c.Finished.UnixNano() {
		t.Errorf("events %+v, ended %s", l.of(id, "create", "start", "die"), c.Finished)
	}
	for after, want := range map[int64]int{0: 1, 1: 0} {
		l := s.listen(t, die.Time+after)
		last := s.ran(fmt.Sprint("kept-", after), false, "json-file", "x\n")
		poll(t, "later events come", func() bool { return len(l.of(last, "die")) > 0 })
		if n := len(l.of(id, "die")); n != want && !(s.podman && n == 0) { // some versions of Podman omit the event at exactly that time
			t.Errorf("%d ns behind an event: it comes %d times", after, n)
		}
	}
}

func poll(t *testing.T, condition string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within a minute: %s", condition)
		}
	}
}
