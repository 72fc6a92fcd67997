package reliability

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// tmpfs mounts a file system of its own, or skips the test.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("a file system cannot be mounted (only root may): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func remount(t *testing.T, dir string, flags uintptr, options string) {
	t.Helper()
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, options))
}

// TestFolderThatCannotBeMade: a store that the configuration names is an error at the first start. At a hot reload alerts are kept in memory, which
// is said loudly, and they outlive another one.
func TestFolderThatCannotBeMade(t *testing.T) {
	server := receiver.New(t)
	r := newRig(t)
	config, path := r.write("rules.toml", document(server)), filepath.Join(r.write("file", ""), "sub", "one.db")
	r.load()
	if err := r.init("one", config, path); err == nil {
		t.Error("the instance started")
	}
	r.says("store folder is not usable", "set store to another file or to memory")
	r.host.Kill()
	r.start(config, filepath.Join(r.dir, "one.db"))
	r.do("set", "one", "id=one", "config_file="+config, "store="+path)
	r.do("reload")
	r.says("keeping alerts in memory")
	server.Stop()
	r.feed("one", numbered("boom %d", 0, 20)...)
	r.do("reload")
	must(t, server.Resume())
	r.expect(server, numbered("boom %d", 0, 20))
	r.stop()
}

// fillDisk feeds chunks, while the receiver is down, until one is refused. It returns the lines that were accepted and the chunk that was not.
func (r *rig) fillDisk() (accepted, refused []string) {
	r.t.Helper()
	pad := strings.Repeat("x", 1500)
	for n := 0; n < 100_000; n += 20 {
		lines := numbered("boom %d "+pad, n, n+20)
		if !r.feed("one", lines...) {
			return accepted, lines
		}
		accepted = append(accepted, lines...)
	}
	r.t.Fatal("no chunk was ever refused")
	return nil, nil
}

// TestFullDisk: a chunk is refused before any of its lines is evaluated, and after there is space again everything goes on.
func TestFullDisk(t *testing.T) {
	dir := tmpfs(t, "size=1m")
	server := receiver.New(t)
	server.Stop()
	r := newRig(t)
	r.start(r.write("rules.toml", document(server)), filepath.Join(dir, "one.db"))
	accepted, refused := r.fillDisk()
	for range 5 {
		if r.feed("one", refused...) {
			t.Fatal("a full store takes a chunk")
		}
	}
	r.says("store is full", "refusing chunks until there is room")
	remount(t, dir, 0, "size=64m")
	r.until("the chunk is accepted", func() bool { return r.feed("one", refused...) })
	accepted = append(accepted, refused...)
	must(t, server.Resume())
	r.expect(server, accepted)
	sum := r.stop()
	if sum["hits"] != len(accepted) || sum["alerts"] != len(accepted) || sum["refused_chunks"] < 6 {
		t.Errorf("%d lines were accepted, the totals are %v", len(accepted), sum)
	}
	t.Logf("%d lines accepted, %d requests, totals %v", len(accepted), server.Len(), sum)
}

// TestFullDiskThroughReload: a hot reload while the disk is full ends neither the host nor what it accepted, the alerts in memory included.
func TestFullDiskThroughReload(t *testing.T) {
	dir := tmpfs(t, "size=1m")
	server := receiver.New(t)
	server.Stop()
	r := newRig(t)
	r.start(r.write("rules.toml", document(server)), filepath.Join(dir, "one.db"))
	accepted, refused := r.fillDisk()
	r.do("reload")
	r.says("alerts are only in memory")
	if r.feed("one", refused...) {
		t.Error("a chunk is accepted while alerts wait in memory")
	}
	remount(t, dir, 0, "size=64m")
	must(t, server.Resume())
	r.expect(server, accepted)
	r.until("the chunk is accepted", func() bool { return r.feed("one", refused...) })
	r.expect(server, append(accepted, refused...))
	r.stop()
}

