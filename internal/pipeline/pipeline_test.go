package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// bench is a pipeline on a receiver, with its files.
type bench struct {
	t      *testing.T
	dir    string
	server *receiver.Server
	log    *await.Log
	stores *store.Registry
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, dir: t.TempDir(), server: receiver.New(t), log: &await.Log{}, stores: &store.Registry{}}
}

const secretPath = "hook/s3cr3t-t0ken"

// document returns a configuration with one trigger to the receiver and the rules.
func (b *bench) document(rules string) string {
	return fmt.Sprintf("store = %q\n[egress]\nallow = [\"127.0.0.1/32\"]\n[limits]\nper_container = { rate = \"0/s\", burst = 1 }\n"+
		"[[trigger]]\nname = \"ops\"\nurl = %q\n%s", filepath.Join(b.dir, "store.db"), b.server.URL("/"+secretPath), rules)
}

func rule(name, pattern string) string {
	return fmt.Sprintf("[[rule]]\nname = %q\npattern = %q\ncooldown = \"0s\"\n", name, pattern)
}

func (b *bench) write(text string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, "rules.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bench) options(text string) Options {
	return Options{
		ID: "t", Sources: config.Sources{Files: []string{b.write(text)}}, Stores: b.stores, LogTo: b.log, Origin: "output:trigger:t",
	}
}

// start starts a pipeline that ends with the test.
func (b *bench) start(o Options) *Pipeline {
	b.t.Helper()
	p, err := New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	p.Start()
	b.t.Cleanup(func() { b.stop(p) })
	return p
}

func (b *bench) stop(p *Pipeline) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		b.t.Errorf("stop: %v", err)
	}
}

func lines(texts ...string) []byte { return chunktest.Docker(chunktest.Lines(texts...)...) }

// messages waits until n alerts arrived and returns their messages, in order of arrival.
func (b *bench) messages(n int) []string {
	b.t.Helper()
	var out []string
	b.eventually(fmt.Sprintf("%d alerts arrive", n), func() bool { return len(b.alerts()) >= n })
	for _, a := range b.alerts() {
		out = append(out, a.Message)
	}
	return out
}

// alerts returns the alerts that arrived, in order of arrival. One whose answer was not taken before a stop comes again, under its id, and is reported once.
func (b *bench) alerts() (all []trigger.Alert) {
	seen := map[string]bool{}
	for _, a := range b.server.Alerts() {
		if !seen[a.ID] {
			seen[a.ID] = true
			all = append(all, a)
		}
	}
	return all
}

// eventually polls until the condition holds.
func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	await.That(b.t, patience, what, holds, b.log)
}

func TestChunkToWebhook(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom"))))
	if v := p.Flush(lines("quiet", "boom 1", "not a boom", "boom 2"), "docker.web"); v != Accepted {
		t.Fatalf("the chunk was %s", v)
	}
	got := b.messages(2)
	if len(got) != 2 {
		t.Errorf("alerts %q, want two", got)
	}
	s := p.Stats(t.Context())
	if s.Engine.Lines != 4 || s.Engine.Rules["boom"].Alerts != 2 || s.Chunks != 1 || s.Records.Records != 4 || s.Delivery.Accepted != 2 {
		t.Errorf("stats %+v", s)
	}
	if strings.Contains(b.log.String(), "boom 1") || strings.Contains(b.log.String(), "s3cr3t") {
		t.Errorf("the log shows a matched line or a secret:\n%s", b.log)
	}
}

// atOnce makes a chunk of lines that all have the same time, as the fluentd driver does.
func atOnce(texts ...string) []byte {
	all := chunktest.Lines(texts...)
	for i := range all {
		all[i].Time = chunktest.FirstTime
	}
	return chunktest.Docker(all...)
}

// TestEqualLinesOfOneRunAreDifferentLines sends lines of one second, as the fluentd driver does: every one of them is an alert, whether it
// comes in one chunk with others, in a chunk of its own, or in a chunk that is equal to the one before.
func TestEqualLinesOfOneRunAreDifferentLines(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "boom"))))
	for range 20 {
		p.Flush(atOnce("boom"), "docker.web")
		p.Flush(atOnce("boom", "boom"), "docker.web")
	}
	p.Flush(atOnce("boom"), "docker.other")
	if got := b.messages(61); len(got) != 61 {
		t.Errorf("%d alerts, want 61", len(got))
	}
	stats := p.Stats(t.Context())
	if d := stats.Delivery; d.Duplicates != 0 || d.Accepted != 61 {
		t.Errorf("%d accepted, %d duplicates", d.Accepted, d.Duplicates)
	}
}

