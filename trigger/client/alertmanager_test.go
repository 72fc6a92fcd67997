package client

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// patience bounds every wait for a real Alertmanager.
const patience = 20 * time.Second

// A real Alertmanager (Debian's package prometheus-alertmanager) accepts every payload, keeps an absence as one active alert, and resolves it
// when the recovery comes. Without the program on PATH the test is skipped.
func TestRealAlertmanager(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		if program, err = exec.LookPath("alertmanager"); err != nil {
			t.Skip("no Alertmanager on PATH")
		}
	}
	address := startAlertmanager(t, program)
	s := testSettings(address)
	s.Format = "alertmanager"
	c := mustNew(t, s, loopback())
	send := func(alerts []trigger.Alert) {
		t.Helper()
		if got := c.Send(t.Context(), "al_1", alerts); got.Outcome != trigger.Delivered {
			t.Fatalf("got %s: %s", got, got.Detail)
		}
	}
	for name, alerts := range triggertest.Alerts() {
		if name != "absence" && name != "resolved" {
			send(alerts)
		}
	}
	// A recovery may say any time: now, ahead by a second or an hour (a clock, or a zone that is not named), or long ago.
	for _, ahead := range []time.Duration{0, time.Second, time.Hour, 48 * time.Hour, -2 * time.Hour} {
		absence, resolved := triggertest.Alerts()["absence"], triggertest.Alerts()["resolved"]
		absence[0].Rule, resolved[0].Rule = "backup-missing", "backup-missing"
		absence[0].Time = time.Now().Add(-time.Minute)
		resolved[0].Time = time.Now().Add(ahead)
		send(absence)
		await.That(t, patience, "the absence fires", func() bool { return activeAlerts(t, address) == 1 })
		send(absence)
		send(resolved)
		await.That(t, patience, "the recovery resolves it", func() bool { return activeAlerts(t, address) == 0 })
	}
	// So may any alert of a group, and none takes the others along.
	group := triggertest.Alerts()["group"]
	for i := range group {
		group[i].Time = time.Now().Add(time.Duration(i-3) * time.Hour)
	}
	send(group)
}

func startAlertmanager(t *testing.T, program string) (address string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte("route:\n  receiver: none\nreceivers:\n- name: none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.path="+dir, "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // killed, so it fails
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("Alertmanager said:\n%s", text)
		}
	})
	listening := regexp.MustCompile(`msg="Listening on" address=([0-9.:]+)`)
	await.That(t, patience, "Alertmanager says where it listens", func() bool {
		text, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		if found := listening.FindSubmatch(text); found != nil {
			address = "http://" + string(found[1])
		}
		return address != ""
	})
	await.That(t, patience, "Alertmanager is ready", func() bool {
		answer, err := http.Get(address + "/-/ready")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == 200
	})
	return address
}

// activeAlerts returns the number of active alerts of the rule backup-missing.
func activeAlerts(t *testing.T, address string) int {
	t.Helper()
	answer, err := http.Get(address + "/api/v2/alerts?active=true&filter=alertname%3Dbackup-missing")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var list []json.RawMessage
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return len(list)
}
