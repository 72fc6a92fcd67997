package artifacts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rpm asks a package file, without a database and without looking for signatures, which the release makes over SHA256SUMS.
func rpm(t *testing.T, path string, arguments ...string) string {
	t.Helper()
	cmd := exec.Command("rpm", append([]string{"--nosignature", "-qp"}, append(arguments, path)...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("rpm -qp %s %s: %v\n%s", strings.Join(arguments, " "), path, err, out)
	}
	return string(out)
}

// TestDistRPMsHoldWhatTheyName reads the packages as rpm does: files with modes and owners, configuration that an upgrade keeps, scripts, and requirements,
// of which there is nothing that Enterprise Linux 7 lacks.
func TestDistRPMsHoldWhatTheyName(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(dist(t), "*.rpm"))
	if err != nil || len(paths) < 2 {
		t.Fatalf("packages: %v (%v)", paths, err)
	}
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("rpm is not on PATH")
	}
	wanted := map[string]struct{ files, configuration []string }{
		"fluentbit-trigger": {[]string{
			"-rw-r--r-- root root /etc/fluent-bit/plugins-trigger.conf", "-rw-r--r-- root root /usr/lib/fluent-bit/out_trigger.so",
			"-rw-r--r-- root root /usr/share/doc/fluentbit-trigger/THIRD_PARTY_LICENSES",
		}, []string{"/etc/fluent-bit/plugins-trigger.conf"}},
		"docker-fluentbit": {[]string{
			"-rwxr-xr-x root root /usr/bin/docker-fluentbit", "l--------- root root /usr/libexec/docker/cli-plugins/docker-fluentbit",
			"-rw------- root root /etc/default/docker-fluentbit", "drwxr-xr-x root root /etc/fluentbit-trigger",
			"-rw-r--r-- root root /usr/lib/systemd/system/docker-fluentbit.service", "-rw-r--r-- root root /usr/share/man/man1/docker-fluentbit-run.1.gz",
			"-rw-r--r-- root root /usr/share/bash-completion/completions/docker-fluentbit", "-rw-r--r-- root root /usr/share/zsh/site-functions/_docker-fluentbit",
			"-rw-r--r-- root root /usr/share/fish/vendor_completions.d/docker-fluentbit.fish",
			"-rw-r--r-- root root /usr/share/doc/docker-fluentbit/THIRD_PARTY_LICENSES",
		}, []string{"/etc/default/docker-fluentbit"}},
	}
	requirement := regexp.MustCompile(`^(?:/bin/sh|rpmlib\([A-Za-z]+\) <= \d.*)$`)
	for _, path := range paths {
		head := strings.Fields(rpm(t, path, "--qf", "%{NAME} %{ARCH} %{LICENSE} %{VERSION}\n"))
		want, ok := wanted[head[0]]
		if !ok || !slices.Contains([]string{"x86_64", "aarch64"}, head[1]) || head[2] != "Apache-2.0" || !strings.Contains(filepath.Base(path), "."+head[1]+".") {
			t.Fatalf("%s is %v", path, head)
		}
		files := strings.Split(rpm(t, path, "--qf", "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]"), "\n")
		for _, file := range want.files {
			if !slices.Contains(files, file) {
				t.Errorf("%s lacks %s:\n%s", path, file, strings.Join(files, "\n"))
			}
		}
		if got := strings.Fields(rpm(t, path, "--configfiles")); !slices.Equal(got, want.configuration) {
			t.Errorf("%s: an upgrade keeps %q, want %q", path, got, want.configuration)
		}
		for line := range strings.Lines(rpm(t, path, "--requires")) {
			if line = strings.TrimSpace(line); line != "" && !requirement.MatchString(line) {
				t.Errorf("%s requires %s", path, line)
			}
		}
		scripts := rpm(t, path, "--scripts")
		if head[0] == "fluentbit-trigger" {
			if scripts != "" {
				t.Errorf("%s has scripts:\n%s", path, scripts)
			}
			continue
		}
		for header, name := range map[string]string{"postinstall": "postinstall.sh", "preuninstall": "preremove.sh", "postuninstall": "postremove.sh"} {
			text, err := os.ReadFile(filepath.Join(packages(t), name))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(scripts, header+" scriptlet (using /bin/sh):\n"+strings.TrimSpace(string(text))) {
				t.Errorf("%s: the %s script is not %s:\n%s", path, header, name, scripts)
			}
		}
		if strings.Contains(scripts, "preinstall scriptlet") {
			t.Errorf("%s has a script that nobody wrote:\n%s", path, scripts)
		}
	}
}