// TestWhatAnEarlierRunStoredIsTheSame restarts between equal chunks, cut otherwise and in another order: what is stored already makes no
// alert again, what is not does, and every alert keeps its id.
func TestWhatAnEarlierRunStoredIsTheSame(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	o := b.options(b.document(rule("boom", "boom")))
	p := b.start(o)
	p.Flush(atOnce("boom", "boom", "boom 2"), "docker.web")
	p.Flush(atOnce("boom"), "docker.web")
	b.messages(4)
	b.stop(p)
	for range 2 {
		p = b.start(o)
		for _, chunk := range [][]byte{atOnce("boom"), atOnce("boom 2", "boom"), atOnce("boom"), atOnce("boom")} {
			p.Flush(chunk, "docker.web")
		}
		p.Flush(atOnce("boom"), "docker.new")
		b.messages(6) // the fourth "boom", and the one of the other tag
		d := p.Stats(t.Context()).Delivery
		b.stop(p)
		if d.Accepted+d.Duplicates != 6 || d.Duplicates < 4 {
			t.Errorf("%d accepted, %d duplicates of 6", d.Accepted, d.Duplicates)
		}
	}
	if got := b.alerts(); len(got) != 6 {
		t.Errorf("%d alerts, want 6", len(got))
	}
}

func TestSightingsAreBounded(t *testing.T) {
	t.Parallel()
	var s alertOrdinals
	sum := func(i int) [32]byte { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i))) }
	for i := range 5 * maxOrdinals {
		if n := s.next(sum(i)); n != 0 {
			t.Fatalf("%d was seen %d times", i, n)
		}
		if n := s.next(sum(0)); n != uint64(i)+1 && i > 0 {
			t.Fatalf("what comes all the time was seen %d times, want %d", n, i+1)
		}
	}
	if len(s.now) > maxOrdinals || len(s.old) > maxOrdinals {
		t.Errorf("%d and %d are remembered", len(s.now), len(s.old))
	}
}

func TestBrokenConfigurationStopsTheStart(t *testing.T) {
	b := newBench(t)
	_, err := New(b.options(b.document(rule("bad", "a(b") + "[[rule]]\nname = \"worse\"\npatern = \"x\"\n")))
	if err == nil {
		t.Fatal("a broken configuration starts")
	}
	for _, want := range []string{"rules.toml:11", `rule "bad"`, "a(b", "patern"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("the error shows a secret: %v", err)
	}
}

func TestLenientStart(t *testing.T) {
	b := newBench(t)
	o := b.options(b.document(rule("bad", "a(b") + rule("good", "boom")))
	o.Lenient = true
	p := b.start(o)
	p.Flush(lines("boom"), "t")
	b.messages(1)
	if !strings.Contains(b.log.String(), `rule "bad"`) {
		t.Errorf("the broken rule is not reported:\n%s", b.log)
	}
	previous := p.Settings()
	b.stop(p)

	o = b.options("this is no toml")
	o.Lenient, o.Previous = true, previous
	p = b.start(o)
	p.Flush(lines("boom again"), "t")
	b.messages(2)
}

func TestReload(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("old", "old"))))
	p.Flush(lines("old 1"), "t")
	b.messages(1)

	b.write(b.document(rule("new", "new") + rule("bad", "(")))
	p.Reload()
	p.Flush(lines("old 2", "new 1"), "t")
	if got := b.messages(2); got[1] != "new 1" {
		t.Errorf("after the reload %q, want new 1", got)
	}
	if !strings.Contains(b.log.String(), `rule "bad"`) {
		t.Errorf("the broken rule is not reported:\n%s", b.log)
	}

	b.write("broken = [")
	p.Reload()
	p.Flush(lines("new 2"), "t")
	if got := b.messages(3); got[2] != "new 2" {
		t.Errorf("after a failed reload %q, want new 2", got)
	}
}

