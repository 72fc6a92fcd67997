package docker

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// TestScenarios is everything that a container's log can do while this program stays what it is. Each has an engine's containers and a
// follower of its own.
func TestScenarios(t *testing.T) {
	for _, s := range []struct {
		name string
		run  func(t *testing.T, e *engine, f *follower)
	}{
		{"churn", churn},
		{"lengths", lengths},
		{"streams-interleave", streamsInterleave},
		{"odd-bytes", oddBytes},
		{"fake-header-on-a-terminal", fakeHeader},
		{"quiet", quiet},
		{"drivers", drivers},
		{"removed-renamed-recreated", removed},
		{"truncated-from-outside", truncated},
		{"proxy-cuts", proxyCuts},
		{"behind-5k", behind(5_000)},
		{"compose", compose},
	} {
		t.Run(s.name, func(t *testing.T) {
			e := theEngine(t)
			s.run(t, e, newFollower(t, e))
		})
	}
}

// churn starts containers again at once, whenever they end.
func churn(_ *testing.T, e *engine, f *follower) {
	const runs, lines = 8, 60
	shapes := e.shapes()
	var names []string
	for name, shape := range shapes {
		names = append(names, e.create(name, shape, "/bin/sh", "/generate", strconv.Itoa(lines), "20", "0.01"))
	}
	f.start()
	for range runs {
		e.runs(names...)
	}
	for name := range shapes {
		eventually(f.t, name+" has all lines", func() bool { return len(f.got(name)) >= runs*lines })
	}
	for name := range shapes {
		f.wants(name, generated(runs, lines)...)
		f.inOrder(name)
	}
}

// lengths are those around the size at which engines split, and one beyond what a line may have. Half of it is written while nobody follows.
// A journal keeps neither an empty line nor the end of one whose length is a multiple of that size.
func lengths(t *testing.T, e *engine, f *follower) {
	sizes := []int{0, 16384, 32768, 1 << 20, 1, 16382, 16383, 16385, 40000, 1_500_000}
	var script strings.Builder
	for i, n := range sizes {
		fmt.Fprintf(&script, "[ $1 -gt %d ] || { head -c %d /dev/zero | tr '\\0' x; echo; }; ", i, n)
	}
	names := []string{"json-file", "json-file-tty"} // Podman's k8s-file
	if e.journald() {
		names = append(names, "journald")
	}
	if !e.podman() {
		names = append(names, "local")
	}
	shapes := e.shapes()
	var all []string
	want := map[string][]int{}
	for _, name := range names {
		first := 0
		if name == "journald" {
			first = 4
		}
		all = append(all, e.create(name, shapes[name], "/bin/sh", "-c", script.String(), "sh", strconv.Itoa(first)))
		want[name] = append(slices.Clone(sizes[first:len(sizes)-1]), 1<<20, 1_500_000-1<<20)
	}
	f.start()
	e.runs(all...)
	for _, name := range names {
		eventually(t, name+" has all lines", func() bool { return len(f.got(name)) >= len(want[name]) })
	}
	f.stop()
	e.runs(all...)
	f.start()
	for _, name := range names {
		eventually(t, name+" has all lines again", func() bool { return len(f.got(name)) >= 2*len(want[name]) })
	}
	f.stop()
	for _, name := range names {
		want, once := append(want[name], want[name]...), len(want[name])
		var got []int
		for i, l := range f.lines[name] {
			got = append(got, len(l.text))
			if strings.Trim(l.text, "x") != "" {
				t.Errorf("%s: line %d holds what was not written", name, i)
			}
			if cut := i%once >= once-2; l.truncated != cut {
				t.Errorf("%s: line %d of %d bytes: marked %t", name, i, len(l.text), l.truncated)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: lengths %v,\nwant %v", name, got, want)
		}
	}
}

// streamsInterleave writes long lines to both streams at once.
func streamsInterleave(t *testing.T, e *engine, f *follower) {
	const number, size = 40, 50_000
	name := e.script("web", nil, fmt.Sprintf(`for s in 1 2; do (i=0; while [ $i -lt %d ]; do head -c %d /dev/zero | tr '\0' $s >&$s; echo >&$s; i=$((i+1)); done) & done; wait`,
		number, size))
	f.start()
	e.runs(name)
	var want []string
	for range number {
		want = append(want, strings.Repeat("1", size), strings.Repeat("2", size))
	}
	f.wants("web", want...)
	for _, l := range f.lines["web"] {
		if l.truncated || l.stderr != (l.text[0] == '2') {
			t.Fatalf("a line of %.3q…: marked %t, on stderr %t", l.text, l.truncated, l.stderr)
		}
	}
}

// oddBytes are those that formats are broken with. json-file replaces what is no UTF-8.
func oddBytes(t *testing.T, e *engine, f *follower) {
	const script = `printf 'a\0b\n'; printf '\377\376\n'; printf '\n'; printf 'windows\r\n'; printf '\001\0\0\0\0\0\0\005hello\n'; ` +
		`printf '2024-01-01T00:00:00.000000000Z in the text\n'; printf '\r\n'; printf 'no end'`
	var names []string
	invalid := map[string]string{"json-file": "\ufffd\ufffd", "local": "\xff\xfe"}
	if e.podman() {
		invalid = map[string]string{"k8s-file": "\xff\xfe"}
	}
	for driver := range invalid {
		names = append(names, e.script(driver, []string{"--log-driver", driver}, script))
	}
	f.start()
	e.runs(names...)
	for driver := range invalid {
		eventually(t, "all lines came", func() bool { return len(f.got(driver)) >= 8 })
	}
	for driver, invalid := range invalid {
		f.wants(driver, "a\x00b", invalid, "", "windows", "\x01\x00\x00\x00\x00\x00\x00\x05hello", "2024-01-01T00:00:00.000000000Z in the text", "", "no end")
	}
}

func fakeHeader(_ *testing.T, e *engine, f *follower) {
	name := e.script("web", []string{"-t"}, `printf '\001\0\0\0\0\0\0\005hello\n'; echo plain; printf '\002\0\0\0\377\377\377\377\n'; printf 'prompt> '`)
	f.start()
	e.runs(name)
	invalid := "\ufffd\ufffd\ufffd\ufffd"
	if e.podman() {
		invalid = "\xff\xff\xff\xff"
	}
	f.wants("web", "\x01\x00\x00\x00\x00\x00\x00\x05hello", "plain", "\x02\x00\x00\x00"+invalid, "prompt> ")
}

// quiet is a container that says nothing: it is followed, it is found to be alive, and nothing waits for it in the end.
func quiet(t *testing.T, e *engine, f *follower) {
	e.must("start", e.script("web", nil, "sleep 600"), e.script("other", []string{"-t"}, "sleep 600"))
	f.start()
	eventually(t, "both are followed", func() bool {
		s := f.m.Stats().States
		return s[docker.Live]+s[docker.CatchingUp] == 2
	})
	ended := make(chan struct{})
	go func() { defer close(ended); f.stop() }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second): // a second would do on a machine of one's own
		t.Fatal("a quiet container keeps the end waiting")
	}
}

