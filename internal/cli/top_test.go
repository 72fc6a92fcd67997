package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

// TestTopRefreshesInPlace draws a running instance on a terminal: as it changes, and when the terminal became smaller. Ctrl-C gives the terminal back
// as it was.
func TestTopRefreshesInPlace(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	p := follower(t, fmt.Sprintf("[admin]\nlisten = \"unix://%s\"", socket), admin.Options{Program: "docker-fluentbit", Version: "1"})
	feed := func(lines ...string) { p.Flush(chunktest.Docker(chunktest.Lines(lines...)...), "docker.web") }
	feed("boom 1", "quiet")
	clientOf(t, "unix://"+socket).Close()
	x := onTerminal(t, 20, 80, "top", "--url", "unix://"+socket, "--interval", "200ms")
	x.until("rules and workloads are shown on the terminal's other page", func(s *screen) bool {
		return s.alternate && s.hidden && hasLine(s, "RULE") && hasLine(s, "boom", "1") && hasLine(s, "WORKLOAD") && hasLine(s, "shop/api", "2")
	})
	feed("boom 2", "boom 3", "quiet")
	x.until("it refreshes in place, with rates", func(s *screen) bool {
		return hasLine(s, "RULE", "HITS", "HITS/S") && hasLine(s, "boom", "3") && hasLine(s, "shop/api", "5") && strings.Count(s.text(), "RULE") == 1
	})
	x.resize(8, 30)
	x.until("it fits a smaller terminal", func(s *screen) bool {
		return s.drawn > 2 && hasLine(s, "RULE") && hasLine(s, "boom", "3") && hasLine(s, "shop/api", "5") && strings.Contains(s.text(), "…")
	})
	if _, err := x.master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-x.ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Ctrl-C does not end it")
	}
	if s := x.look(); s.alternate || s.hidden {
		t.Error("the terminal is not as it was")
	}
}

// hasLine reports whether some line begins with the words.
func hasLine(s *screen, words ...string) bool {
	for line := range strings.Lines(s.text()) {
		fields := strings.Fields(line)
		if len(fields) >= len(words) && strings.Join(fields[:len(words)], " ") == strings.Join(words, " ") {
			return true
		}
	}
	return false
}

// TestTopFits gives views of all sizes to terminals of all sizes.
func TestTopFits(t *testing.T) {
	for _, rules := range []int{0, 1, 5, 100} {
		for _, workloads := range []int{0, 1, 5, 100} {
			for _, other := range []int64{0, 7} {
				s := &adminapi.StatsResponse{Instance: "i", Rules: make([]adminapi.RuleStats, rules), Workloads: adminapi.BusiestWorkloads{Busiest: make([]adminapi.WorkloadStats, workloads)}}
				s.Workloads.Other.Lines = other
				for height := 12; height < 60; height += 7 {
					var text strings.Builder
					v := view{stats: s, by: "hits", width: 40}
					v.fit(height, 0)
					if err := (&console{out: &text}).top(&v); err != nil {
						t.Fatal(err)
					}
					lines := strings.Count(text.String(), "\n")
					if lines > height-2 || rules > 90 && workloads > 90 && lines < height-4 {
						t.Errorf("%d rules, %d workloads and %d others take %d lines of %d", rules, workloads, other, lines, height)
					}
				}
			}
		}
	}
}
