package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

func TestDryRun(t *testing.T) {
	t.Run("host", func(t *testing.T) {
		host, err := pluginhost.Start(hostBinary(t), pluginhost.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(host.Kill)
		for _, command := range [][]string{{"load", plugin(t)}, {"dry-run"}, {"register"}, {"exit"}} {
			if _, err := host.Do(command...); err != nil {
				t.Fatalf("%v\n%s", err, host.Log())
			}
		}
		if err := host.Close(patience); err != nil {
			t.Error(err)
		}
	})
	t.Run("fluent-bit", func(t *testing.T) {
		binary := fluentBitBinary(t)
		server := receiver.New(t)
		s := single(t, document(server, simple("boom", "boom")))
		config, _, _ := configuration(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		out, err := exec.CommandContext(ctx, binary, "-e", s.plugin, "-c", config, "--dry-run").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "configuration test is successful") {
			t.Errorf("dry run: %v\n%s", err, out)
		}
	})
}

// broken is a rule with a bad pattern.
const broken = "\n[[rule]]\nname = \"broken\"\npattern = 'a(b'\n"

func lineOf(text, what string) string {
	before, _, _ := strings.Cut(text, what)
	return fmt.Sprintf(":%d", strings.Count(before, "\n")+1)
}

func TestBrokenRuleAtFirstStart(t *testing.T) {
	check := func(t *testing.T, toml, log string) {
		t.Helper()
		for _, want := range []string{"rules.toml" + lineOf(toml, "pattern = 'a(b'"), "broken", "a(b"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log does not name %q:\n%s", want, log)
			}
		}
	}
	server := receiver.New(t)
	toml := document(server, simple("good", "good")+broken)
	t.Run("host", func(t *testing.T) {
		s := single(t, toml)
		h := loadHost(t, hostBinary(t), s)
		if err := h.init(s.instances[0]); err == nil {
			t.Error("the instance started")
		}
		check(t, toml, h.log().String())
	})
	t.Run("fluent-bit", func(t *testing.T) {
		f := launchFluentBit(t, fluentBitBinary(t), single(t, toml))
		select {
		case <-f.exited:
		case <-time.After(patience):
			t.Fatalf("Fluent Bit runs\n%s", tail(f.output))
		}
		if f.waitErr == nil {
			t.Error("Fluent Bit ended with 0")
		}
		check(t, toml, f.output.String())
	})
}

// TestBrokenRuleAtReload breaks one rule while lines flow: the process lives, and the other rules run on without losing a line.
func TestBrokenRuleAtReload(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		s := single(t, document(server, simple("good", "good")))
		r := start(s)
		r.feed(numbered("good %d", 0, 50)...)
		expect(t, r, server, numbered("good %d", 0, 50))

		toml := document(server, simple("good", "good")+broken+simple("late", "late"))
		writeFile(t, s.dir, "rules.toml", toml)
		stop, stopped := make(chan struct{}), make(chan int, 1)
		go flow(r, stop, stopped)
		r.reload()
		close(stop)
		fed := <-stopped
		r.feed("late 1")
		expect(t, r, server, append(numbered("good %d", 50, fed), "late 1"))
		if !strings.Contains(r.log().String(), "rules.toml"+lineOf(toml, "pattern = 'a(b'")) {
			t.Errorf("the log does not name the broken rule's line:\n%s", tail(r.log()))
		}

		// And a file that is no TOML at all: what ran before runs on.
		writeFile(t, s.dir, "rules.toml", "[[rule\n")
		r.reload()
		r.feed("good after", "late after")
		expect(t, r, server, []string{"good after", "late after"})
		r.stop()
	})
}