// drivers that keep nothing of their own: Docker keeps a copy, but of none. Podman has none and passthrough.
func drivers(t *testing.T, e *engine, f *follower) {
	if e.podman() {
		f.start()
		e.runs(e.create("none", []string{"--log-driver", "none"}, "/bin/sh", "/generate", "20"),
			e.create("passthrough", []string{"--log-driver", "passthrough"}, "/bin/sh", "/generate", "20"))
		eventually(t, "both are reported", func() bool { return len(f.noticed()) >= 2 })
		if got := f.noticed(); !slices.Equal(got, []docker.NoticeKind{docker.NoticeUnreadable, docker.NoticeUnreadable}) {
			t.Errorf("notices %v", got)
		}
		return
	}
	// A line that a driver fails to send is not copied either, so somebody listens for syslog. fluentd's driver has a buffer.
	syslog, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syslog.Close() })
	var names []string
	for driver, options := range map[string][]string{
		"none": nil, "syslog": {"--log-opt", "syslog-address=udp://" + syslog.LocalAddr().String()}, "fluentd": {"--log-opt", "fluentd-async=true", "--log-opt", "fluentd-address=127.0.0.1:9"},
	} {
		names = append(names, e.create(driver, append([]string{"--log-driver", driver}, options...), "/bin/sh", "/generate", "20"))
	}
	f.start()
	e.runs(names...)
	eventually(t, "what can be read came, and the rest is reported", func() bool {
		return len(f.got("syslog")) >= 20 && len(f.got("fluentd")) >= 20 && len(f.noticed()) > 0
	})
	for _, driver := range []string{"syslog", "fluentd"} {
		f.wants(driver, generated(1, 20)...)
	}
	if got := f.noticed(); !slices.Equal(got, []docker.NoticeKind{docker.NoticeUnreadable}) || len(f.got("none")) > 0 {
		t.Errorf("notices %v, %d lines of none", got, len(f.got("none")))
	}
}

