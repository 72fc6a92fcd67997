package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// around is what the alert about a line says of the lines around it.
func around(server *receiver.Server, line string) string {
	alerts := arrived(server)[line]
	if len(alerts) != 1 || alerts[0].Context == nil {
		return fmt.Sprintf("%d alerts, or no context", len(alerts))
	}
	return strings.Join(alerts[0].Context.Before, ",") + "|" + strings.Join(alerts[0].Context.After, ",")
}

// TestContext: the lines before a hit are there, those after it are waited for, and an alert that waits survives the end of the host.
func TestContext(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		s := single(t, document(server, simple("boom", `^boom`)+"context = { before = 2, after = 2 }\n"))
		r := start(s)
		r.feed("a", "b", "c", "boom 1", "d", "e")
		r.feed("boom 2")
		expect(t, r, server, []string{"boom 1", "boom 2"}) // the second at its deadline, for no line comes
		if got := around(server, "boom 1"); got != "b,c|d,e" {
			t.Errorf("boom 1: %s", got)
		}
		if got := around(server, "boom 2"); got != "d,e|" {
			t.Errorf("boom 2: %s", got)
		}
		r.feed("boom 3", "f")
		eventually(t, r, "the host has the lines", func() bool {
			return storedMessages(t, filepath.Join(s.dir, "one.db"))["boom 3"] != ""
		})
		r.stop()
		r = start(s)
		expect(t, r, server, []string{"boom 1", "boom 2", "boom 3"})
		if got := around(server, "boom 3"); got != "e,boom 2|f" && got != "e,boom 2|" { // Fluent Bit may have read the two apart
			t.Errorf("boom 3: %s", got)
		}
		r.stop()
	})
}

// TestAKillWhileAnAlertWaits: the alert is there all the same, once, without the lines that nobody saw.
func TestAKillWhileAnAlertWaits(t *testing.T) {
	server := receiver.New(t)
	s := single(t, document(server, simple("boom", `^boom`)+"context = { before = 1, after = 5 }\n"))
	r := startHost(t, hostBinary(t), s)
	r.feed("a", "boom 1", "b") // acknowledged when it returns
	r.kill()
	if server.Len() != 0 {
		t.Fatal("the alert did not wait")
	}
	r = startHost(t, hostBinary(t), s)
	expect(t, r, server, []string{"boom 1"})
	if got := around(server, "boom 1"); got != "a|" {
		t.Errorf("boom 1: %s", got)
	}
	r.stop()
	if server.Len() != 1 {
		t.Errorf("%d requests, want 1", server.Len())
	}
}

// TestSilenceAndInhibition counts the hits that they suppress, and reports them when a reload ends them.
func TestSilenceAndInhibition(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		rules := simple("quiet", `^quiet`) + simple("down", `^down`) + simple("failed", `^failed`) + simple("loud", `^loud`) + simple("hourly", `^hourly`)
		muting := "inhibit = [{ source = { rule = \"down\" }, target = { rule = \"failed\" }, for = \"1h\" }]\n" + document(server, rules) +
			fmt.Sprintf("\n[[silence]]\nname = \"night\"\nrule = \"qui*\"\nuntil = %s\n", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)) +
			"\n[[silence]]\nname = \"all-day\"\nwhere = { rule = \"hourly\", kind = \"!=rollup\" }\nevery = [\"daily\"]\nzone = \"Europe/Berlin\"\n"
		s := single(t, muting)
		r := start(s)
		r.feed("quiet 1", "down 1", "failed 1", "failed 2", "hourly 1", "loud 1")
		expect(t, r, server, []string{"down 1", "loud 1"})
		if n := len(arrived(server)); n != 2 {
			t.Fatalf("%d lines became alerts, want 2", n)
		}
		writeFile(t, s.dir, "rules.toml", document(server, rules))
		r.reload()
		r.feed("quiet 2", "failed 3", "hourly 2")
		expect(t, r, server, []string{"down 1", "loud 1", "quiet 2", "failed 3", "hourly 2"})
		if by := arrived(server)["quiet 2"][0].Suppressed.By; by["silence"] != 1 {
			t.Errorf("quiet 2 reports %v", by)
		}
		if by := arrived(server)["hourly 2"][0].Suppressed.By; by["silence"] != 1 {
			t.Errorf("hourly 2 reports %v", by)
		}
		if by := arrived(server)["failed 3"][0].Suppressed.By; by["inhibited"] != 2 {
			t.Errorf("failed 3 reports %v", by)
		}
		r.stop()
	})
}
