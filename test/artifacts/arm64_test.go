package artifacts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// On arm64, a cross compiler for arm64 is the native one. Elsewhere it brings the libraries that an emulated program loads.
const (
	crossCompiler  = "aarch64-linux-gnu-gcc"
	crossLibraries = "/usr/aarch64-linux-gnu"
	emulator       = "qemu-aarch64-static"
)

// TestPluginOnArm64 loads the plugin for arm64 in a plugin host for arm64, under an emulator, and has it read three lines: two are hits, both alerts arrive,
// and the process ends in good order. It takes the plugin that make dist built, if there is one.
func TestPluginOnArm64(t *testing.T) {
	if testing.Short() {
		t.Skip("the plugin is not built with -short")
	}
	if runtime.GOARCH == "arm64" {
		t.Skip("this is arm64: all other tests run here without an emulator")
	}
	for _, name := range []string{crossCompiler, emulator} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not on PATH: the plugin for arm64 was not run", name)
		}
	}
	if _, err := os.Stat(filepath.Join(crossLibraries, "lib")); err != nil {
		t.Skipf("no C library for arm64: %v", err)
	}
	t.Setenv("CC", crossCompiler)
	t.Setenv("GOARCH", "arm64")
	dir := t.TempDir()
	binary, err := pluginhost.BuildHost(dir)
	if err != nil {
		t.Fatal(err)
	}
	plugin := filepath.Join(os.Getenv("FLUENTBIT_TRIGGER_DIST"), "out_trigger-linux-arm64.so")
	if _, err := os.Stat(plugin); err != nil {
		if plugin, err = pluginhost.BuildPlugin(dir, ""); err != nil {
			t.Fatal(err)
		}
	}
	host, err := pluginhost.Start(binary, pluginhost.Options{Emulator: []string{emulator, "-L", crossLibraries}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Kill)
	do := func(words ...string) pluginhost.Reply {
		t.Helper()
		reply, err := host.Do(words...)
		if err != nil {
			t.Fatalf("%v\n%s", err, host.Log())
		}
		return reply
	}
	server := receiver.New(t)
	rules := filepath.Join(dir, "rules.toml")
	write(t, rules, fmt.Sprintf(`
[egress]
allow = ["127.0.0.1/32:%d"]
[[trigger]]
name = "hook"
url  = %q
[[rule]]
name     = "panic"
pattern  = '^panic: \w+$'
cooldown = "0s"
`, server.Port(), server.URL("/")))
	lines := filepath.Join(dir, "lines.log")
	write(t, lines, "panic: one\nall is well\npanic: two\n")
	do("load", plugin)
	do("register")
	do("init", "arm", "id=arm", "config_file="+rules, "store="+filepath.Join(dir, "arm.db"))
	if reply := do("text", "arm", "arm64", lines); reply.Int("ok") != 1 {
		t.Fatalf("the chunk was not accepted: %v\n%s", reply, host.Log())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := server.WaitFor(ctx, 2); err != nil {
		t.Fatalf("%d requests: %v\n%s", server.Len(), err, host.Log())
	}
	do("exit")
	if err := host.Close(time.Minute); err != nil {
		t.Errorf("the host ended badly: %v\n%s", err, host.Log())
	}
	var messages []string
	for _, a := range server.Alerts() {
		messages = append(messages, a.Message)
	}
	if len(messages) != 2 || messages[0] == messages[1] || messages[0] != "panic: one" && messages[0] != "panic: two" {
		t.Errorf("alerts of %q", messages)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDistProgramsRun starts the programs for Linux, that of another architecture under the emulator.
func TestDistProgramsRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the programs are for Linux")
	}
	for arch, emulated := range map[string]string{"amd64": "qemu-x86_64-static", "arm64": emulator} {
		t.Run(arch, func(t *testing.T) {
			words := []string{filepath.Join(dist(t), "docker-fluentbit-linux-"+arch), "version"}
			if arch != runtime.GOARCH {
				if _, err := exec.LookPath(emulated); err != nil {
					t.Skipf("%s is not on PATH", emulated)
				}
				words = append([]string{emulated}, words...)
			}
			out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "docker-fluentbit ") {
				t.Errorf("%v: %v\n%s", words, err, out)
			}
		})
	}
}
