package namedfile

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

func TestRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for limit, fails := range map[int64]bool{9: true, 10: false, 11: false} {
		text, err := Read(file, limit)
		if (err != nil) != fails || (!fails && string(text) != "0123456789") {
			t.Errorf("limit %d: %q, %v", limit, text, err)
		}
	}
	link := file + ".link"
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if text, err := Read(link, 10); err != nil || string(text) != "0123456789" {
		t.Errorf("through a link, as Kubernetes mounts secrets: %q, %v", text, err)
	}
}

// TestOnlyRegularFilesAreRead would hang, or fill the memory, if any of these were opened as usual.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	cases := map[string]string{
		pipe: "a named pipe", socket: "a socket", dir: "a folder", "/dev/null": "a device", "/dev/zero": "a device",
		filepath.Join(dir, "missing"): "no such file", "": "no such file",
	}
	if runtime.GOOS == "linux" {
		cases["/proc/self/environ"] = "not a file on a disk"
		cases["/proc/self/status"] = "not a file on a disk"
		cases["/proc/kmsg"] = "" // the error depends on the user
		cases["/sys/kernel/mm/transparent_hugepage/enabled"] = ""
	}
	n := 0
	for path, want := range cases {
		n++
		link := filepath.Join(dir, "link"+string(rune('a'+n)))
		if err := os.Symlink(path, link); path != "" && err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{path, link} {
			_, err := Read(p, 1<<20)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", p, err, want)
			} else if path != "" && strings.Contains(err.Error(), dir) {
				t.Errorf("the error names the file, but callers already do: %v", err)
			}
		}
	}
}

// TestAPipeInTheFilesPlaceDoesNotBlock replaces a file by a pipe between the check and the open, like an attacker who can write the folder.
func TestAPipeInTheFilesPlaceDoesNotBlock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, pipe, file := filepath.Join(dir, "x"), filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 3000 {
			target := file
			if i%2 == 0 {
				target = pipe
			}
			next := filepath.Join(dir, "next")
			if os.Symlink(target, next) != nil || os.Rename(next, path) != nil {
				return
			}
		}
	}()
	for {
		select {
		case <-done:
			return
		default:
		}
		if text, err := Read(path, 10); err == nil && string(text) != "text" {
			t.Fatalf("read %q", text)
		}
	}
}

// TestAFileThatGrowsIsBounded reads a file during constant writes.
func TestAFileThatGrowsIsBounded(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for range 4096 {
			select {
			case <-stop:
				return
			default:
				_, _ = f.WriteString(strings.Repeat("x", 4096))
			}
		}
	}()
	for range 50 {
		if text, err := Read(f.Name(), 64<<10); err == nil && len(text) > 64<<10 {
			t.Errorf("%d bytes", len(text))
		}
	}
	close(stop)
	<-stopped
}

func TestOthersMayRead(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "namedfile") // all users may enter every folder above
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir, file os.FileMode
		want      bool
	}{{0o755, 0o644, true}, {0o755, 0o604, true}, {0o711, 0o644, true}, {0o755, 0o640, false}, {0o755, 0o600, false}, {0o700, 0o644, false}, {0o750, 0o666, false}} {
		if err := errorsOf(os.Chmod(file, c.file), os.Chmod(dir, c.dir)); err != nil {
			t.Fatal(err)
		}
		if got := OthersMayRead(file); got != c.want {
			t.Errorf("folder %o, file %o: %v", c.dir, c.file, got)
		}
	}
	if OthersMayRead(filepath.Join(dir, "missing")) {
		t.Error("a file that is missing")
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestReadAll(t *testing.T) {
	if text, err := ReadAll(strings.NewReader("12345"), 5); err != nil || string(text) != "12345" {
		t.Errorf("as long as the limit: %q, %v", text, err)
	}
	if text, err := ReadAll(strings.NewReader("123456"), 5); !errors.Is(err, ErrTooLong) || err.Error() != "is longer than 5 bytes" || text != nil {
		t.Errorf("longer: %q, %v", text, err)
	}
	failed := errors.New("failed")
	if text, err := ReadAll(iotest.ErrReader(failed), 5); err != failed || text != nil {
		t.Errorf("a reader that fails: %q, %v", text, err)
	}
}
