package examples

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// patience bounds every wait for something that must happen.
const patience = 30 * time.Second

// shipped is a Fluent Bit configuration on its way from the repository to a run.
type shipped struct {
	dir    string            // of this run
	name   string            // of the configuration's file
	files  map[string]string // name → text, the configuration's own included
	env    []string
	server *receiver.Server
	port   int // free, for an input

	arguments []string // of Fluent Bit, before the configuration
	pid       int      // of Fluent Bit, once it is ready
	allow     string   // what may be reached besides the receiver: ", ADDRESS"
}

func ship(t *testing.T, name string, files map[string]string) *shipped {
	t.Helper()
	return &shipped{dir: t.TempDir(), name: name, files: files, server: receiver.New(t), port: freePort(t)}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// replace puts what this run needs in the place of what the example says, which must be there.
func (s *shipped) replace(t *testing.T, old, with string) {
	t.Helper()
	found := false
	for name, text := range s.files {
		if strings.Contains(text, old) {
			found = true
			s.files[name] = strings.ReplaceAll(text, old, with)
		}
	}
	if !found {
		t.Fatalf("%s does not hold %q any more: the test is to be adapted", s.name, old)
	}
}

// outputName is the line of a configuration that begins the plugin's output.
var outputName = regexp.MustCompile(`(?mi)^(\s*)(- )?name(:?\s+)trigger$`)

// write writes all files into the folder of the run. Loopback, where the receiver of the test is, is what nobody is allowed to reach.
func (s *shipped) write(t *testing.T) {
	t.Helper()
	text := s.files[s.name]
	if n := len(outputName.FindAllString(text, -1)); n != 1 {
		t.Fatalf("%s has %d outputs named trigger, want 1", s.name, n)
	}
	s.files[s.name] = outputName.ReplaceAllStringFunc(text, func(line string) string {
		m := outputName.FindStringSubmatch(line)
		return line + "\n" + m[1] + strings.Repeat(" ", len(m[2])) + "egress.allow" + m[3] + fmt.Sprintf("127.0.0.1/32:%d", s.server.Port()) + s.allow
	})
	for name, text := range s.files {
		write(t, filepath.Join(s.dir, name), text)
	}
}

var outputSection = regexp.MustCompile(`(?mi)^\s*\[output\]\n`)

// output reads the parameters of the plugin out of a configuration in either format.
func output(t *testing.T, name, text string) map[string]string {
	t.Helper()
	parameters := map[string]string{}
	if filepath.Ext(name) == ".conf" {
		section := outputSection.FindStringIndex(text)
		if section == nil {
			t.Fatalf("%s has no output", name)
		}
		for line := range strings.Lines(text[section[1]:]) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(key, "#") {
				parameters[strings.ToLower(key)] = strings.TrimSpace(value)
			}
		}
		return parameters
	}
	var document struct {
		Pipeline struct{ Outputs []map[string]any }
	}
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(document.Pipeline.Outputs) != 1 {
		t.Fatalf("%s has %d outputs, want 1", name, len(document.Pipeline.Outputs))
	}
	for key, value := range document.Pipeline.Outputs[0] {
		parameters[strings.ToLower(key)] = fmt.Sprint(value)
	}
	return parameters
}

// load loads what the plugin would load, which must be without a problem.
func (s *shipped) load(t *testing.T) {
	t.Helper()
	parameters := output(t, s.name, s.files[s.name])
	if parameters["name"] != "trigger" || parameters["workers"] != "0" {
		t.Errorf("%s: name %q, workers %q", s.name, parameters["name"], parameters["workers"])
	}
	result := config.Load(config.Sources{
		Files: []string{parameters["config_file"]}, Inline: parameters["config"],
		Params: func(key string) string { return parameters[strings.ToLower(key)] },
	})
	for _, problem := range result.Problems {
		t.Errorf("%s: %s", s.name, problem.Error())
	}
	if len(result.Settings.Rules) == 0 || len(result.Settings.Triggers) == 0 {
		t.Errorf("%s: %d rules, %d triggers", s.name, len(result.Settings.Rules), len(result.Settings.Triggers))
	}
	if t.Failed() {
		t.FailNow() // it would not start
	}
}

// run starts Fluent Bit with the configuration, waits until ready says so, feeds it, and waits until a request arrives that wanted likes.
// Where there is no Fluent Bit it skips the rest of the test.
func (s *shipped) run(t *testing.T, ready func(*pluginhost.Log) bool, feed func(), wanted func(receiver.Request) error) {
	t.Helper()
	binary, err := exec.LookPath("fluent-bit")
	if err != nil {
		t.Skip("fluent-bit is not on PATH: the configuration was loaded, not run")
	}
	log := pluginhost.NewLog()
	cmd := exec.Command(binary, append(slices.Clone(s.arguments), "-c", s.name)...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }() // it has ended, unless the test failed

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); !ready(log); {
		select {
		case err := <-exited:
			t.Fatalf("Fluent Bit ended: %v\n%s", err, log)
		case <-ctx.Done():
			t.Fatalf("Fluent Bit is not ready\n%s", log)
		case <-tick.C:
		}
	}
	s.pid = cmd.Process.Pid
	feed()
	last := errors.New("no request came")
	err = s.server.WaitUntil(ctx, func(requests []receiver.Request) bool {
		for i := range requests {
			if last = wanted(requests[i]); last == nil {
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatalf("the alert did not arrive: %v: %v\n%s", err, last, log)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-exited:
		if err != nil {
			t.Errorf("Fluent Bit ended badly: %v\n%s", err, log)
		}
	case <-ctx.Done():
		t.Errorf("Fluent Bit did not end\n%s", log)
	}
}

// plugin returns the shared object's path, where there is a Fluent Bit to load it.
func plugin(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("fluent-bit"); err != nil {
		return "/nowhere/out_trigger.so"
	}
	path, err := buildPlugin()
	if errors.Is(err, pluginhost.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