// flow feeds lines one after the other until it is stopped, and returns the number of the next one.
func flow(r running, stop chan struct{}, stopped chan int) {
	n := 50
	// Sent even when feed fails the test, which ends this goroutine.
	defer func() { stopped <- n }()
	for {
		r.feed(numbered("good %d", n, n+1)...)
		n++
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestRulesChangeWithoutTheHost changes the file, and waits until the plugin has seen that by itself.
func TestRulesChangeWithoutTheHost(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		s := single(t, document(server, simple("old", "old")))
		r := start(s)
		r.feed("old 1", "new 1")
		expect(t, r, server, []string{"old 1"})
		writeFile(t, s.dir, "rules.toml", document(server, simple("new", "new")))
		n := 1
		eventually(t, r, "the new rule is in force", func() bool {
			n++
			r.feed(numbered("new %d", n, n+1)...)
			return len(arrived(server)) > 1
		})
		r.feed("old 2", "new last")
		expect(t, r, server, []string{"new last"})
		if len(arrived(server)["old 2"]) != 0 {
			t.Error("the old rule is in force still")
		}
	})
}

// TestPanics has the plugin panic in each place where it can. The process lives on, and says what happened.
func TestPanics(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		for _, place := range []string{"preregister", "preexit", "exit", "unregister", "flush", "goroutine"} {
			t.Run(place, func(t *testing.T) {
				server := receiver.New(t)
				s := single(t, document(server, simple("boom", "boom")))
				s.plugin, s.env = faultyPlugin(t), []string{"FLUENTBIT_TRIGGER_TEST_PANIC=" + place}
				r := start(s)
				r.feed("boom 1")
				r.reload()
				eventually(t, r, "the panic is logged", func() bool { return r.log().Count("panic") > 0 })
				r.feed("boom 2")
				if place != "flush" && place != "goroutine" { // in these the chunk itself is lost, and said to be
					expect(t, r, server, []string{"boom 1", "boom 2"})
				}
				if !r.alive() {
					t.Fatalf("the process is gone\n%s", tail(r.log()))
				}
				r.stop()
			})
		}
	})
	t.Run("init in host", func(t *testing.T) {
		server := receiver.New(t)
		s := single(t, document(server, simple("boom", "boom")))
		s.plugin, s.env = faultyPlugin(t), []string{"FLUENTBIT_TRIGGER_TEST_PANIC=init"}
		h := loadHost(t, hostBinary(t), s)
		if err := h.init(s.instances[0]); err == nil || !h.alive() || h.log().Count("panic") == 0 {
			t.Errorf("error %v, alive %v\n%s", err, h.alive(), tail(h.log()))
		}
	})
}

// TestNilDereferenceAfterSignal is the case in which Go's handler for SIGSEGV has been replaced by the host's.
func TestNilDereferenceAfterSignal(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		s := single(t, document(server, simple("boom", "boom")))
		s.plugin, s.env = faultyPlugin(t), []string{"FLUENTBIT_TRIGGER_TEST_PANIC=flush"}
		r := start(s)
		for i := range 3 {
			before := r.log().Count("nil pointer dereference")
			r.hup()
			r.feed(numbered("boom %d", i, i+1)...)
			eventually(t, r, "the panic is recovered", func() bool {
				return !r.alive() || r.log().Count("nil pointer dereference") > before
			})
			if !r.alive() {
				t.Fatalf("the process is gone\n%s", tail(r.log()))
			}
		}
		r.stop()
	})
}

// TestReloadsLeakNothing reloads many times and compares what the process holds with what it held after the first few.
func TestReloadsLeakNothing(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		r := start(single(t, document(server, simple("boom", "boom"))))
		reloads, leaksPipes := 50, false
		if f, real := r.(*inFluentBit); real {
			reloads, leaksPipes = 12, f.leaksPipes()
		}
		cycle := func(n int) {
			r.reload()
			r.feed(numbered("boom %d", n, n+1)...)
			expect(t, r, server, numbered("boom %d", n, n+1))
		}
		for n := range 5 {
			cycle(n)
		}
		before := usageOf(t, r.pid())
		for n := range reloads {
			cycle(5 + n)
		}
		var after usage
		eventually(t, r, "threads and files are as before", func() bool {
			after = usageOf(t, r.pid())
			return after.threads <= before.threads+4 && after.files <= before.files+2 && (leaksPipes || after.pipes <= before.pipes+2)
		})
		if grown := after.rssKB - before.rssKB; grown > 20*1024 {
			t.Errorf("memory grew by %d kB over %d reloads: %+v, then %+v", grown, reloads, before, after)
		}
		t.Logf("before %+v, after %d reloads %+v", before, reloads, after)
		r.stop()
	})
}
