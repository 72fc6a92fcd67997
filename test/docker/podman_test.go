package docker

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// podmanEnv names the socket of a Podman service, as DOCKER_HOST would.
const podmanEnv = "FLUENTBIT_TRIGGER_PODMAN"

// thePodman returns the Podman that FLUENTBIT_TRIGGER_PODMAN names, or starts one of the test's own. Docker's command line talks to it. The test is skipped
// where there is neither.
func thePodman(t *testing.T) *engine {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("no docker command line here, which speaks to Podman's socket")
	}
	e := &engine{t: t, host: os.Getenv(podmanEnv)}
	if e.host == "" {
		e.startPodman()
	}
	if out, err := e.docker("info", "--format", "{{.ServerVersion}}").CombinedOutput(); err != nil {
		t.Skipf("Podman does not answer at %s: %v: %s", e.host, err, out)
	}
	e.prepare()
	return e
}

// startPodman starts a service that needs no systemd and keeps everything in a folder of the test.
func (e *engine) startPodman() {
	e.t.Helper()
	binary, err := exec.LookPath("podman")
	if err != nil {
		e.t.Skipf("no podman on PATH, and %s names no socket", podmanEnv)
	}
	if os.Getuid() != 0 {
		e.t.Skipf("podman is started as root only: name the socket of another in %s", podmanEnv)
	}
	if e.dir, err = os.MkdirTemp("", "fbp"); err != nil { // short: it holds a socket
		e.t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(e.dir, name) }
	events := "file"
	if e.journald() {
		events = "journald" // without it, Podman follows no log that is in the journal
	}
	containers := "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"" + events + "\"\n"
	if _, err := exec.LookPath("runc"); err == nil {
		containers += "runtime = \"runc\"\n"
	}
	containers += "[containers]\ndefault_ulimits = [\"nofile=20000:20000\", \"nproc=1024:1024\"]\n"
	storage := "[storage]\ndriver = \"vfs\"\ngraphroot = \"" + in("root") + "\"\nrunroot = \"" + in("run") + "\"\n"
	for name, text := range map[string]string{"containers.conf": containers, "storage.conf": storage} {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			e.t.Fatal(err)
		}
	}
	log, err := os.Create(in("log"))
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the process has it
	e.host = "unix://" + in("podman.sock")
	e.run = exec.Command(binary, "system", "service", "--time=0", e.host)
	e.run.Env = append(os.Environ(), "CONTAINERS_CONF="+in("containers.conf"), "CONTAINERS_STORAGE_CONF="+in("storage.conf"))
	e.run.Stdout, e.run.Stderr = log, log
	if err := e.run.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(e.remove)
	eventually(e.t, "Podman answers", func() bool { return e.docker("info").Run() == nil })
}

// TestPodman has the scenarios that Podman's log drivers allow.
func TestPodman(t *testing.T) {
	e := thePodman(t)
	for _, s := range []struct {
		name string
		run  func(t *testing.T, e *engine, f *follower)
		long bool // takes minutes, or depends on the machine's speed
	}{
		{"churn", churn, true},
		{"lengths", lengths, true},
		{"streams-interleave", streamsInterleave, false},
		{"odd-bytes", oddBytes, false},
		{"fake-header-on-a-terminal", fakeHeader, false},
		{"quiet", quiet, false},
		{"drivers", drivers, false},
		{"removed-renamed-recreated", removed, false},
		{"proxy-cuts", proxyCuts, true},
		{"behind-5k", behind(5_000), true},
		{"restarts", restarts, true},
		{"parts", parts, false},
	} {
		t.Run(s.name, func(t *testing.T) {
			if s.long && os.Getenv(longEnv) == "" {
				t.Skipf("takes minutes: set %s=1", longEnv)
			}
			own := *e
			own.t = t
			own.prepare()
			s.run(t, &own, newFollower(t, &own))
		})
	}
}

// restarts has the engine start a container that fails again.
func restarts(_ *testing.T, e *engine, f *follower) {
	name := e.create("web", []string{"--restart", "on-failure:3"}, "/bin/sh", "-c", "/bin/sh /generate 20; exit 3")
	f.start()
	e.must("start", name)
	f.wants("web", generated(4, 20)...)
}

// parts writes lines in pieces of all sizes, at different times, and equal lines within one second, of which Podman gives out equal records.
func parts(t *testing.T, e *engine, f *follower) {
	name := e.script("web", nil, `printf A; sleep 1.1; printf B; sleep 0.1; echo C; for i in 1 2 3 4 5; do echo same; done; head -c 40000 /dev/zero | tr '\0' x; echo; printf end`)
	f.start()
	e.runs(name)
	long := make([]byte, 40000)
	for i := range long {
		long[i] = 'x'
	}
	f.wants("web", "ABC", "same", "same", "same", "same", "same", string(long), "end")
	for _, l := range f.lines["web"] {
		if l.truncated {
			t.Errorf("a line of %d bytes is marked", len(l.text))
		}
	}
	if got := f.noticed(); got != nil {
		t.Errorf("notices %v", got)
	}
}

// TestPodmanEvents has the program report the ends of Podman's containers, one of them while it is away, and a health that changes. Checks of health are run
// by podman itself, on the service that this test starts.
func TestPodmanEvents(t *testing.T) {
	e := thePodman(t)
	b := benchOn(t, e)
	b.configure(b.server.URL("/"), "")
	path := filepath.Join(b.dir, "rules.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "[[rule]]\nname = \"happened\"\nevent = [\"die\", \"destroy\", \"health_status\"]\ncooldown = \"0s\"\n"...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	got := func() (all []string) {
		for _, a := range b.server.Alerts() {
			if a.Kind == trigger.KindContainer {
				all = append(all, a.Source.Workload+" "+a.Captures["event"]+" "+a.Captures["exit_code"])
			}
		}
		slices.Sort(all)
		return all
	}
	cmd := b.start()
	fails, away := b.script("fails", nil, "exit 3"), b.script("away", nil, "exit 4")
	want, check := []string{"away die 4", "fails destroy ", "fails die 3"}, func() {}
	if e.run == nil {
		t.Log("without health: checks are run on a service that this test starts")
	} else {
		sick := b.script("sick", []string{"--health-cmd", "/bin/false", "--health-interval", "1h", "--health-retries", "1"}, "sleep 600")
		b.must("start", sick)
		check = func() {
			t.Helper()
			podman := exec.Command("podman", "healthcheck", "run", sick)
			podman.Env = e.run.Env
			_ = podman.Run() // it fails, as the check does
		}
		eventually(t, "the health is reported", func() bool {
			check() // Podman before 5 reports a check before it keeps the result
			return slices.Contains(got(), "sick health_status: unhealthy ")
		})
		want = append(want, "sick health_status: unhealthy ")
	}
	b.runs(fails)
	b.must("rm", fails)
	eventually(t, "the first end is reported", func() bool { return len(got()) >= len(want)-1 })
	b.end(cmd, syscall.SIGTERM)
	b.runs(away)
	cmd = b.start()
	eventually(t, "all are reported", func() bool { return len(got()) >= len(want) })
	check()
	b.end(cmd, syscall.SIGTERM)
	if all := got(); !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
}
