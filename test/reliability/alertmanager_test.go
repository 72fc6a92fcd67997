package reliability

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// alertmanager is a real Alertmanager on a loopback port.
type alertmanager struct {
	t       *testing.T
	address string
}

var listening = regexp.MustCompile(`address=(127\.0\.0\.1:[0-9]+)`)

// startAlertmanager starts one that notifies nobody.
func startAlertmanager(t *testing.T) *alertmanager {
	t.Helper()
	return startAlertmanagerWith(t, "route:\n  receiver: none\n  group_by: [workload]\nreceivers:\n- name: none\n")
}

// startAlertmanagerWith starts one with a configuration. It skips the test when there is none to start.
func startAlertmanagerWith(t *testing.T, text string) *alertmanager {
	t.Helper()
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		if program, err = exec.LookPath("alertmanager"); err != nil {
			t.Skip("neither prometheus-alertmanager (Debian's package of that name) nor alertmanager is on PATH: nothing was sent to a real one")
		}
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	must(t, os.WriteFile(config, []byte(text), 0o600))
	log, err := os.Create(filepath.Join(dir, "log"))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.path="+dir, "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed, so it fails
		_ = log.Close()
	})
	a := &alertmanager{t: t}
	a.until("it listens", func() bool {
		text, err := os.ReadFile(log.Name())
		must(t, err)
		if m := listening.FindSubmatch(text); m != nil {
			a.address = "http://" + string(m[1])
		}
		if a.address == "" {
			return false
		}
		answer, err := http.Get(a.address + "/-/ready")
		if err != nil {
			return false
		}
		return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	})
	return a
}

func (a *alertmanager) until(what string, done func() bool) {
	a.t.Helper()
	await.That(a.t, patience, "Alertmanager: "+what, done)
}

func (a *alertmanager) get(path string, into any) {
	a.t.Helper()
	answer, err := http.Get(a.address + path)
	must(a.t, err)
	defer func() { must(a.t, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		a.t.Fatalf("%s: %s", path, answer.Status)
	}
	must(a.t, json.NewDecoder(answer.Body).Decode(into))
}

// shown is an alert as API v2 shows it.
type shown struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Status       struct {
		State string `json:"state"`
	} `json:"status"`
}

// firing returns the alerts that fire for a workload.
func (a *alertmanager) firing(workload string) (list []shown) {
	a.t.Helper()
	a.get("/api/v2/alerts?active=true&filter="+url.QueryEscape(fmt.Sprintf("workload=%q", workload)), &list)
	return list
}

// active returns the alerts that fire for a workload, by name.
func (a *alertmanager) active(workload string) map[string]shown {
	a.t.Helper()
	list := a.firing(workload)
	byName := map[string]shown{}
	for _, s := range list {
		byName[s.Labels["alertname"]] = s
	}
	if len(byName) != len(list) {
		a.t.Errorf("%d alerts have %d names: %+v", len(list), len(byName), list)
	}
	return byName
}

// send sends alerts as one message.
func (a *alertmanager) send(alerts ...trigger.Alert) {
	a.t.Helper()
	s := trigger.DefaultSettings()
	s.Name, s.Format, s.URL = "am", "alertmanager", setting.SecretText(a.address)
	s.GeneratorURL = "https://logs.example.com/"
	sender, err := client.New(s, client.Deps{Egress: egress.Settings{Mode: egress.ModeDefault, Allow: []string{strings.TrimPrefix(a.address, "http://")}}})
	must(a.t, err)
	defer sender.Close()
	if got := sender.Send(a.t.Context(), alerts[0].ID, alerts); got.Outcome != trigger.Delivered {
		a.t.Fatalf("%s: %s", got, got.Detail)
	}
}

func alertOf(kind, rule, workload, message string, at time.Time) trigger.Alert {
	return trigger.Alert{
		Version: trigger.AlertVersion, ID: "al_" + rule, Kind: kind, Severity: "critical", Rule: rule, Summary: rule + " in " + workload,
		Message: message, Time: at, FirstSeen: at, LastSeen: at, Count: 1, Labels: map[string]string{"team": "payments"},
		Runbook: "https://wiki.example.com/" + rule, Source: trigger.Source{
			Kind: "log", Workload: workload, Host: "node-1", Container: trigger.Container{Name: "shop-api-1"},
		},
	}
}