// TestReadOnlyFileSystem: at first start a store that cannot be written is an error, not alerts that vanish at the next restart. At a hot
// reload, where an error would end the host, alerts are kept in memory, which is said loudly.
func TestReadOnlyFileSystem(t *testing.T) {
	dir := tmpfs(t, "size=16m")
	path := filepath.Join(dir, "one.db")
	server := receiver.New(t)
	server.Stop()
	r := newRig(t)
	config := r.write("rules.toml", document(server))
	r.start(config, path)
	r.feed("one", numbered("boom %d", 0, 10)...)
	r.stop()
	remount(t, dir, syscall.MS_RDONLY, "size=16m")

	r.load()
	if err := r.init("one", config, path); err == nil {
		t.Error("the instance started")
	}
	r.says("store is read-only")
	r.host.Kill()

	// So is one that does not exist yet.
	r.load()
	if err := r.init("one", config, filepath.Join(dir, "new.db")); err == nil {
		t.Error("the instance started")
	}
	r.says("cannot be made")
	r.host.Kill()

	must(t, server.Resume())
	remount(t, dir, 0, "size=16m")
	r.start(config, path)
	r.expect(server, numbered("boom %d", 0, 10))
	r.stop()
}

// TestReadOnlyAtReload: the parameter store changes to a file that cannot be written.
func TestReadOnlyAtReload(t *testing.T) {
	dir := tmpfs(t, "size=16m")
	server := receiver.New(t)
	r := newRig(t)
	config := r.write("rules.toml", document(server))
	bad := filepath.Join(dir, "bad.db")
	must(t, os.WriteFile(bad, nil, 0o600))
	remount(t, dir, syscall.MS_RDONLY, "size=16m")
	r.start(config, filepath.Join(r.dir, "one.db"))
	r.do("set", "one", "id=one", "config_file="+config, "store="+bad)
	r.do("reload")
	r.feed("one", "boom 1")
	r.expect(server, []string{"boom 1"})
	r.says("keeping alerts in memory")
	r.stop()
}

// TestCorruptFileAtStart: it is put aside, and a fresh one begun.
func TestCorruptFileAtStart(t *testing.T) {
	server := receiver.New(t)
	r := newRig(t)
	config, path := r.write("rules.toml", document(server)), filepath.Join(r.dir, "one.db")
	server.Stop()
	r.start(config, path)
	r.feed("one", numbered("boom %d", 0, 100)...)
	r.stop()
	content, err := os.ReadFile(path)
	must(t, err)
	for name, damaged := range map[string][]byte{
		"page":      append(append(bytes.Clone(content[:8192]), bytes.Repeat([]byte{0xa5}, 4096)...), content[12288:]...),
		"truncated": content[:len(content)/2+100],
		"header":    append([]byte("SQLite format 3\x00"), bytes.Repeat([]byte{0xa5}, 60)...),
	} {
		must(t, os.WriteFile(path, damaged, 0o600))
		must(t, server.Resume())
		r.start(config, path)
		r.feed("one", "boom after "+name)
		r.until("the new alert arrives", func() bool {
			all := server.Alerts()
			return len(all) > 0 && all[len(all)-1].Message == "boom after "+name
		})
		r.stop()
		aside, err := filepath.Glob(path + ".corrupt-*")
		must(t, err)
		kept := 0
		for _, file := range aside {
			if got, err := os.ReadFile(file); err == nil && bytes.Equal(got, damaged) {
				kept++
			}
		}
		if kept != 1 || !strings.Contains(r.log(), "was damaged") {
			t.Errorf("%s: put aside: %q; the log:\n%s", name, aside, r.log())
		}
	}
}

// TestTwoProcessesOnOneFile: each alert is sent by one of them.
func TestTwoProcessesOnOneFile(t *testing.T) {
	server := receiver.New(t)
	one, two := newRig(t), newRig(t)
	config, path := one.write("rules.toml", document(server)), filepath.Join(one.dir, "one.db")
	one.start(config, path)
	two.start(config, path)
	for n := 0; n < 200; n += 10 {
		for i, r := range []*rig{one, two} {
			lines := numbered("boom %d", n+1000*i, n+1000*i+10)
			r.until("the chunk is accepted", func() bool { return r.feed("one", lines...) })
		}
	}
	one.expect(server, append(numbered("boom %d", 0, 200), numbered("boom %d", 1000, 1200)...))
	one.stop()
	two.stop()
	if n := len(server.Alerts()); n != 400 {
		t.Errorf("400 alerts were sent %d times", n)
	}
}

