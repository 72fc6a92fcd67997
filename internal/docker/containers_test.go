package docker_test

import (
	"context"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
)

// of returns a container by its name, as the manager describes it.
func of(m *docker.Manager, name string) (f docker.FollowStatus) {
	for _, one := range m.Containers() {
		if one.Name == name {
			return one
		}
	}
	return docker.FollowStatus{}
}

// TestEveryContainerSaysWhetherItIsFollowed has a container for each reason not to be followed, and one that is.
func TestEveryContainerSaysWhetherItIsFollowed(t *testing.T) {
	b := newBench(t)
	own := b.daemon.Run(dockertest.Container{Name: "alerts"})
	c := b.daemon.Run(dockertest.Container{Name: "web", Image: "shop:1", Labels: map[string]string{"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}})
	b.daemon.Run(dockertest.Container{Name: "chatter", Labels: map[string]string{"fluentbit-trigger.enable": "false"}})
	b.daemon.Run(dockertest.Container{Name: "left-1"})
	b.daemon.Run(dockertest.Container{Name: "other"})
	b.daemon.Run(dockertest.Container{Name: "silent", Driver: "none"})
	b.daemon.Run(dockertest.Container{Name: "web-idle"})
	o := b.options()
	o.Own = own.ID
	o.Settings = docker.Settings{Containers: []string{"web*", "left-*", "alerts", "chatter", "silent"}, Exclude: []string{"nothing", "left-*"}}
	o.Sink = func(ctx context.Context, batch *docker.Batch) error {
		for _, l := range batch.Lines {
			if strings.Contains(string(l.Text), "boom") {
				batch.Hits++
			}
		}
		return b.take(ctx, batch)
	}
	m := b.run(o)
	c.Stdout("boom 1", "quiet", "boom 2")
	b.eventually("the lines are counted", func() bool { return of(m, "web").Lines == 3 })
	web := of(m, "web")
	if !web.Followed || web.Reason != "" || web.Workload != "shop/web" || web.Image != "shop:1" || web.Hits != 2 || web.Last.IsZero() || web.Engine != "running" {
		t.Errorf("web: %+v", web)
	}
	b.eventually("all were looked at", func() bool {
		for _, f := range m.Containers() {
			if f.Reason == "not inspected yet" {
				return false
			}
		}
		return len(m.Containers()) == 7
	})
	for name, reason := range map[string]string{
		"alerts": "this program runs in it", "chatter": "disabled by its label fluentbit-trigger.enable", "left-1": "matched by [docker] exclude: left-*",
		"other": "not matched by [docker] containers", "silent": "does not store logs",
	} {
		if f := of(m, name); f.Followed || !strings.Contains(f.Reason, reason) || f.ID == "" || f.Workload == "" {
			t.Errorf("%s: %+v, want %q", name, f, reason)
		}
	}
	if idle := of(m, "web-idle"); !idle.Followed || idle.Lines != 0 || !idle.Last.IsZero() {
		t.Errorf("one that wrote nothing: %+v", idle)
	}
	// Other settings change who is followed, and a container that is gone is listed no more.
	if err := m.SetSettings(t.Context(), docker.Settings{Containers: []string{"other"}}); err != nil {
		t.Fatal(err)
	}
	b.eventually("the other settings are in force", func() bool {
		return of(m, "other").Followed && of(m, "web").Reason == "not matched by [docker] containers"
	})
	c.Remove()
	b.eventually("one that is gone is not listed", func() bool { return of(m, "web").ID == "" })
}
