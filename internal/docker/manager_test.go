package docker_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
)

func labelled(name string, labels ...string) dockertest.Container {
	c := dockertest.Container{Name: name, Image: "registry/" + name + ":1", Labels: map[string]string{}}
	for i := 0; i < len(labels); i += 2 {
		c.Labels[labels[i]] = labels[i+1]
	}
	return c
}

func TestWhichContainersAndWhoseTheyAre(t *testing.T) {
	b := newBench(t)
	var all []*dockertest.Container
	for _, c := range []dockertest.Container{
		labelled("plain"),
		labelled("shop-api-1", "com.docker.compose.project", "shop", "com.docker.compose.service", "api"),
		labelled("shop-db-1", "com.docker.compose.project", "shop", "com.docker.compose.service", "db"),
		labelled("task.1", "com.docker.swarm.service.name", "task"),
		labelled("named", "fluentbit-trigger.workload", "backup", "com.docker.compose.project", "ops", "com.docker.compose.service", "x"),
		labelled("poser", "fluentbit-trigger.workload", "shop/api"),
		labelled("off", "fluentbit-trigger.enable", "false"),
		labelled("test-1"), labelled("noisy", "tier", "noise"),
		{ID: strings.Repeat("ab", 32), Name: "self"},
	} {
		all = append(all, b.daemon.Run(c))
	}
	o := b.options()
	o.Own = strings.Repeat("ab", 6)
	o.Settings.Exclude = []string{"test-*", "tier=noise", "shop/db"}
	m := b.run(o)
	for _, c := range all {
		c.Stdout("here")
	}
	want := []string{"ops/backup", "plain", "poser", "shop/api", "task"}
	workloads := func() []string {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.Sorted(maps.Keys(b.lines))
	}
	b.eventually("five lines came", func() bool { return len(workloads()) >= 5 })
	if got := workloads(); !slices.Equal(got, want) {
		t.Errorf("workloads %q, want %q", got, want)
	}
	if err := m.SetSettings(t.Context(), docker.Settings{Containers: []string{"registry/test-*", "shop"}}); err != nil {
		t.Fatal(err)
	}
	n := 0
	b.eventually("the wanted containers are followed, and no others", func() bool {
		n++
		for _, c := range all {
			c.Stdout(fmt.Sprint("again ", n))
		}
		spoken := 0
		for _, w := range []string{"test-1", "shop/db", "shop/api"} {
			if slices.ContainsFunc(b.got(w), func(l string) bool { return strings.HasPrefix(l, "again") }) {
				spoken++
			}
		}
		return spoken == 3 && m.Stats().States[docker.Live]+m.Stats().States[docker.CatchingUp] == 3
	})
	for _, c := range all {
		c.Stdout("there")
	}
	b.eventually("their lines came", func() bool {
		return slices.Contains(b.got("test-1"), "there") && slices.Contains(b.got("shop/db"), "there") && slices.Contains(b.got("shop/api"), "there")
	})
	if slices.Contains(b.got("plain"), "there") {
		t.Error("plain is followed still")
	}
	if err := m.SetSettings(t.Context(), docker.Settings{Exclude: []string{""}}); err == nil {
		t.Error("an empty glob was taken")
	}
}

// TestRename wants lines by the new name, and none before Options.OnContainer returned.
func TestRename(t *testing.T) {
	b := newBench(t)
	c, o := b.daemon.Run(web()), b.options()
	var met sync.Map // by workload
	o.OnContainer = func(_ context.Context, _ *docker.Container, s *engine.Source) { met.Store(s.Workload, true) }
	o.Sink = func(ctx context.Context, batch *docker.Batch) error {
		if _, ok := met.Load(batch.Source.Workload); !ok {
			t.Errorf("lines of %s, which OnContainer did not get", batch.Source.Workload)
		}
		return b.take(ctx, batch)
	}
	b.run(o)
	c.Stdout("as web")
	b.wants("web", "as web")
	c.Rename("www")
	i := 0
	b.eventually("the new name is known", func() bool {
		i++
		c.Stdout(fmt.Sprint("as www ", i))
		return len(b.got("www")) > 0
	})
}

