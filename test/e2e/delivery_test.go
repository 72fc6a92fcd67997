package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

func TestLineBecomesAlert(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		s := single(t, document(server, simple("boom", `boom (?P<n>\d+)`)))
		r := start(s)
		r.feed("quiet", "boom 1", "quiet", "boom 2")
		expect(t, r, server, []string{"boom 1", "boom 2"})
		alert := arrived(server)["boom 2"][0]
		if alert.Version != "1" || alert.Kind != "log" || alert.Rule != "boom" || alert.Captures["n"] != "2" || alert.Count != 1 ||
			alert.Source.Tag != "e2e" || alert.Source.Workload == "" || time.Since(alert.Time) > time.Minute {
			t.Errorf("alert %+v", alert)
		}
		r.stop()
		if n := len(arrived(server)); n != 2 {
			t.Errorf("%d lines became alerts, want 2", n)
		}
	})
}

// TestFlatParameters has no file: every setting is a parameter of the output.
func TestFlatParameters(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		s := single(t, "")
		delete(s.instances[0], "config_file")
		for key, value := range map[string]string{
			"rules": "boom", "rule.boom.pattern": `^boom \d{1,3}$`, "rule.boom.cooldown": "0s", "rule.boom.severity": "critical",
			"triggers": "hook", "trigger.hook.url": server.URL("/"), "egress.allow": fmt.Sprintf("127.0.0.1/32:%d", server.Port()),
		} {
			s.instances[0][key] = value
		}
		r := start(s)
		r.feed("boom 1", "boom 1000", "boom 2")
		expect(t, r, server, []string{"boom 1", "boom 2"})
		r.stop()
		if n := len(arrived(server)); n != 2 {
			t.Errorf("%d lines became alerts, want 2", n)
		}
	})
}

// TestInlineDocument gives the whole configuration in one parameter; in Fluent Bit that is a block scalar of YAML.
func TestInlineDocument(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		s := single(t, "")
		delete(s.instances[0], "config_file")
		s.instances[0]["config"] = document(server, simple("boom", `^boom "\d{1,3}"$`))
		r := start(s)
		r.feed(`boom "1"`, `boom "1000"`, `boom "2"`)
		expect(t, r, server, []string{`boom "1"`, `boom "2"`})
		r.reload()
		r.feed(`boom "3"`)
		expect(t, r, server, []string{`boom "3"`})
		r.stop()
	})
}

func TestTwoInstances(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		one, two := receiver.New(t), receiver.New(t)
		s := single(t, document(one, simple("a", "alpha")))
		s.instances = append(s.instances, parameters(s.dir, "two", writeFile(t, s.dir, "two.toml", document(two, simple("b", "beta")))))
		r := start(s)
		r.feed("alpha 1", "beta 1", "alpha 2")
		expect(t, r, one, []string{"alpha 1", "alpha 2"})
		expect(t, r, two, []string{"beta 1"})
		r.reload()
		r.feed("beta 2", "alpha 3")
		expect(t, r, one, []string{"alpha 1", "alpha 2", "alpha 3"})
		expect(t, r, two, []string{"beta 1", "beta 2"})
		if n := one.Len() + two.Len(); n != 5 {
			t.Errorf("%d requests, want 5", n)
		}
		r.stop()
	})
}

func TestConcurrentFlushes(t *testing.T) {
	t.Run("host", func(t *testing.T) {
		server := receiver.New(t)
		s := single(t, document(server, simple("boom", `boom`)))
		r := startHost(t, hostBinary(t), s)
		// Eight threads deliver chunks that are equal, times included: the lines are equal, and all of them are different lines of one run.
		path := r.part(numbered("boom %d", 0, 100))
		if reply := r.text("one", path, "threads=8", "times=5", "retries=100", base(time.Now())); reply.Int("ok") != 40 {
			t.Errorf("the host answers %v", reply)
		}
		eventually(t, r, "40 alerts of each line arrive", func() bool {
			got := arrived(server)
			for _, line := range numbered("boom %d", 0, 100) {
				if len(got[line]) < 40 {
					return false
				}
			}
			return true
		})
		for line, ids := range arrived(server) {
			if len(ids) != 40 {
				t.Errorf("line %q became %d alerts with ids of their own, want 40", line, len(ids))
			}
		}
		r.stop()
	})
	t.Run("fluent-bit", func(t *testing.T) {
		server := receiver.New(t)
		s := single(t, document(server, simple("boom", `boom`)))
		s.workers = 4
		r := startFluentBit(t, fluentBitBinary(t), s)
		for begin := 0; begin < 500; begin += 50 {
			r.feed(numbered("boom %d", begin, begin+50)...)
		}
		expect(t, r, server, numbered("boom %d", 0, 500))
		r.stop()
	})
}

// TestHangingReceiver holds flush and exit to their bounds while every request hangs, and shows that what was accepted arrives later.
func TestHangingReceiver(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		server.SetBehaviour(receiver.Always(receiver.Reply{Hang: true}))
		s := single(t, document(server, simple("boom", `boom`)))
		r := start(s)
		lines := numbered("boom %d", 0, 200)
		r.feed(lines...)
		eventually(t, r, "a request hangs", func() bool { return server.Len() > 0 })
		bound := 3*time.Second + 500*time.Millisecond
		if _, real := r.(*inFluentBit); real {
			bound += 2 * time.Second // Grace
		}
		if took := r.stop(); took > bound {
			t.Errorf("the exit took %s", took)
		}
		server.SetBehaviour(receiver.Status(200))
		again := start(s)
		expect(t, again, server, lines)
		again.stop()
	})
}

func TestReceiverDiesAndComesBack(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		r := start(single(t, document(server, simple("boom", `boom`))))
		r.feed(numbered("boom %d", 0, 20)...)
		expect(t, r, server, numbered("boom %d", 0, 20))
		server.Stop()
		r.feed(numbered("boom %d", 20, 60)...)
		before := r.log().Count("hook")
		eventually(t, r, "the failed delivery is logged", func() bool { return r.log().Count("hook") > before })
		if err := server.Resume(); err != nil {
			t.Fatal(err)
		}
		expect(t, r, server, numbered("boom %d", 0, 60))
		r.stop()
	})
}

// TestSlowReceiverDelaysNobody has one trigger that hangs beside one that works.
func TestSlowReceiverDelaysNobody(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		good, bad := receiver.New(t), receiver.New(t)
		bad.SetBehaviour(receiver.Always(receiver.Reply{Hang: true}))
		s := single(t, twoTriggers(good, bad)+simple("boom", "boom"))
		r := start(s)
		r.feed(numbered("boom %d", 0, 100)...)
		expect(t, r, good, numbered("boom %d", 0, 100))
		if len(bad.Alerts()) != 0 {
			t.Error("a request that hangs counts as accepted")
		}
	})
}
