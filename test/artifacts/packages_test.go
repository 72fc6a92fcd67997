package artifacts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

func packages(t *testing.T) string {
	t.Helper()
	root, err := pluginhost.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "docker-fluentbit", "packages")
}

// TestUnitIsAsSystemdWantsIt lets systemd read the unit, with a program that is there.
func TestUnitIsAsSystemdWantsIt(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not on PATH")
	}
	text, err := os.ReadFile(filepath.Join(packages(t), "docker-fluentbit.service"))
	if err != nil {
		t.Fatal(err)
	}
	const program = "/usr/bin/docker-fluentbit "
	if !strings.Contains(string(text), "ExecStart="+program) {
		t.Fatalf("the unit does not start %s", program)
	}
	text = []byte(strings.ReplaceAll(string(text), "="+program, "=/bin/true "))
	text = regexp.MustCompile(`(?m)^Documentation=man:\S+ `).ReplaceAll(text, []byte("Documentation="))
	unit := filepath.Join(t.TempDir(), "docker-fluentbit.service")
	if err := os.WriteFile(unit, text, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), "docker-fluentbit.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestScriptsOfPackages runs them as dpkg and rpm do on a system without systemd, where they have nothing to do and must not fail.
func TestScriptsOfPackages(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join(packages(t), "*.sh"))
	if err != nil || len(scripts) != 3 {
		t.Fatalf("scripts: %v (%v)", scripts, err)
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		t.Skip("systemd runs here, and the scripts would change it")
	}
	for _, script := range scripts {
		for _, argument := range []string{"configure", "upgrade", "remove", "purge", "0", "1"} {
			cmd := exec.Command("/bin/sh", script, argument)
			cmd.Env = []string{"PATH=/nowhere"}
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s %s: %v\n%s", filepath.Base(script), argument, err, out)
			}
		}
	}
}

func TestDistDebsHoldWhatTheyName(t *testing.T) {
	debs, err := filepath.Glob(filepath.Join(dist(t), "*.deb"))
	if err != nil || len(debs) < 2 {
		t.Fatalf("packages: %v (%v)", debs, err)
	}
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is not on PATH")
	}
	for _, deb := range debs {
		folder := t.TempDir()
		if out, err := exec.Command("dpkg-deb", "--extract", deb, folder).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", deb, err, out)
		}
		conffiles, err := exec.Command("dpkg-deb", "--info", deb, "conffiles").Output()
		if err != nil {
			t.Fatalf("%s: %v", deb, err)
		}
		files := map[string]os.FileMode{ // each with its mode
			"usr/lib/fluent-bit/out_trigger.so": 0o644, "etc/fluent-bit/plugins-trigger.conf": 0o644, "usr/share/doc/fluentbit-trigger/copyright": 0o644,
			"usr/share/doc/fluentbit-trigger/THIRD_PARTY_LICENSES": 0o644,
		}
		configuration := "/etc/fluent-bit/plugins-trigger.conf"
		if strings.HasPrefix(filepath.Base(deb), "docker-fluentbit_") {
			files = map[string]os.FileMode{
				"usr/bin/docker-fluentbit": 0o755, "usr/libexec/docker/cli-plugins": 0o755, "usr/lib/systemd/system/docker-fluentbit.service": 0o644,
				"etc/default/docker-fluentbit": 0o600, "etc/fluentbit-trigger": 0o755, "usr/share/man/man1/docker-fluentbit-run.1.gz": 0o644,
				"usr/share/bash-completion/completions/docker-fluentbit": 0o644, "usr/share/zsh/vendor-completions/_docker-fluentbit": 0o644,
				"usr/share/fish/vendor_completions.d/docker-fluentbit.fish": 0o644, "usr/share/doc/docker-fluentbit/copyright": 0o644,
				"usr/share/doc/docker-fluentbit/THIRD_PARTY_LICENSES": 0o644,
			}
			configuration = "/etc/default/docker-fluentbit"
			if to, err := os.Readlink(filepath.Join(folder, "usr/libexec/docker/cli-plugins/docker-fluentbit")); err != nil || to != "/usr/bin/docker-fluentbit" {
				t.Errorf("%s: docker's plugin is a link to %q (%v)", deb, to, err)
			}
		}
		for name, mode := range files {
			if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm() != mode || info.Mode().IsRegular() && info.Size() == 0 {
				t.Errorf("%s: %s: %v, %v", deb, name, info, err)
			}
		}
		if !slices.Contains(strings.Fields(string(conffiles)), configuration) {
			t.Errorf("%s: an upgrade would replace %s: %q", deb, configuration, conffiles)
		}
	}
}
