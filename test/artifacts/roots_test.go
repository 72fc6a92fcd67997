package artifacts

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// load has Python's ctypes load the plugin as Fluent Bit does, start Go's runtime and ask for the plugin's name. Before glibc 2.34 libpthread must be
// in the process already, where Fluent Bit's own threads bring it.
const load = `
import ctypes, ctypes.util, os, sys
try: ctypes.CDLL("libpthread.so.0", mode=ctypes.RTLD_GLOBAL)
except OSError: pass
plugin = ctypes.CDLL(sys.argv[1])
definition = (ctypes.c_char * 4096)()
result = plugin.FLBPluginRegister(definition)
name = ctypes.cast(ctypes.cast(ctypes.byref(definition, 16), ctypes.POINTER(ctypes.c_void_p))[0], ctypes.c_char_p).value
print("registered", result, name.decode(), os.confstr("CS_GNU_LIBC_VERSION"))
`

// install is the life of both packages on a system: installed by apt, used, purged. The store is there when they go.
const install = `
apt-get install --yes --no-install-recommends /packages/fluentbit-trigger_*.deb /packages/docker-fluentbit_*.deb
python3 /packages/load.py /usr/lib/fluent-bit/out_trigger.so
docker-fluentbit version
OPS_WEBHOOK_URL=https://hooks.example.com/ docker-fluentbit check /usr/share/doc/docker-fluentbit/examples/minimal.toml
/usr/libexec/docker/cli-plugins/docker-fluentbit docker-cli-plugin-metadata
gzip -dc /usr/share/man/man1/docker-fluentbit-run.1.gz | grep -c .
mkdir -p /var/lib/fluentbit-trigger
echo store > /var/lib/fluentbit-trigger/docker.db
echo rules > /etc/fluentbit-trigger/own.toml
dpkg --purge fluentbit-trigger docker-fluentbit
`

// TestPackagesOnOtherSystems installs, uses and purges the packages on other systems, of which FLUENTBIT_TRIGGER_ROOTS names folders, as debootstrap makes
// them with python3. It works in layers above them, so the folders stay as they are. Nothing but the store, the rules, and the notes that dpkg and
// apt keep, is left when the packages are gone.
func TestPackagesOnOtherSystems(t *testing.T) {
	roots := filepath.SplitList(os.Getenv("FLUENTBIT_TRIGGER_ROOTS"))
	if len(roots) == 0 {
		t.Skip("FLUENTBIT_TRIGGER_ROOTS names no folders with other systems")
	}
	if os.Getuid() != 0 {
		t.Skip("only root can change to another system's folder")
	}
	debs, err := filepath.Glob(filepath.Join(dist(t), "*_"+runtime.GOARCH+".deb"))
	if err != nil || len(debs) != 2 {
		t.Fatalf("packages for this machine: %q (%v)", debs, err)
	}
	for _, root := range roots {
		t.Run(filepath.Base(root), func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range []string{"upper/packages", "work", "merged"} {
				if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for _, deb := range debs {
				content, err := os.ReadFile(deb)
				if err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, "upper/packages", filepath.Base(deb)), string(content))
			}
			write(t, filepath.Join(dir, "upper/packages/load.py"), load)
			write(t, filepath.Join(dir, "upper/packages/install.sh"), install)
			script := fmt.Sprintf(`
mount -t overlay overlay -o lowerdir=%[1]s,upperdir=%[2]s/upper,workdir=%[2]s/work %[2]s/merged
mount -t proc proc %[2]s/merged/proc
mount --rbind /dev %[2]s/merged/dev
chroot %[2]s/merged /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C /bin/sh -ex /packages/install.sh
`, root, dir)
			out, err := exec.Command("unshare", "--mount", "/bin/sh", "-ec", script).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range []string{"registered 0 trigger glibc ", "\ndocker-fluentbit ", `"SchemaVersion"`} {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			for line := range strings.Lines(string(out)) {
				if strings.HasPrefix(line, "registered ") {
					t.Log(strings.TrimSpace(line))
				}
			}
			for _, path := range remains(t, filepath.Join(dir, "upper")) {
				t.Errorf("purged packages left %s", path)
			}
			for _, kept := range []string{"var/lib/fluentbit-trigger/docker.db", "etc/fluentbit-trigger/own.toml"} {
				if _, err := os.Stat(filepath.Join(dir, "upper", kept)); err != nil {
					t.Errorf("purged packages took a file that is not theirs: %v", err)
				}
			}
		})
	}
}

// remains lists the files of a layer that neither the test nor dpkg, apt and python's cache put there.
func remains(t *testing.T, layer string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(layer, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, layer)
		for _, others := range []string{"/packages/", "/var/lib/dpkg/", "/var/lib/apt/", "/var/cache/", "/var/log/", "/tmp/", "/run/", "/var/lib/fluentbit-trigger/", "/etc/fluentbit-trigger/own.toml"} {
			if strings.HasPrefix(name, others) {
				return nil
			}
		}
		if !strings.Contains(name, "__pycache__") {
			paths = append(paths, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
