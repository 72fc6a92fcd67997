package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestASecretThatWouldBlockHangsNothing names a pipe that nobody writes to wherever a secret or certificate may be named: start, reload and
// stop go on, and the error names the setting.
func TestASecretThatWouldBlockHangsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pipe := filepath.Join(b.dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	good := b.document(rule("oom", "out of memory"))
	for _, setting := range []string{
		"token_file = %", "password_file = %\nusername = \"x\"", "signing_secret_file = %", "hub_secret_file = %", "proxy_url_file = %",
		"header_files = { X = % }", "tls = { ca_file = % }", "tls = { cert_file = %, key_file = % }",
	} {
		bad := "[[trigger]]\nname = \"bad\"\nurl = \"https://example.com\"\n" + strings.ReplaceAll(setting, "%", `"`+pipe+`"`) + "\n"
		_, err := New(b.options(good + bad))
		field := strings.TrimSpace(strings.Split(strings.ReplaceAll(setting, "tls = { ", "tls."), "=")[0])
		field = strings.TrimSuffix(field, "_file")
		if err == nil || !strings.Contains(err.Error(), "a named pipe") || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	o := b.options(good + "[[trigger]]\nname = \"bad\"\nurl = \"https://example.com\"\ntoken_file = \"" + pipe + "\"\n")
	o.Lenient = true
	p := b.start(o)
	if v := p.Flush(lines("out of memory"), "docker.web"); v != Accepted {
		t.Fatal(v)
	}
	b.messages(1)
	b.write(b.document(rule("panic", "panic")))
	p.Reload()
	if v := p.Flush(lines("panic"), "docker.web"); v != Accepted {
		t.Fatal(v)
	}
	b.messages(2)
}

// TestConfigurationFilesThatWouldBlock names a pipe and a device as the configuration itself.
func TestConfigurationFilesThatWouldBlock(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pipe := filepath.Join(b.dir, "pipe.toml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{pipe, "/dev/zero", "/proc/self/environ"} {
		o := b.options("")
		o.Sources.Files = []string{file}
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestASecretThatEveryoneMayReadIsLogged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir, err := os.MkdirTemp("/tmp", "secretfile")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	token := filepath.Join(dir, "token")
	for _, err := range []error{os.Chmod(dir, 0o755), os.WriteFile(token, []byte("s3cr3t-t0ken"), 0o600), os.Chmod(token, 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b.start(b.options(b.document(rule("oom", "out of memory")) + "[[trigger]]\nname = \"other\"\nurl = \"https://example.com\"\ntoken_file = \"" + token + "\"\n"))
	b.eventually("the warning", func() bool {
		return strings.Contains(b.log.String(), "every user of this machine can read") && strings.Contains(b.log.String(), token)
	})
	if strings.Contains(b.log.String(), "s3cr3t") {
		t.Error("the secret is in the log")
	}
}
