package compose

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// tree is a root file system in the making: path in the image → path here. Links are kept as they are.
type tree map[string]string

// add takes a file, a link or a folder as it stands.
func (r tree) add(path string) { r[path] = path }

// image makes an image of it, unless the engine has one of this name. The changes are lines of a Dockerfile.
func (r tree) image(t *testing.T, name string, changes ...string) {
	t.Helper()
	if exec.Command("docker", "image", "inspect", name).Run() == nil {
		t.Logf("%s is here, and used as it is", name)
		return
	}
	dir := t.TempDir()
	for path, from := range r {
		to := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		switch info, err := os.Lstat(from); {
		case err != nil:
			t.Fatal(err)
		case info.IsDir():
			if err := os.MkdirAll(to, info.Mode().Perm()); err != nil {
				t.Fatal(err)
			}
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(from)
			if err == nil {
				err = os.Symlink(target, to)
			}
			if err != nil {
				t.Fatal(err)
			}
		default:
			if os.Link(from, to) == nil {
				continue
			}
			// Another file system: tar follows this link below.
			command(t, "cp", "-p", from, to)
		}
	}
	archive := exec.Command("tar", "-C", dir, "--numeric-owner", "--owner=0", "--group=0", "-c", ".")
	args := []string{"import"}
	for _, change := range changes {
		args = append(args, "--change", change)
	}
	imported := exec.Command("docker", append(args, "-", name)...)
	var said, archived bytes.Buffer
	imported.Stdout, imported.Stderr, archive.Stderr = &said, &said, &archived
	var err error
	if imported.Stdin, err = archive.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := imported.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", name).Run() }) // it may be gone
	if err := archive.Run(); err != nil {
		t.Fatalf("tar: %v\n%s", err, &archived)
	}
	if err := imported.Wait(); err != nil {
		t.Fatalf("docker import %s: %v\n%s", name, err, &said)
	}
}

// real is the path of what a path names, its folders' links followed: /bin/sh is /usr/bin/sh where /bin is a link.
func real(path string) string {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return path
	}
	return filepath.Join(dir, filepath.Base(path))
}

// debian adds the files of installed packages with all that they depend on, and the links at the top.
func (r tree) debian(t *testing.T, packages ...string) {
	t.Helper()
	release, err := os.ReadFile("/etc/debian_version")
	if err != nil || !strings.HasPrefix(string(release), "12.") {
		t.Skipf("no image for the build can be made: this is not Debian 12 but %q", bytes.TrimSpace(release))
	}
	need(t, "dpkg", "it lists the files of packages")
	args := []string{"depends", "--recurse", "--installed"}
	for _, kind := range []string{"recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"} {
		args = append(args, "--no-"+kind)
	}
	list := []string{"-L"}
	for line := range strings.Lines(command(t, "apt-cache", append(args, packages...)...)) {
		name := strings.TrimSpace(line)
		if !strings.HasPrefix(line, " ") && exec.Command("dpkg", "-s", name).Run() == nil {
			list = append(list, name)
		}
	}
	for line := range strings.Lines(command(t, "dpkg", list...)) {
		path := strings.TrimSpace(line)
		if !filepath.IsAbs(path) || strings.HasPrefix(path, "/usr/share/doc/") || strings.HasPrefix(path, "/usr/share/man/") {
			continue
		}
		path = real(path)
		if _, err := os.Lstat(path); err == nil { // what a dpkg.cfg leaves out is not there
			r.add(path)
		}
	}
	r.links(t)
}

// links adds those of the top folder, such as /bin.
func (r tree) links(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/bin", "/lib", "/lib64", "/sbin"} {
		if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			r.add(path)
		}
	}
}

// folder adds all below a folder, under another name.
func (r tree) folder(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, ".lock") {
			r[to+strings.TrimPrefix(path, from)] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var library = regexp.MustCompile(`(?m)(?:=> |^\s+)(/\S+) \(0x`)

// program adds a program with its libraries. to is where it lies in the image.
func (r tree) program(t *testing.T, from, to string) {
	t.Helper()
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		t.Fatal(err)
	}
	r[to] = from
	out, _ := exec.Command("ldd", from).Output() // fails for what is static
	for _, m := range library.FindAllStringSubmatch(string(out), -1) {
		file, err := filepath.EvalSymlinks(m[1])
		if err != nil {
			t.Fatal(err)
		}
		r[real(m[1])] = file
	}
	r.links(t)
}

