package admin

import (
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
)

// tails returns the counters of the standalone program's reader of logs, whose panics it adds to those of the pipeline; nil in the plugin.
func (i *Instance) tails(s *pipeline.Stats) *docker.Stats {
	if i.Tails == nil {
		return nil
	}
	d := i.Tails()
	s.Panics += d.Panics
	return &d
}

// dockerMetricList are the metrics of the standalone program's reader of logs.
func dockerMetricList() []metric {
	return []metric{
		{"docker_notices_total", "Notices of lines that cannot be had, by kind.", []string{"kind"}},
		{"docker_stalled_streams_total", "Logs that were opened anew because the engine did not send what it had.", nil},
		{"docker_broken_streams_total", "Logs that were opened anew because what came was no log.", nil},
		{"docker_invalid_timestamps_total", "Records without a valid time stamp.", nil},
		{"docker_replayed_records_total", "Records that came again and were left out.", nil},
		{"docker_missed_events_total", "Events for which there was no room; a look at all containers makes up for them.", nil},
		{"docker_failed_saves_total", "Saves of the place in the logs that failed, and were tried again.", nil},
	}
}

// docker tells of the reader of logs.
func (s *sink) docker(d *docker.Stats) {
	for state, n := range d.States {
		s.gauge("tails", float64(n), docker.State(state).String())
	}
	for _, kind := range docker.NoticeKinds() {
		s.counter("docker_notices_total", d.Notices[kind], string(kind))
	}
	s.counter("docker_stalled_streams_total", d.Stalls)
	s.counter("docker_broken_streams_total", d.Broken)
	s.counter("docker_invalid_timestamps_total", d.Invalid)
	s.counter("docker_replayed_records_total", d.Replayed)
	s.counter("docker_missed_events_total", d.Missed)
	s.counter("docker_failed_saves_total", d.Unsaved)
}

func dockerOf(d *docker.Stats) *adminapi.DockerStats {
	out := &adminapi.DockerStats{
		Notices: map[string]int64{}, Stalled: d.Stalls, Broken: d.Broken, Invalid: d.Invalid, Replayed: d.Replayed, Missed: d.Missed,
		Unsaved: d.Unsaved,
	}
	for kind, n := range d.Notices {
		out.Notices[string(kind)] = n
	}
	return out
}
