package pipeline

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// comesBack returns a document as the input http makes a record of it: its members are keys.
func comesBack(t *testing.T, document []byte) chunktest.Map {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(document, &object); err != nil {
		t.Fatal(err)
	}
	return packed(object).(chunktest.Map)
}

func packed(value any) any {
	switch v := value.(type) {
	case map[string]any:
		m := chunktest.Map{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			m = append(m, chunktest.Pair{Key: key, Value: packed(v[key])})
		}
		return m
	case []any:
		for i := range v {
			v[i] = packed(v[i])
		}
	}
	return value
}

// TestAlertsThatComeBackAreNotEvaluated leads each form of an alert back into the plugin, as a record and as a line of a receiver that logs what it
// gets. What only looks a little like one is evaluated.
func TestAlertsThatComeBackAreNotEvaluated(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "boom"))))
	p.Flush(lines("boom"), "docker.web")
	b.messages(1)
	alert := b.alerts()[0]
	encode := func(v any) []byte {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	event := struct {
		SpecVersion string        `json:"specversion"`
		ID          string        `json:"id"`
		Source      string        `json:"source"`
		Type        string        `json:"type"`
		Data        trigger.Alert `json:"data"`
	}{"1.0", "id_1", "/fluentbit-trigger/n", "com.github.tinyforge.fluentbit-trigger.log.v1", alert}
	documents := [][]byte{
		encode(alert), encode(event),
		encode(trigger.Group{Version: "1", ID: "id_2", Kind: trigger.KindGroup, Severity: "error", Total: 2, Alerts: []trigger.Alert{alert, alert}}),
	}
	for i, document := range documents {
		before := p.Stats(t.Context())
		for _, chunk := range [][]byte{chunktest.Event(nil, chunktest.FirstTime, chunktest.M(), comesBack(t, document)), lines(string(document))} {
			p.Flush(chunk, "http.0")
		}
		after := p.Stats(t.Context())
		if own, hits := after.Own-before.Own, after.Engine.Total().Hits-before.Engine.Total().Hits; own != 2 || hits != 0 {
			t.Errorf("document %d: %d own, %d hits", i, own, hits)
		}
	}
	before := p.Stats(t.Context())
	others := []string{
		`{"version":"1","id":"7","message":"boom"}`, `{"specversion":"1.0","id":"1","type":"com.example.x","data":"boom"}`,
		"POST / " + string(documents[0]), strings.Replace(string(documents[0]), `"version":"1"`, `"version":"2"`, 1),
	}
	p.Flush(lines(others...), "docker.web")
	for _, chunk := range []chunktest.Map{
		chunktest.M("message", "boom", "suppressed", chunktest.M(), "version", "1", "kind", "log", "severity", "error"),
		chunktest.M("message", "boom", "alerts", 3), chunktest.M("message", "boom", "specversion", "1.0", "type", "x"),
	} {
		p.Flush(chunktest.Event(nil, chunktest.FirstTime, chunktest.M(), chunk), "http.0")
	}
	if after := p.Stats(t.Context()); after.Own != before.Own {
		t.Errorf("%d lines that are none of ours were left out", after.Own-before.Own)
	}
}

// TestIgnoredLabelsAreLogged: a label that reaches beyond its container's project is ignored, and logged.
func TestIgnoredLabelsAreLogged(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "boom"))))
	p.Flush(chunktest.Event(nil, chunktest.FirstTime, chunktest.M(), chunktest.M("log", "boom", "container_name", "/evil", "com.docker.compose.project", "tenant",
		"com.docker.compose.service", "evil", "fluentbit-trigger.workload", "shop/payments")), "docker.evil")
	b.messages(1)
	if w := b.alerts()[0].Source.Workload; w != "tenant/evil" {
		t.Errorf("workload %q", w)
	}
	b.eventually("the label is logged", func() bool { return strings.Contains(b.log.String(), "ignoring labels") })
}