func TestAlertmanager(t *testing.T) {
	a := startAlertmanager(t)
	began := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)

	t.Run("labels and annotations", func(t *testing.T) {
		alert := alertOf(trigger.KindLog, "go-panic", "shop/api", "panic: nil map", began)
		alert.Suppressed = trigger.Suppressed{Total: 7, By: map[string]int64{"cooldown": 7}}
		a.send(alert)
		a.until("the alert is active", func() bool { return len(a.active("shop/api")) == 1 })
		got := a.active("shop/api")["go-panic"]
		for name, want := range map[string]string{"alertname": "go-panic", "severity": "critical", "workload": "shop/api", "team": "payments"} {
			if got.Labels[name] != want {
				t.Errorf("label %s is %q, want %q", name, got.Labels[name], want)
			}
		}
		if len(got.Labels) != 4 {
			t.Errorf("labels %v: any that changes from line to line would make a new alert of each", got.Labels)
		}
		for name, want := range map[string]string{
			"summary": "go-panic in shop/api", "description": "panic: nil map", "runbook_url": "https://wiki.example.com/go-panic",
			"host": "node-1", "container": "shop-api-1", "kind": "log", "id": "al_go-panic", "hits": "1",
		} {
			if got.Annotations[name] != want {
				t.Errorf("annotation %s is %q, want %q", name, got.Annotations[name], want)
			}
		}
		if !strings.Contains(got.Annotations["suppressed"], "7") || !got.StartsAt.Equal(began) || got.GeneratorURL != "https://logs.example.com/" ||
			got.Status.State == "suppressed" {
			t.Errorf("shown as %+v", got)
		}
	})

	t.Run("one alert for each rule and workload", func(t *testing.T) {
		for n := range 5 {
			again := alertOf(trigger.KindLog, "repeated", "shop/web", fmt.Sprintf("line %d", n), began.Add(time.Duration(n)*time.Second))
			again.ID = fmt.Sprintf("al_%d", n)
			a.send(again)
		}
		a.until("the last line is shown", func() bool { return a.active("shop/web")["repeated"].Annotations["description"] == "line 4" })
		if n := len(a.active("shop/web")); n != 1 {
			t.Errorf("%d alerts, want 1", n)
		}
	})

	t.Run("groups", func(t *testing.T) {
		var group []trigger.Alert
		for n := range 30 {
			group = append(group, alertOf(trigger.KindLog, fmt.Sprintf("rule-%d", n), "shop/batch", fmt.Sprintf("line %d", n), began))
		}
		a.send(group...) // more than max_alerts, which bounds texts for people: Alertmanager gets every one
		a.until("all are active", func() bool { return len(a.active("shop/batch")) == 30 })
		var groups []struct {
			Labels map[string]string `json:"labels"`
			Alerts []shown           `json:"alerts"`
		}
		a.get("/api/v2/alerts/groups?filter="+url.QueryEscape(`workload="shop/batch"`), &groups)
		if len(groups) != 1 || groups[0].Labels["workload"] != "shop/batch" || len(groups[0].Alerts) != 30 {
			t.Errorf("Alertmanager's groups: %d, of the labels %v", len(groups), groups)
		}
	})

	t.Run("an end resolves", func(t *testing.T) {
		const workload = "ops/backup"
		incident := func(rule, key string, kind string, severities ...string) {
			for _, severity := range severities {
				alert := alertOf(kind, rule, workload, "boom", began)
				alert.Key, alert.Severity = key, severity
				if alert.Resolves = kind != trigger.KindResolved; !alert.Resolves {
					alert.Time, alert.Incident = time.Now(), &trigger.Incident{Began: began, Hits: 3, Alerts: 2, Severities: []string{"error", "critical"}}
				}
				a.send(alert)
			}
		}
		incident("backup-missing", "k1", trigger.KindAbsence, "critical")
		incident("db-down", "k2", trigger.KindLog, "error", "critical") // two alerts there: the severity rose
		a.until("all fire", func() bool { return len(a.firing(workload)) == 3 })
		for _, one := range a.firing(workload) {
			if time.Until(one.EndsAt) < 24*time.Hour {
				t.Errorf("%s ends by itself at %s: only its end should end it", one.Labels["alertname"], one.EndsAt)
			}
		}
		incident("db-down", "another key", trigger.KindResolved, "critical")
		if n := len(a.firing(workload)); n != 3 {
			t.Errorf("%d alerts fire after the end of another key, want 3", n)
		}
		incident("db-down", "k2", trigger.KindResolved, "critical")
		a.until("the end resolves both severities", func() bool { return len(a.firing(workload)) == 1 })
		incident("backup-missing", "k1", trigger.KindResolved, "critical")
		a.until("the absence is resolved", func() bool { return len(a.firing(workload)) == 0 })
	})

	t.Run("hostile texts", func(t *testing.T) {
		messages := []string{
			`{"a": "b", "c": [1, 2}], \u0000 \" \\`, `{{ .Labels }} {{ define "x" }}{{ end }}`, `<script>alert(1)</script> &amp; <!-- -->`,
			`'; DROP TABLE alerts; -- @everyone <!channel> @here`, "line one\nline two\n\ttabbed", "日本語 🚨 ñandú " + strings.Repeat("é", 1000),
			strings.Repeat(`"`, 2000), "%s %d %n ${HOME} $(id) `id`", "```" + "fence" + "```", "]]>", "\\", "null", "true", "-1e999",
		}
		for n, message := range messages {
			hostile := alertOf(trigger.KindLog, fmt.Sprintf("hostile-%d", n), "hostile", message, began)
			hostile.Labels = map[string]string{"bad name": message, "": "empty", "1x": "digit", "ünïcode": "x", "__name__": message}
			a.send(hostile)
		}
		a.until("all are active", func() bool { return len(a.active("hostile")) == len(messages) })
		for n, message := range messages {
			got := a.active("hostile")[fmt.Sprintf("hostile-%d", n)]
			if got.Annotations["description"] != strings.TrimSpace(message) {
				t.Errorf("%q arrived as %q", message, got.Annotations["description"])
			}
			if got.Labels["bad_name"] == "" {
				t.Errorf("%q: labels %v", message, got.Labels)
			}
		}
		// What would change how other text is shown arrives as the escape of it.
		a.send(alertOf(trigger.KindLog, "unseen", "hostile", "\x1b[31mred\x1b[0m \u202Eevil\u202C \x00\x07 \xff\xfe", began))
		a.until("it is active", func() bool { return a.active("hostile")["unseen"].Annotations["description"] != "" })
		if got := a.active("hostile")["unseen"].Annotations["description"]; got != `red \u202eevil\u202c \u0000\u0007 \xff\xfe` {
			t.Errorf("arrived as %q", got)
		}
	})

	t.Run("through the plugin", func(t *testing.T) {
		r := newRig(t)
		r.start(r.write("rules.toml", fmt.Sprintf(`
[egress]
allow = [%q]
[[rule]]
name = "oom"
keywords = ["out of memory"]
severity = "critical"
cooldown = "0s"
[[trigger]]
name = "am"
format = "alertmanager"
url = %q
group_by = ["workload"]
group_wait = "1s"
`, strings.TrimPrefix(a.address, "http://"), a.address)), filepath.Join(r.dir, "one.db"))
		r.feed("one", numbered("out of memory: process %d", 0, 5)...)
		a.until("the alert is active", func() bool { return len(a.active("test")) == 1 })
		if got := a.active("test")["oom"]; got.Annotations["description"] != "out of memory: process 4" || got.Labels["severity"] != "critical" {
			t.Errorf("shown as %+v", got)
		}
		r.stop()
	})
}
