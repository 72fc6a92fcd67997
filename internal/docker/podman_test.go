package docker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
)

// TestPodmanLogs has equal lines within one second, which are different lines although Podman's version is below 23, and lines in parts, also on a terminal
// and over a restart of this program.
func TestPodmanLogs(t *testing.T) {
	for _, version := range []string{"4.3.1", "5.4.2"} {
		for _, tty := range []bool{false, true} {
			t.Run(version, func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.daemon.BePodman(version)
				c := b.daemon.Run(dockertest.Container{Name: "web", TTY: tty})
				m := b.run(b.options())
				long := strings.Repeat("x", 40000)
				want := []string{"same", "same", "same", long, "same", "after"}
				c.Stdout(want...)
				b.wants("web", want...)
				b.stop(m)
				c.Stdout("same", long, "last")
				m = b.run(b.options())
				b.wants("web", append(want, "same", long, "last")...)
				b.stop(m)
				if got := b.noticed(); got != nil {
					t.Errorf("notices %v", got)
				}
			})
		}
	}
}

// TestPodmanEqualRecords has more equal records in one second than a cursor remembers, between others, and goes on after a restart of this program.
func TestPodmanEqualRecords(t *testing.T) {
	for _, version := range []string{"4.3.1", "5.4.2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.daemon.BePodman(version)
			c := b.daemon.Run(dockertest.Container{Name: "web"})
			var want []string
			m := b.run(b.options())
			for i := range 3 {
				for n := range 600 {
					more := []string{"same", fmt.Sprint("line ", n), strings.Repeat("x", 9000)}
					c.Stdout(more...)
					want = append(want, more...)
				}
				b.wants("web", want...)
				b.stop(m)
				more := fmt.Sprint("while it is away ", i)
				c.Stdout("same", more, "same")
				want = append(want, "same", more, "same")
				m = b.run(b.options())
			}
			b.wants("web", want...)
			b.stop(m)
			if got := b.noticed(); got != nil {
				t.Errorf("notices %v", got)
			}
		})
	}
}

// TestPodmanTailWithinASecond begins with the last lines of a log whose others have the same second, and goes on after a restart of this program: the others are
// neither new nor a gap.
func TestPodmanTailWithinASecond(t *testing.T) {
	b := newBench(t)
	b.daemon.BePodman("5.4.2")
	c := b.daemon.Run(dockertest.Container{Name: "web"})
	c.Stdout("1", "2", "3", "4")
	o := b.options()
	o.Tail = 2
	m := b.run(o)
	b.wants("web", "3", "4")
	b.stop(m)
	c.Stdout("5")
	b.run(b.options())
	b.wants("web", "3", "4", "5")
	if got := b.noticed(); got != nil {
		t.Errorf("notices %v", got)
	}
}

// TestPodmanDriversWithoutALog are reported once each.
func TestPodmanDriversWithoutALog(t *testing.T) {
	b := newBench(t)
	b.daemon.BePodman("5.4.2")
	b.daemon.Run(dockertest.Container{Name: "a", Driver: "none"})
	b.daemon.Run(dockertest.Container{Name: "b", Driver: "passthrough"})
	b.run(b.options())
	b.eventually("both are reported", func() bool { return len(b.noticed()) >= 2 })
	if got := b.noticed(); !slices.Equal(got, []docker.NoticeKind{docker.NoticeUnreadable, docker.NoticeUnreadable}) {
		t.Errorf("notices %v", got)
	}
}

// TestPodmanEvents have Docker's names, and a check of a container's health is an event only when the health changed.
func TestPodmanEvents(t *testing.T) {
	b := newBench(t)
	b.daemon.BePodman("5.4.2")
	c := b.daemon.Run(dockertest.Container{Name: "web"})
	b.run(b.options())
	for range 3 {
		c.Health("unhealthy")
	}
	b.eventually("the health is reported", func() bool { return len(b.occurred("health_status: unhealthy")) > 0 })
	c.Health("healthy")
	b.eventually("the next health is reported", func() bool { return len(b.occurred("health_status: healthy")) > 0 })
	c.Health("healthy")
	c.Exit(3)
	c.Remove()
	b.eventually("the removal is reported", func() bool { return len(b.occurred("destroy")) > 0 })
	want := []string{
		"container web: health_status: unhealthy", "container web: health_status: healthy", "container web: die, exit code 3", "container web: destroy",
	}
	if got := b.occurred("health_status", "health_status: unhealthy", "health_status: healthy", "die", "destroy"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestPodmanEventOfHealth is what Fluent Bit's docker_events reads of Podman.
func TestPodmanEventOfHealth(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for text, want := range map[string]string{
		`{"status":"health_status","Type":"container","Action":"health_status","Actor":{"ID":"` + id + `","Attributes":{"name":"web"}},"time":1,"HealthStatus":"unhealthy"}`: "health_status: unhealthy",
		`{"status":"remove","Type":"container","Action":"remove","Actor":{"ID":"` + id + `","Attributes":{"name":"web"}},"time":1}`:                                          "destroy",
	} {
		if e, ok := docker.ParseEvent([]byte(text)); !ok || e.Action != want {
			t.Errorf("%t, %+v, want %s", ok, e, want)
		}
	}
}