// TestTwoInstancesOnOneFile: outputs of one configuration share a store.
func TestTwoInstancesOnOneFile(t *testing.T) {
	server := receiver.New(t)
	r := newRig(t)
	config, path := r.write("rules.toml", document(server)), filepath.Join(r.dir, "both.db")
	r.start(config, path)
	must(t, r.init("two", config, path))
	for n := 0; n < 200; n += 10 {
		r.feed("one", numbered("boom %d", n, n+10)...)
		r.feed("two", numbered("boom %d", 1000+n, 1000+n+10)...)
	}
	want := append(numbered("boom %d", 0, 200), numbered("boom %d", 1000, 1200)...)
	r.expect(server, want)
	r.do("reload")
	r.feed("one", "boom last one")
	r.feed("two", "boom last two")
	r.expect(server, append(want, "boom last one", "boom last two"))
	r.stop()
	if n := len(server.Alerts()); n != 402 {
		t.Errorf("402 alerts were sent %d times", n)
	}
}

// TestInstancesDoNotMixTheirAlerts: two outputs whose triggers have one name and different receivers. In memory each has its own store; on
// one file the second does not start.
func TestInstancesDoNotMixTheirAlerts(t *testing.T) {
	first, second := receiver.New(t), receiver.New(t)
	r := newRig(t)
	config, other := r.write("rules.toml", document(first)), r.write("other.toml", document(second))
	r.start(config, "memory")
	must(t, r.init("two", other, "memory"))
	for n := 0; n < 200; n += 10 {
		r.feed("one", numbered("boom %d", n, n+10)...)
		r.feed("two", numbered("boom %d", 1000+n, 1000+n+10)...)
	}
	r.expect(first, numbered("boom %d", 0, 200))
	r.expect(second, numbered("boom %d", 1000, 1200))
	r.stop()

	path := filepath.Join(r.dir, "both.db")
	r.start(config, path)
	if err := r.init("two", other, path); err == nil {
		t.Error("the second instance started")
	}
	r.says(`trigger \"hook\"`, path)
}

// TestReloadWithPendingDeliveries: what waits, or is under way, is delivered by the instance after the reload.
func TestReloadWithPendingDeliveries(t *testing.T) {
	server := receiver.New(t)
	server.SetBehaviour(receiver.Always(receiver.Reply{Hang: true}))
	r := newRig(t)
	r.start(r.write("rules.toml", document(server)), filepath.Join(r.dir, "one.db"))
	r.feed("one", numbered("boom %d", 0, 200)...)
	r.until("requests hang", func() bool { return server.Len() >= 4 })
	if took := r.do("reload").Int("exit_ms"); took > 3500 {
		t.Errorf("the exit took %d ms", took)
	}
	server.SetBehaviour(receiver.Status(200))
	r.feed("one", numbered("boom %d", 200, 210)...)
	r.expect(server, numbered("boom %d", 0, 210))
	r.stop()
	if n := len(server.Alerts()); n != 210 {
		t.Errorf("210 alerts were accepted %d times", n)
	}
}

// TestFileDamagedWhileRunning damages the file of a store that is in use: its alerts are lost, counted and reported, and everything goes on in a new file.
func TestFileDamagedWhileRunning(t *testing.T) {
	server := receiver.New(t)
	server.Stop()
	r := newRig(t)
	path := filepath.Join(r.dir, "one.db")
	r.start(r.write("rules.toml", document(server)), path)
	r.feed("one", numbered("boom %d", 0, 500)...)
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		must(t, err)
		file, err := os.OpenFile(name, os.O_RDWR, 0)
		must(t, err)
		_, err = file.Write(bytes.Repeat([]byte{0xa5}, int(info.Size())))
		must(t, err)
		must(t, file.Close())
	}
	next := 1000
	r.until("the damage is met", func() bool {
		r.feed("one", numbered("boom %d", next, next+50)...)
		next += 50
		return strings.Contains(r.host.Log().String(), "was damaged")
	})
	// Until here nothing was delivered, so there is something to lose. (Pages in memory hide the damage for a while.)
	must(t, server.Resume())
	r.until("the chunk is accepted", func() bool { return r.feed("one", "boom after") })
	r.until("a new alert arrives, and one that reports the loss", func() bool {
		after, reported := false, false
		for _, a := range server.Alerts() {
			after = after || a.Message == "boom after"
			reported = reported || a.Kind == "system" && strings.Contains(a.Message, "lost with a damaged store")
		}
		return after && reported
	})
	aside, err := filepath.Glob(path + ".corrupt-*")
	must(t, err)
	if len(aside) == 0 {
		t.Error("no file was put aside")
	}
	r.stop()
}