// removed kills and removes a container while it writes, and makes another with its name; a third is renamed.
func removed(t *testing.T, e *engine, f *follower) {
	shape := []string{"--log-driver", "local"}
	if e.podman() {
		shape = []string{"--log-driver", "k8s-file"}
	}
	old := e.create("web", shape, "/bin/sh", "/generate", "100000", "10", "0.05")
	renamed := e.create("renamed", nil, "/bin/sh", "/generate", "40", "10", "0.1")
	f.start()
	e.must("start", old, renamed)
	eventually(t, "lines come", func() bool { return len(f.got("web")) > 30 })
	e.must("rename", renamed, renamed+"-2")
	e.must("rm", "-f", old)
	eventually(t, "it is forgotten", func() bool { s := f.m.Stats().States; return s[docker.Live]+s[docker.CatchingUp]+s[docker.Parked] == 1 })
	before := len(f.got("web"))
	e.runs(e.create("web", shape, "/bin/sh", "/generate", "30"))
	eventually(t, "all lines came", func() bool { return len(f.got("web")) >= before+30 })
	f.wants("renamed", generated(1, 40)...)
	got := f.got("web")
	if !slices.Equal(sorted(got[before:]), sorted(generated(1, 30))) || !slices.Equal(sorted(got[:before]), sorted(generated(1, before))) {
		t.Errorf("%d lines of the old one, %d of the new one: not those that were written", before, len(got)-before)
	}
}

func sorted(lines []string) []string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	return lines
}