// standIns makes the images that the Dockerfile builds on, where they are missing.
func standIns(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skipf("no image is made for %s", runtime.GOARCH)
	}
	busybox := need(t, "busybox", "install busybox-static for a stand-in of its image")
	fluentBit := need(t, "fluent-bit", "no stand-in for its image can be made")

	// What "go mod download" gets is what is downloaded here already.
	modules := filepath.Join(command(t, "go", "env", "GOMODCACHE"), "cache", "download")
	build := tree{}
	build.debian(t, "base-files", "bash", "dash", "coreutils", "sed", "grep", "findutils", "make", "gcc", "libc6-dev", "git", "ca-certificates")
	build.folder(t, command(t, "go", "env", "GOROOT"), "/usr/local/go")
	build.folder(t, modules, "/modules")
	build["/tmp"] = "/tmp"
	build.image(t, "golang:1.26-bookworm", "ENV PATH=/usr/local/go/bin:/usr/bin:/bin GOPATH=/go GOTOOLCHAIN=local GOPROXY=file:///modules GONOSUMDB=* GOSUMDB=off")

	busyboxTree(t, busybox).image(t, busyboxImage)
	fluentBitTree(t, fluentBit).image(t, "fluent/fluent-bit:"+fluentBitVersion(t))
	staticTree(t).image(t, "gcr.io/distroless/static-debian12:nonroot", "USER 65532", "WORKDIR /home/nonroot")
}

const busyboxImage = "busybox:1.37"

func busyboxTree(t *testing.T, busybox string, more ...string) tree {
	t.Helper()
	box := tree{"/bin/busybox": busybox}
	links := t.TempDir()
	for _, applet := range append([]string{"sh", "cp", "cat", "ls", "sleep", "echo", "id", "stat"}, more...) {
		if err := os.Symlink("busybox", filepath.Join(links, applet)); err != nil {
			t.Fatal(err)
		}
		box["/bin/"+applet] = filepath.Join(links, applet)
	}
	return box
}

func fluentBitTree(t *testing.T, fluentBit string) tree {
	t.Helper()
	host := tree{"/tmp": "/tmp"}
	host.program(t, fluentBit, "/fluent-bit/bin/fluent-bit")
	// A resolver of names, which the C library loads when it is asked for one.
	for _, pattern := range []string{"/usr/lib/*/libnss_dns.so.2", "/usr/lib/*/libnss_files.so.2", "/usr/lib/*/libresolv.so.2"} {
		found, _ := filepath.Glob(pattern) // the pattern is good
		for _, path := range found {
			host[path] = path
		}
	}
	empty := filepath.Join(t.TempDir(), "empty")
	write(t, empty, "")
	host["/fluent-bit/etc/parsers.conf"] = empty
	return host
}

func staticTree(t *testing.T) tree {
	t.Helper()
	users := filepath.Join(t.TempDir(), "passwd")
	write(t, users, "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
	static := tree{"/etc/passwd": users, "/tmp": "/tmp"}
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err == nil {
		static.add("/etc/ssl/certs/ca-certificates.crt")
	}
	return static
}

// static builds a program that needs no C library, and returns its path.
func static(t *testing.T, name, folder string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-o", path, folder)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", folder, err, out)
	}
	return path
}

// printerImage makes an image of the receiver that prints alerts.
func printerImage(t *testing.T, name string) {
	t.Helper()
	printer := staticTree(t)
	printer["/usr/local/bin/receiver"] = static(t, "receiver", "./test/receiver/cmd/receiver")
	printer.image(t, name, "USER 65532", `ENTRYPOINT ["/usr/local/bin/receiver"]`, `CMD ["-listen", "0.0.0.0:8080"]`)
}

// valkeyTree holds valkey-server, or redis-server under its name.
func valkeyTree(t *testing.T) tree {
	t.Helper()
	program, err := exec.LookPath("valkey-server")
	if err != nil {
		program = need(t, "redis-server", "no stand-in for the image of Valkey can be made")
	}
	server := tree{"/tmp": "/tmp"}
	server.program(t, program, "/usr/bin/valkey-server")
	return server
}

// valkeyChanges are what Valkey's image says of itself, as far as the example uses it.
var valkeyChanges = []string{"ENV PATH=/usr/bin", "WORKDIR /data"}

var fluentBitArgument = regexp.MustCompile(`(?m)^ARG FLUENT_BIT=(\S+)$`)

// fluentBitVersion is the tag that the Dockerfile names.
func fluentBitVersion(t *testing.T) string {
	t.Helper()
	m := fluentBitArgument.FindStringSubmatch(read(t, "docker-fluentbit/Dockerfile"))
	if m == nil {
		t.Fatal("the Dockerfile names no version of Fluent Bit")
	}
	return m[1]
}
