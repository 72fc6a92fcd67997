package admin

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/test/planted"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	triggerreceiver "github.com/tinyforge/fluentbit-trigger/trigger/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// TestNoPlantedSecretIsAnywhere sends lines with a hundred secrets, which are a key, a field, a label, a template, a sample of a roll-up, and lines around hits,
// to receivers of every format, and looks for them in all that is sent, stored, answered and logged.
func TestNoPlantedSecretIsAnywhere(t *testing.T) {
	mails := map[string]*triggertest.MailServer{"takes": triggertest.NewMailServer(t, triggertest.MailClear), "refuses": triggertest.NewMailServer(t, triggertest.MailClear)}
	mails["refuses"].Data = func(data string) error { return triggertest.MailAnswer(554, strings.Join(strings.Fields(data), " ")) }
	var more strings.Builder
	for _, format := range triggerreceiver.Formats() {
		for _, path := range []string{"takes", "refuses"} {
			fmt.Fprintf(&more, "[[trigger]]\nname = \"%s-%s\"\nformat = %q\n", format, path, format)
			switch format {
			case "pagerduty":
				more.WriteString("routing_key = \"k\"\n")
			case "telegram":
				more.WriteString("token = \"123:abc\"\nchat_id = \"1\"\n")
			case "ntfy":
				more.WriteString("topic = \"alerts\"\n")
			case "mattermost":
				more.WriteString("token = \"t\"\nchannel = \"" + strings.Repeat("a", 26) + "\"\n")
			case "gotify", "opsgenie":
				more.WriteString("token = \"t\"\n")
			case "email":
				fmt.Fprintf(&more, "from = \"a@b\"\nto = [\"c@d\"]\nstarttls = \"off\"\nrate = \"0/s\"\nurl = \"smtp://%s\"\n", mails[path].Address)
				continue
			}
			fmt.Fprintf(&more, "url = \"URL/%s\"\n", path)
		}
	}
	more.WriteString(`
` + planted.Settings + `
[[rule]]
name = "keyed"
pattern = '^boom (?P<all>.*)'
cooldown = "1h"
cooldown_by = ["capture.all", "field.secret", "template"]
fields = ["secret"]
summary = '{{ .Field "secret" }} {{ .Captures.all }}'
labels = { secret = '{{ .Field "secret" }}' }
context = { before = 3, after = 1 }
[[rule]]
name = "counted"
keywords = ["boom"]
count = 2
within = "1h"
distinct = "field.secret"
cooldown = "1h"
[[rule]]
name = "seen"
keywords = ["boom"]
first_seen = "1d"
escalate = [{ after = "1s", severity = "critical" }]
`)
	b := newBench(t, "")
	b.server.SetBehaviour(receiver.BehaviourFunc(func(r receiver.Request) receiver.Reply {
		if strings.Contains(r.Path, "refuses") { // and repeats what it got, which is kept with the dead letter
			return receiver.Reply{Status: http.StatusBadRequest, Body: string(r.Body)}
		}
		return receiver.Reply{Status: http.StatusOK, Body: `{"ok":true}`}
	}))
	b.stop()
	b.writeRules(strings.ReplaceAll(more.String(), "URL", strings.TrimSuffix(b.server.URL("/"), "/")))
	b.start()
	secrets := planted.Secrets()
	lines := planted.Lines(secrets)
	look := func(where, text string) {
		t.Helper()
		planted.Look(t, secrets, where, text)
	}

	tap, alerts := b.stream("/api/v1/tap"), b.stream("/api/v1/alerts/stream")
	b.eventually("the streams are open", func() bool { return b.get("/api/v1/stats")["streams"] == 2.0 })
	for range 2 { // the second time most are suppressed, and wait for roll-ups
		for i, line := range lines {
			chunk := ct.Event(nil, ct.FirstTime+int64(i), nil, ct.M("log", line, "secret", lines[(i+1)%len(lines)], "container_id", ct.ContainerID, "container_name", "/shop-api"))
			if v := b.p.Flush(chunk, "docker.web"); v != pipeline.Accepted {
				t.Fatalf("a chunk was %s", v)
			}
		}
	}
	for range 2 * len(lines) {
		_, _, data := tap.next(t)
		look("the tap", data)
	}
	for range 100 {
		_, _, data := alerts.next(t)
		look("the stream of alerts", data)
	}
	dead := func() int {
		return len(b.want(200, "GET", "/api/v1/dead-letters?limit=1000", nil).list("dead_letters"))
	}
	b.eventually("every format sent alerts, and has dead letters", func() bool {
		got := map[string]bool{}
		for _, r := range b.server.Requests() {
			got[r.Path] = true
		}
		return b.server.Len() > 500 && dead() > 50
	})
	explained := b.want(200, "POST", "/api/v1/explain", map[string]any{"line": lines[0], "workload": "shop/api", "fields": map[string]string{"secret": lines[1]}})
	look("explain", explained.text)

	for i := range routes() {
		r := &routes()[i]
		if r.Method != "GET" || strings.Contains(r.Path, "{") || strings.HasSuffix(r.Path, "stream") || strings.HasSuffix(r.Path, "/tap") {
			continue
		}
		answer := b.do("GET", r.Path, nil)
		look(r.Path, answer.text)
	}
	for _, stored := range b.want(200, "GET", "/api/v1/alerts?limit=20", nil).list("alerts") {
		one, _ := stored["alert"].(map[string]any)
		look("an alert", b.want(200, "GET", fmt.Sprint("/api/v1/alerts/", one["id"]), nil).text)
	}
	masked := b.want(200, "GET", "/metrics", nil).text
	for _, name := range []string{"aws-key", "password", "email", "custom", "jwt"} {
		if strings.Contains(masked, fmt.Sprintf("redacted_total{id=\"t\",mask=%q} 0\n", name)) || !strings.Contains(masked, fmt.Sprintf("mask=%q", name)) {
			t.Errorf("nothing was masked as %s", name)
		}
	}
	formats := map[string]bool{}
	for _, r := range b.server.Requests() {
		look("a request to "+r.Path, fmt.Sprint(r.Path, r.Header, string(r.Body)))
		formats[r.Path] = true
	}
	for _, m := range mails["takes"].Messages() {
		look("a mail", strings.ReplaceAll(m.Data, "=\r\n", "")) // without the line breaks of quoted-printable
		formats["email"] = true
	}
	if !formats["email"] {
		t.Error("no mail came")
	}
	b.stop() // the state of keys is saved
	look("the log", b.log.String())
	files, err := filepath.Glob(filepath.Join(b.dir, "store.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no store", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		look(filepath.Base(file), string(text))
	}
	b.start()
	look("the alerts after a restart", b.want(200, "GET", "/api/v1/alerts?limit=1000", nil).text)
	if len(formats) < 4 {
		t.Errorf("requests to %v only", formats)
	}
}
