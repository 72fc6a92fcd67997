package pluginhost

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var built struct {
	host, probe string
	err         error
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pluginhost")
	if err != nil {
		panic(err)
	}
	if built.host, built.err = BuildHost(dir); built.err == nil {
		built.probe, built.err = BuildProbe(dir)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

type probe struct {
	*Host
	t   *testing.T
	out string
}

func start(t *testing.T, env ...string) *probe {
	t.Helper()
	if errors.Is(built.err, ErrNoCompiler) {
		t.Skip(built.err)
	}
	if built.err != nil {
		t.Fatal(built.err)
	}
	out := filepath.Join(t.TempDir(), "calls")
	h, err := Start(built.host, Options{Env: append(env, "PROBE_OUT="+out), Limit: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close(5 * time.Second) })
	p := &probe{Host: h, t: t, out: out}
	p.do("load", built.probe)
	return p
}

func (p *probe) do(words ...string) Reply {
	p.t.Helper()
	r, err := p.Do(words...)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, p.Log())
	}
	return r
}

func (p *probe) calls() string {
	p.t.Helper()
	text, err := os.ReadFile(p.out)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOrderOfCalls(t *testing.T) {
	p := start(t)
	chunk := write(t, "chunk", "abc")
	p.do("dry-run")
	if got := p.do("register"); got["name"] != "probe" {
		t.Errorf("register answered %v", got)
	}
	p.do("init", "a", "Id=one", "id=two", "text=x \"y\"\nz\\", "host=hidden")
	p.do("flush", "a", "some.tag", chunk)
	p.do("set", "a", "id=new")
	p.do("reload", "last.tag", chunk)
	p.do("exit")
	// 96354 is the checksum of "abc", so that the chunk arrived whole.
	want := `pre_register 0
register
pre_exit 0
exit (null)
unregister probe
pre_register 0
register
init one text=[x "y"
z\] host=[] main_thread=0
flush one some.tag 3 96354 -> 1
pre_register 1
register
flush one last.tag 3 96354 -> 1
pre_exit 1
exit one
unregister probe
init new text=[] host=[] main_thread=0
pre_exit 0
exit new
unregister probe
`
	if got := p.calls(); got != want {
		t.Errorf("calls:\n%s\nwant:\n%s", got, want)
	}
	if err := p.Close(5 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestAnswersAndRetries(t *testing.T) {
	p := start(t)
	chunk := write(t, "chunk", "abc")
	p.do("register")
	for answers, want := range map[string]string{
		"1": "ok 1 retry 0 error 0 attempts 1", "21": "ok 1 retry 0 error 0 attempts 2", "2": "ok 0 retry 1 error 0 attempts 3",
		"0": "ok 0 retry 0 error 1 attempts 1", "7": "ok 0 retry 0 error 1 attempts 1",
	} {
		p.do("init", "i"+answers, "answer="+answers)
		r := p.do("flush", "i"+answers, "t", chunk, "retries=2", "delay-ms=1")
		if got := fmt.Sprintf("ok %s retry %s error %s attempts %s", r["ok"], r["retry"], r["error"], r["attempts"]); got != want {
			t.Errorf("a plugin that answers %s: %s, want %s", answers, got, want)
		}
	}
	if _, err := p.Do("init", "bad", "init=0"); err == nil {
		t.Error("an Init that answers 0 passed")
	}
	if _, err := p.Do("init", "retry", "init=2"); err != nil {
		t.Errorf("an Init that answers 2 counts as success: %v", err)
	}
	p.do("init", "many")
	if r := p.do("flush", "many", "t", chunk, "threads=8", "times=50"); r.Int("ok") != 400 {
		t.Errorf("concurrent flushes: %v", r)
	}
	if got := p.do("stat"); got.Int("instances") != 7 || got.Int("overruns") != 0 || got.Int("late_reads") != 0 || got.Int("rss_kb") < 100 {
		t.Errorf("stat: %v", got)
	}
}

func TestSinsAreCaught(t *testing.T) {
	chunk := write(t, "chunk", strings.Repeat("x", 5000))
	for _, sin := range []string{"keep", "write", "beyond", "nil"} {
		t.Run(sin, func(t *testing.T) {
			p := start(t)
			p.do("register")
			p.do("init", "a", "sin="+sin)
			if _, err := p.Do("flush", "a", "t", chunk, "times=2"); err == nil || !strings.Contains(err.Error(), "aborted") {
				t.Errorf("want the host to abort, got %v", err)
			}
		})
	}
	t.Run("late", func(t *testing.T) {
		p := start(t)
		p.do("register")
		p.do("init", "a", "sin=late")
		p.do("flush", "a", "t", chunk)
		if got := p.do("stat"); got.Int("late_reads") != 1 {
			t.Errorf("stat: %v", got)
		}
	})
	t.Run("overrun", func(t *testing.T) {
		p := start(t, "PROBE_OVERRUN=1")
		if _, err := p.Do("register"); err == nil || !strings.Contains(err.Error(), "past the 32 bytes") {
			t.Errorf("want an overrun, got %v", err)
		}
	})
}

func TestLogs(t *testing.T) {
	p := start(t)
	log := write(t, "log", "# comment\n@web id=0f app=shop\n\n0.5 web stderr a  b\n1 web stdout \n")
	out := filepath.Join(t.TempDir(), "out")
	if r := p.do("pack", "log", log, out, "base=1000"); r.Int("records") != 2 {
		t.Errorf("pack: %v", r)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	record := func(seconds, nanoseconds, source, text string) string {
		return "\x92\x92\xd7\x00" + seconds + nanoseconds + "\x80\xde\x00\x05\xaccontainer_id\xa20f\xaecontainer_name\xa4/web" +
			"\xa6source\xa6" + source + "\xa3log" + text + "\xa3app\xa4shop"
	}
	want := record("\x00\x00\x03\xe8", "\x1d\xcd\x65\x00", "stderr", "\xa4a  b") + record("\x00\x00\x03\xe9", "\x00\x00\x00\x00", "stdout", "\xa0")
	if string(got) != want {
		t.Errorf("chunk %q\nwant  %q", got, want)
	}

	p.do("register")
	p.do("init", "a")
	text := write(t, "text", strings.Repeat("a line\n", 250))
	if r := p.do("text", "a", "t", text, "lines=100"); r.Int("records") != 250 || r.Int("ok") != 3 {
		t.Errorf("text: %v", r)
	}
	for _, bad := range []string{"1 nobody stdout x\n", "@a\nx a stdout x\n", "@a b\n"} {
		if _, err := p.Do("log", "a", "t", write(t, "bad", bad)); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func TestReloadWithBrokenInit(t *testing.T) {
	p := start(t)
	p.do("register")
	p.do("init", "a")
	p.do("set", "a", "init=0")
	if _, err := p.Do("reload"); err == nil {
		t.Error("the reload passed")
	}
}

func TestFlags(t *testing.T) {
	p := start(t)
	script := write(t, "script", "load "+Quote(built.probe)+"\nregister\ninit a\nsignal HUP\nsleep-ms 1\nwait-file / 10\nnonsense\n")
	if _, err := p.Do("nonsense"); err == nil {
		t.Error("an unknown command passed")
	}
	h, err := startWith(built.host, "--script", script)
	if err != nil {
		t.Fatal(err)
	}
	if code := h.ProcessState.ExitCode(); code != 1 {
		t.Errorf("a script with a failing command ends with %d, want 1", code)
	}
	chunk := write(t, "chunk", "abc")
	h, err = startWith(built.host, "--plugin", built.probe, "-p", "id=x", "--chunk", chunk, "--reload", "2")
	if err != nil || h.ProcessState.ExitCode() != 0 {
		t.Errorf("flags: %v, %v", err, h.ProcessState)
	}
}

// startWith runs the host with flags to its end. A bad exit code is no error here.
func startWith(path string, flags ...string) (*exec.Cmd, error) {
	cmd := exec.Command(path, flags...)
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return cmd, err
}