// TestARenameThatNobodyHeard is found by a look at all containers: lines have the new name, and the new name says who is followed.
func TestARenameThatNobodyHeard(t *testing.T) {
	b := newBench(t)
	web := web()
	web.Aliases = []string{"/shop/web"}
	c, kept, left := b.daemon.Run(web), b.daemon.Run(dockertest.Container{Name: "kept"}), b.daemon.Run(dockertest.Container{Name: "left-1"})
	o := b.options()
	o.Settings.Exclude = []string{"left-*"}
	m := b.run(o)
	c.Stdout("1")
	kept.Stdout("1")
	b.wants("web", "1")
	b.wants("kept", "1")
	b.daemon.Misbehave(dockertest.Faults{NoEvents: true})
	c.Rename("www")
	kept.Rename("left-2")
	left.Rename("back")
	i := 0
	b.eventually("the new names are known", func() bool {
		i++
		c.Stdout(fmt.Sprint("as www ", i))
		left.Stdout(fmt.Sprint("as back ", i))
		return len(b.got("www")) > 0 && len(b.got("back")) > 0 && m.Stats().States[docker.Live] == 2
	})
	var looks, inspections atomic.Int64
	b.daemon.Meanwhile(func(r *http.Request) {
		switch {
		case r.URL.Path == "/containers/json":
			looks.Add(1)
		case strings.HasSuffix(r.URL.Path, "/json"):
			inspections.Add(1)
		}
	})
	b.eventually("twenty looks at all containers", func() bool { return looks.Load() >= 20 })
	if n := inspections.Load(); n >= 20 {
		t.Errorf("%d inspections in 20 looks, though nothing changed", n)
	}
}

func TestRemovedContainersAreForgotten(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	m := b.run(b.options())
	c.Stdout("1")
	b.wants("web", "1")
	b.eventually("its place is saved", func() bool { return b.options().Saved[c.ID] != nil })
	c.Remove()
	b.eventually("its place is removed", func() bool { return b.options().Saved[c.ID] == nil && m.Stats().States == docker.Stats{}.States })
	gone := b.daemon.Run(dockertest.Container{Name: "gone"})
	gone.Stdout("1")
	b.wants("gone", "1")
	b.stop(m)
	gone.Remove()
	b.start(b.options())
	b.eventually("its place is removed at the next start", func() bool { return b.options().Saved[gone.ID] == nil })
}

// TestCreatedWhileWeWereAway is read from its first line on.
func TestCreatedWhileWeWereAway(t *testing.T) {
	b := newBench(t)
	m := b.run(b.options())
	b.stop(m)
	b.daemon.StepClock(10e9)
	c := b.daemon.Run(web())
	c.Stdout("1", "2")
	c.Die()
	b.start(b.options())
	b.wants("web", "1", "2")
}

func TestUnreadableAndCompressedLogsAreTold(t *testing.T) {
	b := newBench(t)
	b.daemon.SetVersion("20.10.24+dfsg1")
	b.daemon.Run(dockertest.Container{Name: "silent", Driver: "none"})
	m := b.run(b.options())
	b.eventually("it is reported", func() bool { return len(b.noticed()) > 0 })
	for range 3 {
		b.daemon.Run(dockertest.Container{Name: fmt.Sprint("zip", len(b.noticed())), Options: map[string]string{"compress": "true"}})
	}
	b.eventually("compression is reported", func() bool { return len(b.noticed()) > 1 })
	if got := b.noticed(); !slices.Equal(got, []docker.NoticeKind{docker.NoticeUnreadable, docker.NoticeCompress}) {
		t.Errorf("notices %v", got)
	}
	if s := m.Stats(); s.States[docker.Unreadable] != 1 || s.Notices[docker.NoticeUnreadable] != 1 || s.Notices[docker.NoticeCompress] != 1 || s.Notices[docker.NoticeGap] != 0 {
		t.Errorf("stats %+v", m.Stats())
	}
}