// rmBurst starts containers that end at once and are removed with their logs. How many are seen depends on the machine; none is seen twice.
func rmBurst(t *testing.T, e *engine, f *follower, number int) {
	f.start()
	var all []*exec.Cmd
	for i := range number {
		cmd := e.docker(slices.Concat([]string{"run", "--rm", "-d"}, e.options(fmt.Sprint("c", i)), []string{e.label + ":1", "/bin/sh", "-c", "echo line $$; sleep 0.02"})...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if all = append(all, cmd); len(all)%4 == 0 {
			for _, cmd := range all[len(all)-4:] {
				_ = cmd.Wait() // counted below
			}
		}
	}
	eventually(t, "all are removed and forgotten", func() bool {
		return e.must("ps", "-aq", "--filter", "label=test="+e.label) == "" && f.m.Stats().States == docker.Stats{}.States
	})
	f.stop()
	seen := 0
	for i := range number {
		switch n := len(f.got(fmt.Sprint("c", i))); n {
		case 0:
		case 1:
			seen++
		default:
			t.Errorf("c%d was seen %d times", i, n)
		}
	}
	if seen == 0 {
		t.Error("none was seen")
	}
	t.Logf("%d of %d containers that are removed 20 ms after their line were seen", seen, number)
}

// corruptRecord breaks a record in the engine's file: what stands behind it is read nevertheless.
func corruptRecord(t *testing.T, e *engine, f *follower) {
	name := e.create("web", []string{"--log-driver", "json-file"}, "/bin/sh", "/generate", "40")
	f.start()
	e.runs(name)
	path := e.logPath(name)
	eventually(t, "the first run came", func() bool { return len(f.got("web")) >= 40 })
	f.stop()
	breakRecord(t, path)
	e.runs(name)
	f.start()
	e.runs(name)
	f.wants("web", generated(3, 40)...)
}

// corruptRecordOfTheRunning breaks a record while the follower is away and the container goes on: what was written behind it meanwhile is read, although the
// engine passes over it and goes on with what is written later.
func corruptRecordOfTheRunning(t *testing.T, e *engine, f *follower) {
	const lines = 400
	name := e.create("web", []string{"--log-driver", "json-file"}, "/bin/sh", "/generate", strconv.Itoa(lines), "10", "0.1")
	f.start()
	e.must("start", name)
	path := e.logPath(name)
	eventually(t, "lines come", func() bool { return len(f.got("web")) >= 50 })
	f.stop()
	breakRecord(t, path)
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	behind := size()
	eventually(t, "more is written", func() bool { return size() > behind+5000 })
	f.start()
	e.must("wait", name)
	f.wants("web", generated(1, lines)...)
}

// breakRecord adds the half of a record to a log.
func breakRecord(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"log":"half of a rec` + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// truncated empties the engine's file: a gap, reported as such, and what comes later is read.
func truncated(t *testing.T, e *engine, f *follower) {
	name := e.create("web", []string{"--log-driver", "json-file"}, "/bin/sh", "/generate", "40")
	f.start()
	e.runs(name)
	path := e.logPath(name)
	eventually(t, "the first run came", func() bool { return len(f.got("web")) >= 40 })
	f.stop()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	e.runs(name)
	f.start()
	f.wants("web", generated(2, 40)...)
	if got := f.noticed(); !slices.Equal(got, []docker.NoticeKind{docker.NoticeGap}) {
		t.Errorf("notices %v, want a gap", got)
	}
}

// proxyCuts has a proxy in front of the engine that cuts every connection every two seconds.
func proxyCuts(t *testing.T, e *engine, f *follower) {
	const lines = 600
	cuts := f.proxy(2 * time.Second)
	shapes := e.shapes()
	var names []string
	for name, shape := range shapes {
		names = append(names, e.create(name, shape, "/bin/sh", "/generate", strconv.Itoa(lines), "5", "0.08"))
	}
	f.start()
	e.runs(names...)
	for name := range shapes {
		eventually(t, name+" has all lines", func() bool { return len(f.got(name)) >= lines })
	}
	for name := range shapes {
		f.wants(name, generated(1, lines)...)
		f.inOrder(name)
	}
	if cuts() == 0 || f.noticed() != nil {
		t.Errorf("%d connections were cut, notices %v", cuts(), f.noticed())
	}
}

// rotation writes more than the files hold while it is followed, and while the follower is away for a part of it.
func rotation(driver string, lines int, options ...string) func(*testing.T, *engine, *follower) {
	return func(t *testing.T, e *engine, f *follower) {
		shape := []string{"--log-driver", driver}
		for _, o := range options {
			shape = append(shape, "--log-opt", o)
		}
		name := e.create("web", shape, "/bin/sh", "/generate", strconv.Itoa(lines), "20", "0.03")
		f.start()
		e.must("start", name)
		for i := 1; i < 4; i++ {
			eventually(t, "lines come", func() bool { return len(f.got("web")) >= i*lines/5 })
			f.stop()
			f.start()
		}
		f.wants("web", generated(1, lines)...)
		if got := f.noticed(); got != nil {
			t.Errorf("notices %v", got)
		}
	}
}

// behind stops, and goes on when so many lines were written meanwhile.
func behind(lines int) func(*testing.T, *engine, *follower) {
	return func(t *testing.T, e *engine, f *follower) {
		names, bounds := []string{"json-file", "local"}, []string{"--log-opt", "max-size=1g", "--log-opt", "compress=false"}
		if e.podman() {
			names, bounds = []string{"k8s-file"}, nil
		}
		var all, want []string
		for _, driver := range names {
			// With the machine's own bounds, rotation would remove what is not read yet.
			all = append(all, e.script(driver, append([]string{"--log-driver", driver}, bounds...),
				fmt.Sprintf("if [ -e /second ]; then seq 1001 %d; else echo > /second; seq 1 1000; fi", 1000+lines)))
		}
		for i := 1; i <= 1000+lines; i++ {
			want = append(want, strconv.Itoa(i))
		}
		f.start()
		e.runs(all...)
		for _, driver := range names {
			eventually(t, "the first lines came", func() bool { return len(f.got(driver)) >= 1000 })
		}
		f.stop()
		e.runs(all...)
		f.start()
		for _, driver := range names {
			eventually(t, "the others came", func() bool { return len(f.got(driver)) >= len(want) })
		}
		f.stop()
		for _, driver := range names {
			if got := f.got(driver); !slices.Equal(got, want) {
				t.Errorf("%s: %d lines, want %d in order", driver, len(got), len(want))
			}
		}
		if got := f.noticed(); got != nil {
			t.Errorf("notices %v", got)
		}
	}
}

// compose scales a service, takes it down and brings it up.
func compose(t *testing.T, e *engine, f *follower) {
	tool, err := exec.LookPath("docker-compose")
	if err != nil {
		t.Skip("no docker-compose here")
	}
	file := filepath.Join(t.TempDir(), "compose.yaml")
	project := strings.ReplaceAll(e.label, "-", "")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("version: \"3\"\nservices:\n  web:\n    image: %s:1\n    network_mode: none\n    labels: {test: %s}\n"+
		"    command: [/bin/sh, -c, \"/bin/sh /generate 20; sleep 600\"]\n    stop_grace_period: 0s\n", e.label, e.label)), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(tool, append([]string{"-p", project, "-f", file}, args...)...)
		cmd.Env = e.environment()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("docker-compose %v: %v\n%s", args, err, out)
		}
	}
	workload := project + "/web"
	f.start()
	run("up", "-d")
	eventually(t, "one has spoken", func() bool { return len(f.got(workload)) >= 20 })
	run("up", "-d", "--scale", "web=3")
	eventually(t, "three have spoken", func() bool { return len(f.got(workload)) >= 60 })
	run("down")
	run("up", "-d", "--scale", "web=2")
	eventually(t, "two more have spoken", func() bool { return len(f.got(workload)) >= 100 })
	run("down")
	var want []string
	for range 5 {
		want = append(want, generated(1, 20)...)
	}
	f.wants(workload, want...)
}
