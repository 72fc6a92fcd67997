package docker_test

import (
	"slices"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
)

func TestEventsAreTold(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(labelled("shop-api-1", "com.docker.compose.project", "shop", "com.docker.compose.service", "api"))
	off := b.daemon.Run(labelled("off", "fluentbit-trigger.enable", "false"))
	b.run(b.options())
	off.Exit(1)
	c.Health("unhealthy")
	c.Emit("kill", "signal", "9")
	c.Exit(137)
	c.Rename("other")
	c.Remove()
	b.eventually("the last one came", func() bool { return len(b.occurred("destroy")) > 0 })
	want := []string{
		"container shop/api/1: health_status: unhealthy", "container shop/api/1: kill, signal 9", "container shop/api/1: die, exit code 137, requested",
		"container other: rename, was shop-api-1", "container other: destroy",
	}
	if got := b.occurred("health_status: unhealthy", "kill", "die", "rename", "destroy"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for _, o := range b.events {
		if o.Source.Kind != engine.SourceContainer || o.Source.Workload != "shop/api" || o.Source.Container.ID != c.ID || o.Time == 0 {
			t.Errorf("source %+v", o.Source)
		}
	}
}

// TestMissedEventsAreFound is what happens while the engine cannot be listened to: each end is reported once, whoever reports it.
func TestMissedEventsAreFound(t *testing.T) {
	b := newBench(t)
	c, again, sick := b.daemon.Run(web()), b.daemon.Run(dockertest.Container{Name: "again"}), b.daemon.Run(dockertest.Container{Name: "sick"})
	old := b.daemon.Run(dockertest.Container{Name: "old"})
	old.Exit(1)
	sick.Health("healthy")
	m := b.run(b.options())
	c.Exit(2)
	c.Start()
	b.eventually("the first end is reported", func() bool { return len(b.occurred("die")) == 1 })
	// The engine restarts, and forgets what it had to report.
	b.daemon.Down()
	c.Exit(3)
	again.Exit(4)
	again.Start()
	b.daemon.Up()
	b.eventually("the ends are found", func() bool { return len(b.occurred("die")) == 3 })
	// This program restarts: the engine still knows.
	b.stop(m)
	again.Exit(5)
	m = b.run(b.options())
	b.eventually("what the engine kept is reported", func() bool { return len(b.occurred("die")) == 4 })
	// Both do.
	b.stop(m)
	b.daemon.Down()
	c.Start()
	c.Exit(6)
	b.daemon.Up()
	b.run(b.options())
	b.eventually("the end is found", func() bool { return len(b.occurred("die")) == 5 })
	last := b.daemon.Run(dockertest.Container{Name: "last"})
	last.Exit(7)
	b.eventually("a later end is reported", func() bool { return len(b.occurred("die")) >= 6 })
	got := b.occurred("die")
	slices.Sort(got[1:3])
	want := []string{
		"container web: die, exit code 2", "container again: die (found)", "container web: die, exit code 3 (found)", "container again: die, exit code 5",
		"container web: die, exit code 6 (found)", "container last: die, exit code 7",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	_ = old
}

// TestAnEndForWantOfMemoryUnheard is found with what it was for, unless the container runs again.
func TestAnEndForWantOfMemoryUnheard(t *testing.T) {
	b := newBench(t)
	c, again := b.daemon.Run(web()), b.daemon.Run(dockertest.Container{Name: "again"})
	b.run(b.options())
	b.daemon.Down()
	c.OutOfMemory()
	again.OutOfMemory()
	again.Start()
	b.daemon.Up()
	want := []string{"container again: die (found)", "container web: die, exit code 137 (found)", "container web: oom (found)"}
	b.eventually("the ends are found", func() bool { return len(b.occurred("die", "oom")) >= len(want) })
	got := b.occurred("die", "oom")
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestAHealthThatChangedUnheard is found by comparing.
func TestAHealthThatChangedUnheard(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	b.run(b.options())
	c.Health("healthy")
	b.eventually("it is reported", func() bool { return len(b.occurred("health_status: healthy")) == 1 })
	b.daemon.Down()
	c.Health("unhealthy")
	b.daemon.Up()
	b.eventually("it is found", func() bool { return len(b.occurred("health_status: unhealthy")) == 1 })
	if got := b.occurred("health_status: unhealthy"); got[0] != "container web: health_status: unhealthy (found)" {
		t.Errorf("%q", got)
	}
}

// TestAStopThatAnEarlierRunHeardOf ends while the next run listens, as with "docker compose down" and "up" of a stack that this program is in.
func TestAStopThatAnEarlierRunHeardOf(t *testing.T) {
	b := newBench(t)
	c, d := b.daemon.Run(web()), b.daemon.Run(dockertest.Container{Name: "crash"})
	m := b.run(b.options())
	c.Emit("kill", "signal", "15")
	b.eventually("the signal is reported", func() bool { return len(b.occurred("kill")) == 1 })
	b.stop(m)
	c.Exit(143)
	d.Exit(1)
	b.run(b.options())
	b.eventually("the ends are reported", func() bool { return len(b.occurred("die")) == 2 })
	want := []string{"container " + c.Name + ": kill, signal 15", "container " + c.Name + ": die, exit code 143, requested", "container crash: die, exit code 1"}
	if got := b.occurred("kill", "die"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestAStopBySignalOfTheContainersOwn is known by the configuration of the container.
func TestAStopBySignalOfTheContainersOwn(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(dockertest.Container{Name: "nginx", StopSignal: "SIGQUIT"})
	b.run(b.options())
	c.Stdout("ready")
	b.wants("nginx", "ready")
	c.Emit("kill", "signal", "3")
	c.Exit(1)
	b.eventually("the end is reported", func() bool { return len(b.occurred("die")) == 1 })
	if got := b.occurred("die"); got[0] != "container nginx: die, exit code 1, requested" {
		t.Errorf("%q", got)
	}
}