// TestBackPressure closes the sink: the engine can send no more than buffers hold, nothing piles up here, and all comes once the sink is open, or the
// next run's is.
func TestBackPressure(t *testing.T) {
	const (
		lines  = 2000
		all    = lines * 16000 // bytes
		bounds = 4 << 20       // two streams' sockets, buffers and batches
	)
	b := newBench(t)
	c, other := b.daemon.Run(web()), b.daemon.Run(dockertest.Container{Name: "other"})
	m := b.run(b.options())
	want := []string{"before"}
	c.Stdout(want...)
	b.wants("web", want...)
	b.stop(m)
	for i := range lines {
		want = append(want, fmt.Sprint(i, strings.Repeat("x", 16000)))
	}
	c.Stdout(want[1:]...)
	other.Stdout("waits, too")
	open := b.close()
	sent, held := b.daemon.Sent(), heap()
	m = b.start(b.options())
	b.eventually("both wait for the sink", func() bool { return b.waits() == 2 })
	last, same := int64(0), 0
	b.eventually("the engine can send no more", func() bool {
		now := b.daemon.Sent()
		if same++; now != last {
			last, same = now, 0
		}
		return same >= 20
	})
	if n := m.Stats().Lines; n != 0 {
		t.Errorf("%d lines were taken by a sink that is closed", n)
	}
	if n := last - sent; n > bounds || n < 16000 {
		t.Errorf("the engine sent %d of %d bytes", n, all)
	}
	if grown := heap() - held; grown > bounds {
		t.Errorf("the heap grew by %d bytes, of %d that are in the log", grown, all)
	}
	open()
	b.wants("web", want...)
	b.wants("other", "waits, too")
	b.eventually("each was counted once", func() bool { return m.Stats().Lines == lines+1 })
	open = b.close()
	c.Stdout("at the end")
	b.eventually("it waits for the sink", func() bool { return b.waits() == 1 })
	b.stop(m)
	open()
	b.start(b.options())
	b.wants("web", append(want, "at the end")...)
}

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestTheEngineIsUpgraded has the engine come back as a version that neither reads records twice nor loses lines when it compresses.
func TestTheEngineIsUpgraded(t *testing.T) {
	b := newBench(t)
	b.daemon.SetVersion("20.10.24+dfsg1")
	c := b.daemon.Run(web())
	b.run(b.options())
	c.Stdout("1")
	b.wants("web", "1")
	b.daemon.Down()
	b.daemon.SetVersion("28.5.2")
	b.daemon.Up()
	b.eventually("the version is known", func() bool { return strings.Contains(b.log.String(), "version=28.5.2 before=20.10.24+dfsg1") })
	c.Stdout("2")
	b.wants("web", "1", "2")
	c.Reread(1) // to such an engine, a line of its own
	b.wants("web", "1", "2", "2")
	b.daemon.Run(dockertest.Container{Name: "zip", Options: map[string]string{"compress": "true"}}).Stdout("1")
	b.wants("zip", "1")
	if got := b.noticed(); got != nil {
		t.Errorf("notices %v", got)
	}
}

// TestTheStoreIsAway saves what could not be saved once it can.
func TestTheStoreIsAway(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	m := b.run(b.options())
	b.mu.Lock()
	saved := b.saved
	b.saved = nil
	b.mu.Unlock()
	c.Stdout("1")
	b.eventually("saves fail", func() bool { return m.Stats().Unsaved > 1 })
	b.mu.Lock()
	b.saved = saved
	b.mu.Unlock()
	b.stop(m)
	c.Stdout("2")
	b.start(b.options())
	b.wants("web", "1", "2")
}

// TestManyContainers bounds the goroutines for each, and loses nothing.
func TestManyContainers(t *testing.T) {
	const number = 200
	b := newBench(t)
	var all []*dockertest.Container
	for i := range number {
		all = append(all, b.daemon.Run(dockertest.Container{Name: fmt.Sprint("c", i)}))
	}
	before := runtime.NumGoroutine()
	m := b.run(b.options())
	for _, c := range all {
		c.Stdout("1")
	}
	total := func() int64 { return m.Stats().Lines }
	b.eventually("all have spoken", func() bool { return total() == number })
	// Here, the daemon's goroutines count, too: about as many as ours.
	if n := runtime.NumGoroutine() - before; n > number*10 {
		t.Errorf("%d goroutines for %d containers", n, number)
	}
	b.daemon.CutFollows()
	for _, c := range all {
		c.Stdout("2")
		c.Die()
	}
	b.eventually("all have spoken again", func() bool { return total() == 2*number && m.Stats().States[docker.Parked] == number })
}

func TestNewChecksItsOptions(t *testing.T) {
	if _, err := docker.New(docker.Options{}); err == nil {
		t.Error("no options were taken")
	}
	b := newBench(t)
	o := b.options()
	o.Settings.Containers = []string{""}
	if _, err := docker.New(o); err == nil || !strings.Contains(err.Error(), "containers") {
		t.Errorf("an empty glob: %v", err)
	}
	o.Settings = docker.DefaultSettings()
	o.Saved = map[string][]byte{"": {99}, "x": nil}
	m := b.start(o)
	b.stop(m)
	b.stop(m)
}

// TestTheEngineComesLater starts before the engine does.
func TestTheEngineComesLater(t *testing.T) {
	b := newBench(t)
	b.daemon.Down()
	b.start(b.options())
	b.eventually("it was tried", func() bool { return strings.Contains(b.log.String(), "cannot reach the container engine") })
	b.daemon.Up()
	c := b.daemon.Run(web())
	i := 0
	b.eventually("lines come", func() bool {
		i++
		c.Stdout(fmt.Sprint(i))
		return len(b.got("web")) > 3
	})
}
