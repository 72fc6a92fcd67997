package chunk

import (
	"testing"

	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

func TestSeverityAndStream(t *testing.T) {
	otlp := func(kv ...any) ct.Map { return ct.M("otlp", ct.M(kv...)) }
	for _, tc := range []struct {
		name     string
		meta     any
		body     ct.Map
		severity string
		stream   string
	}{
		{"none", ct.M(), ct.M(), "", ""},
		{"otlp number", otlp("severity_number", 17), ct.M("level", "debug"), "error", ""},
		{"otlp trace", otlp("severity_number", 1), ct.M(), "debug", ""},
		{"otlp debug", otlp("severity_number", 8), ct.M(), "debug", ""},
		{"otlp info", otlp("severity_number", 12), ct.M(), "info", ""},
		{"otlp warning", otlp("severity_number", 13), ct.M(), "warning", ""},
		{"otlp fatal", otlp("severity_number", 24), ct.M(), "critical", ""},
		{"otlp text", otlp("severity_number", 0, "severity_text", "Warn"), ct.M(), "warning", ""},
		{"otlp neither", otlp("severity_number", 99, "severity_text", "?"), ct.M("level", "warn"), "warning", ""},
		{"metadata of another kind", ct.M("x", 1), ct.M("level", "warn"), "warning", ""},
		{"no metadata", nil, ct.M("level", "warn"), "warning", ""},
		{"priority of a unit", ct.M(), ct.M("PRIORITY", "3", "_SYSTEMD_UNIT", "a.service"), "error", ""},
		{"priority as a number", ct.M(), ct.M("PRIORITY", 4), "warning", ""},
		{"priority of a container is its stream", ct.M(), ct.M("PRIORITY", "3", "CONTAINER_NAME", "web"), "", "stderr"},
		{"stdout of a container", ct.M(), ct.M("CONTAINER_ID", "4f1c9a0d2b7e", "PRIORITY", "6"), "", "stdout"},
		{"level of a container in journald", ct.M(), ct.M("CONTAINER_ID", "4f1c9a0d2b7e", "PRIORITY", "6", "level", "fatal"), "critical", "stdout"},
		{"pri", ct.M(), ct.M("pri", "131"), "error", ""},
		{"pri as a number", ct.M(), ct.M("pri", 190), "info", ""},
		{"pri that is none", ct.M(), ct.M("pri", "high", "level", "e"), "error", ""},
		{"level", ct.M(), ct.M("level", "ERROR"), "error", ""},
		{"severity", ct.M(), ct.M("severity", "warning"), "warning", ""},
		{"the first of the level keys", ct.M(), ct.M("severity", "warning", "level", "error"), "error", ""},
		{"pino", ct.M(), ct.M("level", 50), "error", ""},
		{"level that is a map", ct.M(), ct.M("level", ct.M()), "", ""},
		{"stream", ct.M(), ct.M("stream", "stderr"), "", "stderr"},
		{"source", ct.M(), ct.M("source", "stdout"), "", "stdout"},
		{"source that is none", ct.M(), ct.M("source", "nginx"), "", ""},
		{"stream as bin", ct.M(), ct.M("stream", ct.Bin("stderr")), "", "stderr"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			line := only(t, ct.Event(nil, 1, tc.meta, append(ct.M("log", "x"), tc.body...)), "t")
			if line.Severity.String() != tc.severity || line.Stream.String() != tc.stream {
				t.Errorf("got %q on %q, want %q on %q", line.Severity, line.Stream, tc.severity, tc.stream)
			}
		})
	}
}