// TestReloadOfWhatTakesARestart changes settings that no reload puts in force: each is reported with its place, until it is as it was.
func TestReloadOfWhatTakesARestart(t *testing.T) {
	b := newBench(t)
	o := b.options(b.document(rule("old", "old")))
	p := b.start(o)
	b.write("store_alerts = 7\n" + strings.Replace(b.document(rule("new", "new")), "store.db", "other.db", 1) + "[delivery]\nretry_min = \"2s\"\n")
	r := p.Reload()
	var got []string
	for _, one := range r.Restart {
		got = append(got, one.Error())
		if !strings.Contains(b.log.String(), one.Error()) {
			t.Errorf("the log lacks %s:\n%s", &one, b.log)
		}
	}
	const words = ": a change takes effect after a restart"
	file := o.Sources.Files[0]
	if want := []string{file + ":1: store_alerts" + words, file + ":2: store" + words, file + ":15: delivery.retry_min" + words}; !r.Applied || !slices.Equal(got, want) {
		t.Errorf("reported are\n%q, want\n%q", got, want)
	}
	b.write(b.document(rule("new", "new")))
	if r := p.Reload(); len(r.Restart) > 0 {
		t.Errorf("reported are %v, though all is as it was", r.Restart)
	}
	b.write(strings.Replace(b.document(""), "store = ", "# store = ", 1))
	if r := p.Reload(); len(r.Restart) != 1 || r.Restart[0].Error() != "store"+words {
		t.Errorf("a setting that is gone: %v", r.Restart)
	}
}

// TestReloadsAtOnce reloads from several goroutines, as a signal and the watcher may: each is whole, and no rule loses its counters.
func TestReloadsAtOnce(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("old", "old"))))
	b.write(b.document(rule("new", "new")))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { p.Reload() })
	}
	wg.Wait()
	p.Flush(lines("new 1", "old 1"), "t")
	if rules := p.Stats(t.Context()).Engine.Rules; len(rules) != 1 || rules["new"].Alerts != 1 {
		t.Errorf("counters %+v, want one alert of new", rules)
	}
}

func TestChangedFileIsApplied(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("old", "old"))))
	b.write(b.document(rule("new", "new")))
	n := 0
	b.eventually("the new rule is in force", func() bool {
		n++
		p.Flush(lines(fmt.Sprintf("new %d", n)), "t")
		return len(b.server.Requests()) > 0
	})
}

func TestLimitsSurviveARestart(t *testing.T) {
	b := newBench(t)
	text := b.document("[[rule]]\nname = \"r\"\npattern = \"boom\"\ncooldown = \"1h\"\n")
	p := b.start(b.options(text))
	p.Flush(lines("boom 1", "boom 2"), "t")
	b.messages(1)
	b.stop(p)
	p = b.start(b.options(text))
	p.Flush(lines("boom 3"), "t")
	if c := p.Stats(t.Context()).Engine.Rules["r"]; c.Alerts != 0 || c.Hits != 1 {
		t.Errorf("the cooldown did not survive the restart: %+v", c)
	}
}

// TestLimitsAreSavedWhileRunning reads the store beside a running pipeline: what a kill would leave there.
func TestLimitsAreSavedWhileRunning(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document("[[rule]]\nname = \"r\"\npattern = \"boom\"\ncooldown = \"1h\"\n")))
	p.Flush(lines("boom"), "t")
	b.eventually("the limiter's state is saved", func() bool {
		saved, err := p.store.LoadStates(t.Context(), statePrefix(p.id))
		if err != nil {
			t.Fatal(err)
		}
		for key := range saved {
			if strings.HasPrefix(key, statePrefix(p.id)+"key/") {
				return true
			}
		}
		return false
	})
}

func TestDeadReceiverNeitherDelaysFlushNorLosesAlerts(t *testing.T) {
	b := newBench(t)
	b.server.SetBehaviour(receiver.Always(receiver.Reply{Hang: true}))
	p := b.start(b.options(b.document(rule("boom", "boom"))))
	for i := range 20 {
		if v := p.Flush(lines(fmt.Sprintf("boom %d", i)), "t"); v != Accepted {
			t.Fatalf("chunk %d was %s", i, v)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Fatalf("stop with a hanging receiver: %v", err)
	}
	b.server.SetBehaviour(receiver.Status(200))
	b.start(b.options(b.document(rule("boom", "boom"))))
	b.eventually("every alert arrives after the restart", func() bool {
		got := map[string]bool{}
		for _, message := range b.messages(0) {
			got[message] = true
		}
		return len(got) == 20
	})
}

func TestFlushAfterStopIsRefused(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "boom"))))
	b.stop(p)
	if v := p.Flush(lines("boom"), "t"); v != Refused {
		t.Errorf("a chunk after Stop is %s", v)
	}
	b.stop(p)
}

