package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
)

// deploy has a container of an image write lines, one each second from a moment on.
func (b *bench) deploy(id, image string, from time.Time, texts ...string) {
	b.t.Helper()
	lines := chunktest.Lines(texts...)
	for i := range lines {
		lines[i].Time = from.Add(time.Duration(i) * time.Second).UnixNano()
		lines[i].Extra = []chunktest.Pair{{Key: "container_image", Value: image}}
	}
	chunk := chunktest.DockerOf(strings.Repeat(id, 64), "shop-api-"+id, "shop", "api", lines...)
	if v := b.p.Flush(chunk, "docker.web"); v != pipeline.Accepted {
		b.t.Fatalf("a chunk was %s", v)
	}
}

// TestDeployIsJudged over the API: before the first line, with one image, and with a second one that brings an error. The addresses are those that the
// document gives to Argo Rollouts and Flagger.
func TestDeployIsJudged(t *testing.T) {
	b := newBench(t, "[deploy]\ncompare = \"15m\"\n[[rule]]\nname = \"errors\"\npattern = \"error\"\ndeploy = true\nfirst_seen = \"image\"\n")
	argo, flagger := documentedAddresses(t)
	verdict := func(want string) map[string]any {
		t.Helper()
		body := b.get(argo.EscapedPath())
		if body["verdict"] != want || body["workload"] != "shop/api" {
			t.Fatalf("%v, want %s", body, want)
		}
		return body
	}
	gate := func(status int) {
		t.Helper()
		r := b.do("POST", flagger.EscapedPath(), map[string]any{"name": "api", "namespace": "shop", "phase": "Progressing", "metadata": map[string]string{}})
		if r.status != status {
			t.Fatalf("%d, want %d: %s", r.status, status, r.text)
		}
	}
	verdict("unknown")
	gate(http.StatusOK)
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	var old, new []string
	for i := range 200 {
		old = append(old, fmt.Sprint("request ", i))
		if i < 60 {
			new = append(new, fmt.Sprint("request ", i))
		}
		if i%20 == 0 {
			old = append(old, fmt.Sprintf("error: timeout after %ds", i))
			new = append(new, fmt.Sprintf("error: no column %d of \"vat\"", i))
		}
	}
	b.deploy("a", "shop/api:1.3", start, old...)
	if body := verdict("unknown"); body["reason"] != "no image was seen before this one" {
		t.Errorf("%v", body)
	}
	b.deploy("b", "shop/api:1.4", start.Add(20*time.Minute), new...)
	body := verdict("worse")
	if reason := body["reason"]; reason != "1 new kind of errors" || body["running"] != true {
		t.Errorf("%v", body)
	}
	gate(http.StatusConflict)

	b.eventually("an alert arrived", func() bool {
		return strings.Contains(b.want(200, "GET", "/api/v1/alerts?rule=errors", nil).text, "no column")
	})
	list := b.want(200, "GET", "/api/v1/alerts?rule=errors", nil).text
	if !strings.Contains(list, `"age_seconds":1`) || !strings.Contains(list, `"name":"shop/api:1.4"`) {
		t.Errorf("the alerts do not say how old the image is: %s", list)
	}
	workloads := b.get("/api/v1/workloads")
	if image, _ := listOf(workloads, "workloads")[0]["image"].(map[string]any); image["verdict"] != "worse" || image["last"] != "shop/api:1.3" {
		t.Errorf("%v", workloads)
	}
	for text, why := range map[string]string{"error: timeout after 7s": "suppressed: known", "error: another one": ""} {
		q := map[string]any{"line": text, "workload": "shop/api", "container": "b", "image": "shop/api:1.4"}
		x := b.want(200, "POST", "/api/v1/explain", q).list("rules")[1]
		if got, _ := x["why"].(string); x["rule"] != "errors" || got != why || !strings.HasPrefix(fmt.Sprint(x["preview"]), "map[") {
			t.Errorf("%q: %v", text, x)
		}
		if preview, _ := x["preview"].(map[string]any); preview["image"] != "shop/api:1.4" || preview["image_since"] != start.Add(20*time.Minute).UTC().Format(time.RFC3339) {
			t.Errorf("%q: %v", text, preview)
		}
	}
	metrics := b.want(200, "GET", "/metrics", nil).text
	for _, want := range []string{`fluentbit_trigger_deploys_total{id="`, `fluentbit_trigger_deploys_comparing{id="`} {
		if !regexp.MustCompile(regexp.QuoteMeta(want) + `[^}]*"} 1\n`).MatchString(metrics) {
			t.Errorf("no metric %s is 1", want)
		}
	}
	// A silence that the next image ends.
	made := b.want(200, "POST", "/api/v1/silences", map[string]any{"workload": "shop/api", "next_image": true}).body
	silence := func() map[string]any { return listOf(b.get("/api/v1/silences"), "silences")[0] }
	if made["state"] != "active" || silence()["state"] != "active" || silence()["next_image"] != true {
		t.Errorf("%v", silence())
	}
	b.deploy("b", "shop/api:1.4", start.Add(30*time.Minute), "error: silenced")
	b.deploy("c", "shop/api:1.5", start.Add(40*time.Minute), "error: not silenced")
	if silence()["state"] != "expired" || silence()["suppressed"] != 1.0 {
		t.Errorf("%v", silence())
	}
	b.want(422, "POST", "/api/v1/silences", map[string]any{"workload": "shop/api", "next_image": true, "until": time.Now().Add(40 * 24 * time.Hour)})
	// A new container of an image that wrote a line just now is a replica.
	b.deploy("d", "shop/api:1.4", start.Add(50*time.Minute), new...)
	if r := b.get(argo.EscapedPath()); r["image"].(map[string]any)["name"] != "shop/api:1.5" {
		t.Errorf("a replica of a rolling update is a rollback: %v", r)
	}
	// A reload and a restart know it still.
	if report := b.p.Reload(); len(report.Problems) > 0 {
		t.Fatalf("%+v", report)
	}
	before := b.want(200, "GET", argo.EscapedPath(), nil).text
	b.stop()
	b.start()
	after := b.get(argo.EscapedPath())
	if image, _ := after["image"].(map[string]any); image["name"] != "shop/api:1.5" || !strings.Contains(before, fmt.Sprint(image["since"])) || silence()["state"] != "expired" {
		t.Errorf("before the restart %s, after it %v", before, after)
	}
}

// documentedAddresses returns the addresses in docs/deploys.md, for the workload shop/api.
func documentedAddresses(t *testing.T) (argo, flagger *url.URL) {
	t.Helper()
	text, err := os.ReadFile("../../docs/deploys.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []*url.URL
	for _, m := range regexp.MustCompile(`url: "(http[^"]*)"`).FindAllSubmatch(text, -1) {
		u, err := url.Parse(strings.ReplaceAll(string(m[1]), "{{ args.workload }}", "shop%2Fapi"))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, u)
	}
	if len(found) != 2 {
		t.Fatalf("the document has %d addresses", len(found))
	}
	return found[0], found[1]
}
