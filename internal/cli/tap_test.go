package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// standalone runs "docker-fluentbit run" in a process of its own, on an engine that is played, and returns the address of its administration.
func standalone(t *testing.T, daemon *dockertest.Daemon, rules string) string {
	t.Helper()
	dir := t.TempDir()
	path, url := filepath.Join(dir, "rules.toml"), "unix://"+filepath.Join(dir, "admin.sock")
	text := fmt.Sprintf("store = %q\n[admin]\nlisten = %q\n%s", filepath.Join(dir, "store.db"), url, rules)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "run", "-c", path, "-H", daemon.Host())
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("run ended with %v", err)
		}
	})
	return url
}

// awaitStats waits until the counters of an instance are as they should be.
func awaitStats(t *testing.T, url, what string, holds func(*standaloneStats) bool) {
	t.Helper()
	c := clientOf(t, url)
	defer c.Close()
	var stats standaloneStats
	defer func() {
		if t.Failed() {
			t.Logf("the counters: %+v", stats)
		}
	}()
	await.That(t, patience, what, func() bool {
		stats = standaloneStats{}
		_, err := c.Do(t.Context(), client.Request{Path: command.StatsPath}, &stats)
		return err == nil && holds(&stats)
	})
}

type standaloneStats struct {
	adminapi.StatsResponse
	Streams int `json:"streams"`
}

// TestTapOfARunningProgram taps the standalone program while a container writes, and compares the decisions with its counters: as text, as JSON,
// and of the records alone that a rule hits.
func TestTapOfARunningProgram(t *testing.T) {
	daemon := dockertest.Start(t)
	web := daemon.Run(dockertest.Container{Name: "web"})
	url := standalone(t, daemon, "[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\ncooldown = \"1h\"\n[[rule]]\nname = \"dry\"\npattern = 'boom \\d'\ncooldown = \"0s\"\ndry_run = true\n")
	awaitStats(t, url, "the container is followed", func(*standaloneStats) bool { return daemon.Follows() == 1 })

	type tapping struct {
		lines *bufio.Scanner
		wait  func() error
	}
	begin := func(args ...string) tapping {
		cmd := program(t, append([]string{"tap", "--url", url}, args...)...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return tapping{bufio.NewScanner(out), cmd.Wait}
	}
	texts, objects, hits := begin("-n", "4"), begin("-n", "4", "-o", "json"), begin("-n", "2", "--rule", "b*")
	awaitStats(t, url, "the taps are open", func(s *standaloneStats) bool { return s.Streams == 3 })
	web.Stdout("boom one", "all is \x1b[31mwell\x1b[0m\a", "boom 2")
	web.Stderr("boom 3")

	read := func(x tapping) (lines []string) {
		for x.lines.Scan() {
			lines = append(lines, x.lines.Text())
		}
		if err := x.wait(); err != nil {
			t.Errorf("tap ended with %v", err)
		}
		return lines
	}
	want := []string{
		`web \[stdout\] boom: alert \| boom one$`, `web \[stdout\] no hit \| all is well\\u0007$`, `web \[stdout\] boom: cooldown, dry: dry run \| boom 2$`,
		`web \[stderr\] boom: cooldown, dry: dry run \| boom 3$`,
	}
	compare := func(got, want []string) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%q, want %d lines", got, len(want))
		}
		for i := range want {
			if !regexp.MustCompile(want[i]).MatchString(got[i]) {
				t.Errorf("%q, want %s", got[i], want[i])
			}
		}
	}
	compare(read(texts), want)
	compare(read(hits), []string{want[0], want[2]})
	decided := map[string]int64{}
	for _, line := range read(objects) {
		var r adminapi.TapRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		for _, d := range r.Decisions {
			decided[d.Rule+" "+d.Outcome]++
		}
	}
	awaitStats(t, url, "the counters agree", func(s *standaloneStats) bool {
		counted := map[string]int64{}
		for i := range s.Rules {
			counted[s.Rules[i].Name+" alert"] = s.Rules[i].Alerts
			for why, n := range s.Rules[i].Suppressed {
				counted[s.Rules[i].Name+" "+why] = n
			}
		}
		delete(counted, "dry alert")
		return s.Lines == 4 && fmt.Sprint(counted) == fmt.Sprint(decided) && strings.Contains(fmt.Sprint(decided), "dry dry_run:2")
	})
}

// TestTapEndsByCtrlC: a tap that nothing passes is left as one leaves it.
func TestTapEndsByCtrlC(t *testing.T) {
	url := standalone(t, dockertest.Start(t), "[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n")
	awaitStats(t, url, "it runs", func(*standaloneStats) bool { return true })
	cmd := program(t, "tap", "--url", url, "--hits")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitStats(t, url, "the tap is open", func(s *standaloneStats) bool { return s.Streams == 1 })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("tap ended with %v", err)
	}
	awaitStats(t, url, "its place is free", func(s *standaloneStats) bool { return s.Streams == 0 })
}
