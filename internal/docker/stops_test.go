package docker

import (
	"fmt"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// stopStep is an event of a container, so many seconds after the first.
type stopStep struct {
	at        int
	event     string
	detail    string // exit code or signal
	container string // "": c
	requested string // wanted; "": the event has no such field
}

// TestStops goes through the ways in which containers end.
func TestStops(t *testing.T) {
	for name, c := range map[string]struct {
		own   string
		steps []stopStep
	}{
		"docker stop":                        {"", []stopStep{{0, "kill", "15", "", ""}, {1, "die", "143", "", "true"}, {1, "stop", "", "", ""}}},
		"docker stop that ends in a kill":    {"", []stopStep{{0, "kill", "15", "", ""}, {10, "kill", "9", "", ""}, {10, "die", "137", "", "true"}}},
		"a long grace period":                {"", []stopStep{{0, "kill", "15", "", ""}, {599, "die", "1", "", "true"}}},
		"docker kill, docker rm -f":          {"", []stopStep{{0, "kill", "9", "", ""}, {0, "die", "137", "", "true"}, {0, "destroy", "", "", ""}}},
		"Ctrl-C in docker run":               {"", []stopStep{{0, "kill", "2", "", ""}, {0, "die", "130", "", "true"}}},
		"a crash":                            {"", []stopStep{{0, "die", "1", "", "false"}}},
		"out of memory":                      {"", []stopStep{{0, "oom", "", "", ""}, {0, "die", "137", "", "false"}}},
		"killed from inside":                 {"", []stopStep{{0, "die", "137", "", "false"}}},
		"a reload, then a crash":             {"", []stopStep{{0, "kill", "1", "", ""}, {5, "die", "1", "", "false"}}},
		"a dump of threads, then a crash":    {"", []stopStep{{0, "kill", "3", "", ""}, {5, "die", "1", "", "false"}}},
		"the container's own stop signal":    {"SIGQUIT", []stopStep{{0, "kill", "3", "", ""}, {5, "die", "1", "", "true"}}},
		"as a number":                        {"10", []stopStep{{0, "kill", "10", "", ""}, {5, "die", "1", "", "true"}}},
		"of systemd":                         {"SIGRTMIN+3", []stopStep{{0, "kill", "37", "", ""}, {5, "die", "130", "", "true"}}},
		"another signal than its own":        {"SIGQUIT", []stopStep{{0, "kill", "10", "", ""}, {5, "die", "1", "", "false"}}},
		"a signal that was ignored":          {"", []stopStep{{0, "kill", "15", "", ""}, {601, "die", "1", "", "false"}}},
		"a crash after a restart":            {"", []stopStep{{0, "kill", "15", "", ""}, {1, "die", "143", "", "true"}, {2, "start", "", "", ""}, {3, "die", "1", "", "false"}}},
		"a restart policy after a crash":     {"", []stopStep{{0, "die", "1", "", "false"}, {1, "start", "", "", ""}, {2, "die", "1", "", "false"}}},
		"a check and a command meanwhile":    {"", []stopStep{{0, "kill", "15", "", ""}, {1, "health_status: unhealthy", "", "", "true"}, {2, "exec_die", "137", "", "true"}, {2, "die", "137", "", "true"}, {2, "exec_die", "137", "", "true"}}},
		"a check that fails":                 {"", []stopStep{{0, "health_status: unhealthy", "", "", "false"}}},
		"one container's stop is not others": {"", []stopStep{{0, "kill", "15", "", ""}, {1, "die", "1", "other", "false"}, {1, "die", "143", "", "true"}}},
	} {
		var s Stops
		for i, e := range c.steps {
			if e.container == "" {
				e.container = "c"
			}
			o := &ContainerEvent{
				Source: &engine.Source{Kind: engine.SourceContainer, Container: engine.Container{ID: e.container, Name: e.container}},
				Time:   int64(time.Hour) + int64(e.at)*int64(time.Second), Action: e.event,
			}
			if e.event == "kill" {
				o.Signal = e.detail
			} else {
				o.ExitCode = e.detail
			}
			s.Mark(o, c.own)
			if got, _ := o.AppendField(nil, engine.RequestedField); string(got) != e.requested {
				t.Errorf("%s: stopStep %d, %s: requested is %q, want %q", name, i, o.Text(), got, e.requested)
			}
		}
	}
}

// TestStopsAreBounded forgets the requests whose time is over before others.
func TestStopsAreBounded(t *testing.T) {
	var s Stops
	for i := range maxStops + maxStops/2 {
		o := &ContainerEvent{Source: &engine.Source{Container: engine.Container{ID: fmt.Sprint(i)}}, Time: int64(i) * int64(time.Second), Action: "kill", Signal: "15"}
		s.Mark(o, "")
	}
	last := &ContainerEvent{Source: &engine.Source{Container: engine.Container{ID: fmt.Sprint(maxStops + maxStops/2 - 1)}}, Time: int64(maxStops+maxStops/2) * int64(time.Second), Action: "die"}
	s.Mark(last, "")
	if n := len(s.asked); n > maxStops || !last.Requested {
		t.Errorf("%d are remembered, the last one's end is requested: %t", n, last.Requested)
	}
}
