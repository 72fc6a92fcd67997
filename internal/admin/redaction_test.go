package admin

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	triggerreceiver "github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// planted is a hundred secrets in lines: each line, and the part of it that must be nowhere.
func planted() (lines, secrets []string) {
	word := func(prefix string, n, size int) string {
		text := ""
		for i := 0; len(text) < size; i++ {
			text += fmt.Sprintf("%c%c%d", 'A'+(n+i)%26, 'a'+(n*7+i*3)%26, (n+i)%10)
		}
		return prefix + text[:size]
	}
	for n := range 4 {
		for _, one := range []struct{ before, secret, after string }{
			{"key ", "AKIA" + strings.ToUpper(word("", n, 16)), " used"},
			{"token ", word("ghp_", n, 36), " rejected"},
			{"token ", word("glpat-", n, 20), " rejected"},
			{"token ", word("npm_", n, 36), " rejected"},
			{"token ", word("pypi-", n, 90), " rejected"},
			{"slack ", word("xoxb-", n, 40), " rejected"},
			{"stripe ", word("sk_live_", n, 24), " rejected"},
			{"jwt ", "eyJhbGciOiJIUzI1NiJ9." + word("eyJ", n, 40) + "." + word("", n+1, 43), " expired"},
			{"POST https://hooks.slack.com/services/", word("", n, 40), " 404"},
			{"> Authorization: Bearer ", word("", n, 30), ""},
			{"> Authorization: Basic ", base64.StdEncoding.EncodeToString([]byte("user:" + word("", n, 12))), ""},
			{"> Cookie: ", "session=" + word("", n, 32), ""},
			{"dial postgres://app:", word("", n, 12), "@db:5432/shop"},
			{"login password=", word("", n, 12), " from 10.0.0.1"},
			{"DB_PASSWORD=", word("", n, 11), ""},
			{`{"level":"error","password":"`, word("", n, 13), `"}`},
			{`{"log":"{\"api_key\":\"`, word("", n, 14), `\"}"}`},
			{"client_secret=", word("", n, 15), "&grant_type=refresh"},
			{"-----BEGIN PRIVATE KEY-----", word("MIIE", n, 64), "-----END PRIVATE KEY-----"},
			{"gcp ", word("AIza", n, 35), " used"},
			{"azure AccountKey=", word("", n, 86) + "==", ";x"},
			{"telegram ", fmt.Sprint(123456780+n) + ":A" + word("", n, 34), " used"},
			{"sendgrid ", word("SG.", n, 22) + "." + word("", n+1, 40), " used"},
			{"mail ", strings.ToLower(word("", n, 12)) + "@mail.example.com", " bounced"},
			{"session ", word("sess-", n, 20), " of our own"},
		} {
			line := "boom " + one.before + one.secret + one.after
			if n == 3 { // as the message of an exception
				line = "boom java.lang.IllegalStateException: " + one.before + one.secret + one.after + "\n\tat shop.Api.call(Api.java:12)"
			}
			lines, secrets = append(lines, line), append(secrets, one.secret)
		}
	}
	return lines, secrets
}

// TestNoPlantedSecretIsAnywhere sends lines with a hundred secrets, which are a key, a field, a label, a template, a sample of a roll-up, and lines around hits,
// to receivers of every format, and looks for them in all that is sent, stored, answered and logged.
func TestNoPlantedSecretIsAnywhere(t *testing.T) {
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
			case "gotify", "opsgenie":
				more.WriteString("token = \"t\"\n")
			}
			fmt.Fprintf(&more, "url = \"URL/%s\"\n", path)
		}
	}
	more.WriteString(`
[redact]
email = true
patterns = ['sess-\w+']
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
	lines, secrets := planted()
	if len(secrets) != 100 {
		t.Fatalf("%d secrets, want 100", len(secrets))
	}
	var needles []string
	for _, s := range secrets {
		needles = append(needles, s, url.QueryEscape(s), base64.StdEncoding.EncodeToString([]byte(s)))
	}
	look := func(where, text string) {
		t.Helper()
		for i, needle := range needles {
			if at := strings.Index(text, needle); at >= 0 {
				t.Errorf("%s holds secret %d: …%q…", where, i/3, text[max(0, at-60):min(len(text), at+len(needle)+20)])
			}
		}
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