func TestOwnLinesAreSkipped(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("any", "."))))
	p.Flush(lines("[2026/11/22 14:02:03.045] [error] [output:trigger:t] boom", "boom"), "t")
	if got := b.messages(1); len(got) != 1 || got[0] != "boom" {
		t.Errorf("alerts %q, want boom alone", got)
	}
	if n := p.Stats(t.Context()).Own; n != 1 {
		t.Errorf("%d own lines counted, want 1", n)
	}
}

func TestPartialLinesAreHandedOverAtTheEnd(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "boom"))))
	line := chunktest.Lines("boom and no end")[0]
	line.More = true
	p.Flush(chunktest.Docker(line), "t")
	if n := p.Stats(t.Context()).Engine.Lines; n != 0 {
		t.Fatalf("%d lines evaluated before the line ended", n)
	}
	b.stop(p)
	if c := p.engine.Stats().Rules["boom"]; c.Alerts != 1 {
		t.Errorf("the partial line was lost at the end: %+v", c)
	}
	b.start(b.options(b.document(rule("boom", "boom"))))
	b.messages(1)
}

func TestConcurrentFlushes(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "boom"))))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 10 {
				if v := p.Flush(lines(fmt.Sprintf("boom %d/%d", g, i), "quiet"), "t"); v != Accepted {
					t.Errorf("a chunk was %s", v)
				}
			}
		})
	}
	wg.Wait()
	b.messages(80)
	if s := p.Stats(t.Context()); s.Engine.Lines != 160 || s.Engine.Rules["boom"].Alerts != 80 {
		t.Errorf("stats %+v", s.Engine)
	}
}

// TestNothingIsLeftBehind starts and stops many times and looks for goroutines that stay.
func TestNothingIsLeftBehind(t *testing.T) {
	b := newBench(t)
	text := b.document(rule("boom", "boom"))
	cycle := func(n int) {
		p := b.start(b.options(text))
		p.Flush(lines(fmt.Sprintf("boom %d", n)), "t")
		b.messages(n + 1)
		b.stop(p)
	}
	cycle(0)
	before := runtime.NumGoroutine()
	for n := range 50 {
		cycle(n + 1)
	}
	b.eventually("goroutines are as before", func() bool { return runtime.NumGoroutine() <= before+2 })
}

// TestAdministrationThatCannotBeHad shows that a reload reports the problem of [admin], keeps the previous listener, and watches the files for a fix.
func TestAdministrationThatCannotBeHad(t *testing.T) {
	b := newBench(t)
	text := b.document(rule("boom", "boom"))
	p := b.start(b.options(text))
	var refused error
	settled := 0
	p.OnReload(func(s *config.Settings) (func(bool), error) {
		if refused != nil {
			return nil, refused
		}
		return func(applied bool) {
			if settled++; !applied {
				t.Error("a reload was not applied")
			}
		}, nil
	})
	b.write(text + "[admin]\nlisten = \"127.0.0.1:0\"\ntoken_file = \"/nowhere/tokens\"\n")
	refused = setting.Fault{Field: "token_file", Value: "/nowhere/tokens", Code: setting.Unreadable, Message: "no such file"}
	report := p.Reload()
	if !report.Applied || len(report.Problems) != 1 || len(p.Loaded().Problems) != 1 || p.Settings().Admin.Listen != "" || settled != 0 {
		t.Errorf("%+v, in force %+v", report, p.Settings().Admin)
	}
	if at := report.Problems[0]; at.Line == 0 || at.Field != "admin.token_file" || at.Value != `"/nowhere/tokens"` || at.Code != setting.Unreadable || at.Message != "no such file" {
		t.Errorf("it is reported as %+v", at)
	}
	if files := p.secretFiles(); !slices.Contains(files, "/nowhere/tokens") {
		t.Errorf("the files that are watched are %q", files)
	}
	refused = nil
	if report := p.Reload(); len(report.Problems) != 0 || len(p.Loaded().Problems) != 0 || p.Settings().Admin.Listen == "" || settled != 1 {
		t.Errorf("mended: %+v, in force %+v", report, p.Settings().Admin)
	}
	if files := p.secretFiles(); slices.Contains(files, "/nowhere/tokens") {
		t.Errorf("the files that are watched are %q, though the administration reads them itself", files)
	}
}
