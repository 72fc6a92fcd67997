package chunk

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// testNow is a moment after all events of the files.
const testNow = 1795400000_000000000

// tags are those that the files were made with.
var tags = map[string]string{
	"forward-docker-fluentd-driver": "docker.shop-web-1",
	"forward-packed-v1-times":       "packed",
	"opentelemetry-groups":          "v1_logs",
	"syslog-rfc5424":                "syslog",
	"systemd-journald-driver":       "journal",
	"tail-cri-kubernetes":           "kube.var.log.containers.api-7c9d_shop_api-4f1c9a0d2b7e6a5c8d3f1e0b9a8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c.log",
	"fluentd-driver-parsed":         "docker.evil",                                                                                                                    // the filter parser lifted JSON out of the line, with reserve_data
	"kubernetes-merged-log":         "kube.var.log.containers.evil-5b6d8f9c7d-x2x4k_tenant_main-4f1c9a0d2b7e6a5c8d3f1e0b9a8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c.log", // merge_log on
	"opentelemetry-streams":         "v1_logs",
	"systemd-lowercase":             "journal", // the input dummy, with the keys that systemd writes with lowercase
	"systemd-stripped":              "journal", // likewise, with lowercase and strip_underscores
	"tail-ecs":                      "ecs",
	"tcp-gelf":                      "gelf", // format json, as Docker's gelf driver and a library of an application send
	"tail-multiline-docker":         "tail.multiline.docker",
	"tail-parser-docker":            "tail.parser.docker",
}

// testPaths are looked up in every record; what is found stands in the golden files.
var testPaths = []string{
	"log", "stream", "source", "time", "container_id", "com.docker.compose.service", "partial_id", "filename", "kubernetes.namespace_name",
	"kubernetes.labels.app.kubernetes.io/name", "kubernetes.annotations.team", "otlp.severity_number", "otlp.severity_text", "otlp.attributes.k",
	"resource.attributes.service.name", "resource.service.name", "scope.name", "pri", "msgid", "PRIORITY", "CONTAINER_TAG", "n", "f", "t", "nil",
	"arr", "trace_id", "log.level", "log.logger", "service.name", "attributes.exception.type", "message", "container_name", "fluentbit-trigger.workload",
}

// describeRecord writes a record on a few lines. Long texts are shortened; their length is shown.
func describeRecord(rec *engine.Record, raw []byte) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s\n", time.Unix(0, rec.Time).UTC().Format(time.RFC3339Nano), short(rec.Text))
	fmt.Fprintf(&out, "  stream=%q severity=%q truncated=%v event=%d bytes\n", rec.Stream, rec.Severity, rec.Truncated, len(raw))
	source, _ := json.Marshal(rec.Source)
	fmt.Fprintf(&out, "  source=%s\n", source)
	for _, path := range testPaths {
		if value, ok := rec.Fields.AppendField(nil, path); ok {
			fmt.Fprintf(&out, "  %s=%s\n", path, short(value))
		}
	}
	return out.String()
}

func short(text []byte) string {
	if len(text) <= 200 {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q…%q (%d bytes)", text[:40], text[len(text)-40:], len(text))
}

func newDecoder(t testing.TB) *Decoder {
	t.Helper()
	d, err := New(DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestGolden decodes what Fluent Bit 5.1.1 handed over, field for field.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/chunks/*.msgpack")
	if err != nil || len(files) != len(tags) {
		t.Fatalf("found %d files, want %d (%v)", len(files), len(tags), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".msgpack")
		t.Run(name, func(t *testing.T) {
			chunk, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			kept := bytes.Clone(chunk)
			d := newDecoder(t)
			var out strings.Builder
			d.Decode(chunk, tags[name], testNow, func(rec *engine.Record, raw []byte) { out.WriteString(describeRecord(rec, raw)) })
			d.Drain(func(rec *engine.Record, raw []byte) { out.WriteString("drained: " + describeRecord(rec, raw)) })
			fmt.Fprintf(&out, "%+v\n", d.Stats())
			if !bytes.Equal(chunk, kept) {
				t.Error("the chunk was changed")
			}
			golden := "testdata/golden/" + name + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", out.String(), want)
			}
		})
	}
}
