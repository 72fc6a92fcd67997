package docker

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestEventsAndLabels has the program report containers that end, one of them while it is away, and lines by rules of their labels.
func TestEventsAndLabels(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(b.dir, "rules.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "[[rule]]\nname = \"ended\"\nevent = [\"die\"]\nwhere = { exit_code = \"!=0\" }\n[labels]\nrules = true\n"...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	fails, away, fine := b.script("fails", nil, "exit 3"), b.script("away", nil, "exit 4"), b.script("fine", nil, "exit 0")
	label := "fluentbit-trigger.rule.slow."
	labelled := b.script("labelled", []string{"--label", label + "pattern=^took (?P<ms>\\d+)", "--label", label + "cooldown=0s"}, "echo took 5; echo took 6")
	other := b.script("other", nil, "echo took 7")
	got := func() (all []string) {
		for _, a := range b.server.Alerts() {
			switch {
			case a.Kind == trigger.KindContainer:
				all = append(all, a.Source.Workload+" "+a.Captures["exit_code"])
			case a.Rule == "slow":
				all = append(all, a.Source.Workload+" "+a.Captures["ms"])
			}
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	cmd := b.start()
	b.runs(fails, fine, labelled, other)
	eventually(t, "the first alerts come", func() bool { return len(got()) >= 3 })
	b.end(cmd, syscall.SIGTERM)
	b.runs(away)
	cmd = b.start()
	want := []string{"away 4", "fails 3", "labelled 5", "labelled 6"}
	eventually(t, "all alerts come", func() bool { return len(got()) >= len(want) })
	b.end(cmd, syscall.SIGTERM)
	if all := got(); !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
}

// TestRequestedStops distinguishes requested ends of containers from others, for every command that requests one.
func TestRequestedStops(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(b.dir, "rules.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "[[rule]]\nname = \"ended\"\nevent = [\"die\"]\nwhere = { exit_code = \"!=0\" }\ncooldown = \"0s\"\n"...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	const waits = "while :; do /bin/sleep 0.1; done"
	stopped, killed, removed := b.script("stopped", nil, waits), b.script("killed", nil, waits), b.script("removed", nil, waits)
	again, crashes := b.script("again", []string{"--restart", "on-failure:1"}, waits), b.script("crashes", nil, "exit 3")
	reloaded := b.script("reloaded", nil, "trap 'exit 4' HUP; "+waits)
	own := b.script("own", []string{"--stop-signal", "USR1"}, "trap 'exit 5' USR1; "+waits)
	outside := b.script("outside", nil, waits)
	cmd := b.start()
	b.must("start", stopped, killed, removed, again, crashes, reloaded, own, outside)
	eventually(t, "the containers of their own signals write", func() bool { return b.must("inspect", "--format", "{{.State.Running}}", own) == "true" })
	b.must("stop", "-t", "1", stopped)
	b.must("kill", killed)
	b.must("rm", "-f", removed)
	b.must("restart", "-t", "1", again)
	b.must("kill", "-s", "HUP", reloaded)
	b.must("stop", "-t", "5", own)
	pid, err := strconv.Atoi(b.must("inspect", "--format", "{{.State.Pid}}", outside))
	if err != nil || pid == 0 {
		t.Fatalf("pid %d: %v", pid, err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Skipf("no process of a container can be killed from here: %v", err)
	}
	got := func() (all []string) {
		for _, a := range b.server.Alerts() {
			if a.Kind == trigger.KindContainer {
				all = append(all, a.Source.Workload+" "+a.Captures["exit_code"]+" "+a.Captures["requested"])
			}
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	want := []string{"again 137 true", "crashes 3 false", "killed 137 true", "outside 137 false", "own 5 true", "reloaded 4 false", "removed 137 true", "stopped 137 true"}
	eventually(t, "all alerts come", func() bool { return len(got()) >= len(want) })
	b.end(cmd, syscall.SIGTERM)
	if all := got(); !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
}

// TestOutOfMemory has the program report containers that exceed their memory, one of them while it is away.
func TestOutOfMemory(t *testing.T) {
	b := newBench(t)
	if limits := b.must("info", "--format", "{{.MemoryLimit}}"); limits != "true" {
		t.Skipf("this engine cannot limit memory (MemoryLimit is %s)", limits)
	}
	path := filepath.Join(b.dir, "rules.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "[[rule]]\nname = \"out\"\nevent = [\"oom\", \"die\"]\ncooldown = \"0s\"\n"...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	greedy := func(name string) string {
		return b.create(name, []string{"-m", "16m", "--memory-swap", "16m"}, "/bin/busybox", "tail", "/dev/zero")
	}
	there, away := greedy("there"), greedy("away")
	got := func() (all []string) {
		for _, a := range b.server.Alerts() {
			if a.Kind == trigger.KindContainer {
				all = append(all, a.Source.Workload+" "+a.Captures["event"]+" "+a.Captures["exit_code"])
			}
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	cmd := b.start()
	b.runs(there)
	if killed := b.must("inspect", "--format", "{{.State.OOMKilled}}", there); killed != "true" {
		t.Skip("this engine does not notice that a container took too much memory")
	}
	eventually(t, "the first alerts come", func() bool { return len(got()) >= 2 })
	b.end(cmd, syscall.SIGTERM)
	b.runs(away)
	cmd = b.start()
	want := []string{"away die 137", "away oom ", "there die 137", "there oom "}
	eventually(t, "all alerts come", func() bool { return len(got()) >= len(want) })
	b.end(cmd, syscall.SIGTERM)
	if all := got(); !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
}
