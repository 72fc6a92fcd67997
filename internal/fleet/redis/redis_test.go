package redis

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

var terms = fleet.Terms{Cooldown: 10 * time.Minute, Grace: time.Second, Triggers: "t1"}

// claim asks for the incident of a number.
func claim(ctx context.Context, e *Engine, run string, n int) fleet.Claimed {
	return claimAll(ctx, e, run, n, n+1)[0]
}

func claimAll(ctx context.Context, e *Engine, run string, from, to int) []fleet.Claimed {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second) // a server that is gone refuses at once
	defer cancel()
	var list []fleet.Claim
	for n := from; n < to; n++ {
		list = append(list, fleet.Claim{
			Key: fleet.KeyOf("k", fmt.Sprint(n)), Run: run, Node: "node-" + run, ID: fmt.Sprint("al_", run, n), Terms: terms,
			HandOver: time.Minute, Payload: []byte("{}"),
		})
	}
	return e.Claim(ctx, list)
}

// count counts leads, helds and errors by their words.
func count(list []fleet.Claimed) map[string]int {
	m := map[string]int{}
	for _, c := range list {
		if c.Err != nil {
			m[fleet.Why(c.Err)]++
		} else {
			m[c.Verdict.String()]++
		}
	}
	return m
}

// errorWithout fails the test if an error is nil, not of a word, or contains a secret.
func errorWithout(t *testing.T, err error, why string, secrets ...string) {
	t.Helper()
	if fleet.Why(err) != why {
		t.Errorf("the error is %v (%s), want %s", err, fleet.Why(err), why)
	}
	for _, s := range secrets {
		if err != nil && strings.Contains(err.Error(), s) {
			t.Errorf("the error contains a secret: %v", err)
		}
	}
}

func TestScriptsAreLoadedWhereTheyAreUnknown(t *testing.T) {
	server := redis.Start(t, nil)
	e := engine(t, fleet.Single, []string{server.Addr}, nil)
	for range 2 {
		if got := count(claimAll(t.Context(), e, "a", 0, 100)); got["lead"] != 100 {
			t.Fatalf("claims: %v", got)
		}
		server.Do("SCRIPT", "FLUSH")
	}
	if got := count(claimAll(t.Context(), e, "b", 0, 100)); got["held"] != 100 {
		t.Errorf("claims of another node: %v", got)
	}
}

func TestACircuitOpensAndCloses(t *testing.T) {
	server := redis.Start(t, []string{"--appendonly", "yes"})
	var passed atomic.Int64
	begun := time.Now() // the clock stands: a restart may take longer than a rest
	e := engine(t, fleet.Single, []string{server.Addr}, func(o *Options) { o.Now = func() time.Time { return begun.Add(time.Duration(passed.Load())) } })
	if got := claim(t.Context(), e, "a", 1); got.Verdict != fleet.Lead {
		t.Fatalf("claim: %+v", got)
	}
	server.Kill()
	for range failures {
		errorWithout(t, claim(t.Context(), e, "a", 1).Err, "unreachable")
	}
	errorWithout(t, claim(t.Context(), e, "a", 1).Err, "circuit")
	if e.CircuitsOpen() != 1 {
		t.Error("no circuit is open")
	}
	server.Run()
	errorWithout(t, claim(t.Context(), e, "a", 1).Err, "circuit") // it rests
	passed.Store(int64(2 * time.Second))
	if got := claim(t.Context(), e, "b", 1); got.Verdict != fleet.Held || e.CircuitsOpen() != 0 {
		t.Errorf("after the rest, and a restart with its data: %+v", got)
	}
}

// TestAConnectionOfABurstIsClosed once one connection has been enough for a while: a server keeps buffers for each.
func TestAConnectionOfABurstIsClosed(t *testing.T) {
	server := redis.Start(t, nil)
	var clock atomic.Int64
	e := engine(t, fleet.Single, []string{server.Addr}, func(o *Options) {
		o.Now = func() time.Time { return time.Unix(1_800_000_000+clock.Load(), 0) }
	})
	s, err := e.router.server(server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	server.Hang()
	var both sync.WaitGroup
	for i := range 2 {
		both.Go(func() { claim(t.Context(), e, "a", i) })
	}
	redis.Until(t, "two calls are on their way", func() bool { return len(s.slots) == maxConns })
	server.Resume()
	both.Wait()
	idle := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.idle)
	}
	for _, c := range []struct {
		at   int64
		want int
	}{{0, 2}, {20, 2}, {29, 2}, {31, 1}, {50, 1}} {
		clock.Store(c.at)
		if got := claim(t.Context(), e, "a", 1); got.Err != nil {
			t.Fatal(got.Err)
		}
		if n := idle(); n != c.want {
			t.Errorf("%d connections after %d s, want %d", n, c.at, c.want)
		}
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	server := redis.Start(t, nil)
	e := engine(t, fleet.Single, []string{server.Addr}, nil)
	claim(t.Context(), e, "a", 1)
	server.Hang()
	defer server.Resume()
	for range 2 { // on an idle connection, and on a new one
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		errorWithout(t, claim(ctx, e, "a", 1).Err, "timeout")
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	errorWithout(t, claim(ctx, e, "a", 1).Err, "unreachable")
}

func TestAFullEngineRefuses(t *testing.T) {
	server := redis.Start(t, []string{"--maxmemory", "3mb", "--maxmemory-policy", "noeviction"})
	e := engine(t, fleet.Single, []string{server.Addr}, nil)
	ctx := t.Context()
	var last error
	for n := 0; n < 500 && last == nil; n++ {
		last = e.Claim(ctx, []fleet.Claim{{
			Key: fleet.KeyOf("k", fmt.Sprint(n)), Run: "a", ID: "al_1", Terms: terms, HandOver: time.Minute, Payload: make([]byte, fleet.MaxPayload),
		}})[0].Err
	}
	errorWithout(t, last, "refused")
	if last == nil || !strings.Contains(last.Error(), "OOM") {
		t.Errorf("the error of a full engine: %v", last)
	}
}

// TestAServerThatIsNoMasterAnyMore: its error is one that passes, in the words of every version.
func TestAServerThatIsNoMasterAnyMore(t *testing.T) {
	server := redis.Start(t, nil)
	e := engine(t, fleet.Single, []string{server.Addr}, nil)
	if got := claim(t.Context(), e, "a", 1); got.Verdict != fleet.Lead {
		t.Fatalf("%+v", got)
	}
	server.Do("REPLICAOF", "127.0.0.1", "1")
	got := claim(t.Context(), e, "a", 2).Err
	if errorWithout(t, got, "unreachable"); got == nil || !strings.Contains(got.Error(), "READONLY") {
		t.Errorf("%v", got)
	}
}

func TestCodes(t *testing.T) {
	const wrapped = "ERR Error running script (call to f_2597): @user_script:1: @user_script: 1: "
	for text, want := range map[string]string{
		"READONLY You can't write against a read only replica. script: 2597, on @user_script:1.": "READONLY",
		wrapped + "-READONLY You can't write against a read only replica.":                       "READONLY",
		wrapped + "-OOM command not allowed when used memory > 'maxmemory'.":                     "OOM",
		wrapped + "The user executing the script can't run this command or subcommand":           "ERR",
		wrapped + "-evil text":                                  "an error without a code",
		"NOPERM User ft has no permissions to run: -READONLY x": "NOPERM",
		"": "an error without a code", "Oops": "an error without a code",
	} {
		if got := code(redigo.Error(text)); got != want {
			t.Errorf("%q has the code %q, want %q", text, got, want)
		}
	}
}

// ACL is the list of docs/fleet.md.
func acl(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "user fluentbit-trigger "); ok {
			return strings.Fields(rest)
		}
	}
	t.Fatal("docs/fleet.md has no line \"user fluentbit-trigger …\"")
	return nil
}

// TestASequenceIsSmall measures what docs/fleet.md says of the engine's memory.
func TestASequenceIsSmall(t *testing.T) {
	server := redis.Start(t, nil)
	e := engine(t, fleet.Single, []string{server.Addr}, nil)
	size := func(key fleet.Key) int64 {
		n, ok := server.Do("MEMORY", "USAGE", e.prefix(key.Shard())+"q:"+string(key)).(int64)
		if !ok {
			t.Fatal("no size")
		}
		return n
	}
	once, often, waits := fleet.KeyOf("k", "once"), fleet.KeyOf("k", "often"), fleet.KeyOf("k", "waits")
	e.Step(t.Context(), []fleet.Step{{Key: once, Run: "0123456789abcdef", Seq: 1, Within: time.Minute, Ages: []time.Duration{0}, Triggers: "t1"}})
	for node := range 1000 {
		e.Step(t.Context(), []fleet.Step{{Key: often, Run: fmt.Sprintf("%016d", node), Seq: 1, Within: time.Minute, Ages: []time.Duration{2, 1}, Triggers: "t1"}})
	}
	e.Wait(t.Context(), []fleet.Wait{{Key: waits, Run: "0123456789abcdef", Seq: 1, Within: time.Minute, Triggers: "t1", Sample: make([]byte, fleet.MaxSample)}})
	t.Log("bytes:", size(once), size(often), size(waits))
	if size(once) > 512 || size(often) > 128<<10 || size(waits) > 3<<10 {
		t.Error("a sequence is large")
	}
}

// everySequence runs the methods of sequences. The hit that waits is old, so that its alert is due.
func everySequence(ctx context.Context, e *Engine, key fleet.Key) []error {
	waits := fleet.Work{Key: key, Waits: true}
	errs := []error{
		e.Wait(ctx, []fleet.Wait{{Key: key, Run: "a", Seq: 1, Age: time.Minute, Waited: time.Minute, Within: time.Second, Triggers: "t1"}})[0].Err,
		e.Step(ctx, []fleet.Step{{Key: key, Run: "a", Seq: 1, Within: time.Second, Ages: []time.Duration{2, 1}, Triggers: "t1"}})[0].Err,
		e.Follow(ctx, []fleet.Follow{{Key: key, Within: time.Second, Spans: []fleet.Span{{}}}})[0].Err,
	}
	taken := e.Take(ctx, []fleet.Take{{Work: waits, Run: "a", Node: "n", Triggers: "t1", Lease: time.Second}})[0]
	errs = append(errs, taken.Err, e.Settle(ctx, []fleet.Settlement{{Work: waits, Run: "a", Triggers: "t1", DueAt: max(1, taken.DueAt)}})[0].Err)
	if taken.Err == nil && taken.Kind != fleet.Missing {
		errs = append(errs, fmt.Errorf("no wait is due: %+v", taken))
	}
	return errs
}

// everything runs each method of an engine once, and returns the errors.
func everything(ctx context.Context, e *Engine) error {
	key := fleet.KeyOf("k", "everything")
	work := fleet.Work{Key: key}
	absence := fleet.Work{Key: key, Absence: true}
	take := func(w fleet.Work) fleet.Taken {
		return e.Take(ctx, []fleet.Take{{Work: w, Run: "a", Node: "n", Triggers: "t1", Lease: time.Second}})[0]
	}
	quick := fleet.Terms{Triggers: "t1"}
	var errs []error
	add := func(errors ...error) { errs = append(errs, errors...) }
	add(e.Claim(ctx, []fleet.Claim{{Key: key, Run: "a", Node: "n", ID: "al_1", Terms: quick, HandOver: time.Millisecond, Payload: []byte("{}")}})[0].Err)
	add(e.Give(ctx, []fleet.Gift{{Key: key, Run: "a", Node: "n", Seq: 1, Counts: fleet.Counts{"cooldown": 3}, Terms: quick}})[0].Err)
	_, err := e.Due(ctx, []int{key.Shard()}, "t1", 10)
	add(err)
	time.Sleep(5 * time.Millisecond)
	add(take(work).Err)
	add(e.Renew(ctx, []fleet.Renewal{{Key: key, Run: "a", ID: "al_1", Triggers: "t1", HandOver: time.Second}})[0].Err)
	add(e.Settle(ctx, []fleet.Settlement{{Work: work, Run: "a", Triggers: "t1", ID: "al_1"}})[0].Err)
	rollup := take(work)
	add(rollup.Err)
	if rollup.Kind == fleet.Rollup {
		add(e.Settle(ctx, []fleet.Settlement{{Work: work, Run: "a", Triggers: "t1", DueAt: rollup.DueAt}})[0].Err)
	} else {
		add(fmt.Errorf("there is no roll-up: %+v", rollup))
	}
	add(e.Mark(ctx, []fleet.Mark{{Key: key, Run: "a", Seq: 1, Count: 2, Within: time.Minute, Hits: []fleet.Aged{{Hits: 1}}}})[0].Err)
	add(e.Mark(ctx, []fleet.Mark{{
		Key: key, Run: "a", Seq: 2, Count: 2, Within: time.Minute, Cooldown: time.Hour, Hits: []fleet.Aged{{Hits: 1}, {Hits: 2}},
	}})[0].Err)
	add(e.Mark(ctx, []fleet.Mark{{
		Key: key, Run: "a", Seq: 1, Count: 1, Within: time.Minute, Cooldown: time.Hour, Values: true, Hits: []fleet.Aged{{Hits: 1, Value: 1}, {Hits: 1, Value: 2}},
	}})[0].Err)
	tallied := e.Tally(ctx, []fleet.Tally{{Key: key, Run: "a", Seq: 1, Slice: time.Second, Than: time.Minute, Hits: []fleet.TallyHits{{Age: 30 * time.Second, Hits: 1}}}})[0]
	add(tallied.Err)
	if tallied.Err == nil {
		f := &fleet.Fold{Of: tallied.Past.Head, Past: rate.Past{First: tallied.Past.First, Head: tallied.Now, Weight: 1}, Folded: tallied.Slices}
		add(e.Tally(ctx, []fleet.Tally{{Key: key, Run: "a", Seq: 2, Slice: time.Second, Than: time.Minute, Fold: f}})[0].Err)
	}
	add(e.Cross(ctx, []fleet.Crossing{{Key: fleet.KeyOf("cooldown", "rate"), Run: "a", Seq: 1, Cooldown: time.Minute}})[0].Err)
	hear := func() { add(e.Hear(ctx, []fleet.Hearing{{Key: key, Within: time.Millisecond, Triggers: "t1"}})[0].Err) }
	hear()
	for _, kind := range []fleet.Kind{fleet.Absence, fleet.Recovery} {
		time.Sleep(5 * time.Millisecond)
		taken := take(absence)
		add(taken.Err, e.Settle(ctx, []fleet.Settlement{{Work: absence, Run: "a", Triggers: "t1", DueAt: max(1, taken.DueAt)}})[0].Err)
		if taken.Err == nil && taken.Kind != kind {
			add(fmt.Errorf("no %s: %+v", kind, taken))
		}
		hear()
	}
	add(everySequence(ctx, e, key)...)
	line := fleet.Incident{
		Resolve: time.Millisecond, Alerts: 1, Made: 1, Severities: []string{"warning"}, Triggers: []string{"ops"}, Index: fleet.KeyOf("open", "rule"), Parts: []string{"p"},
	}
	other := fleet.KeyOf("k", "incident")
	add(e.Claim(ctx, []fleet.Claim{{Key: other, Run: "a", Node: "n", ID: "al_2", Terms: quick, Incident: &line}})[0].Err)
	add(e.Note(ctx, []fleet.Note{{Key: other, Run: "a", Terms: quick, Incident: line}})[0].Err)
	listed, err := e.Listed(ctx, line.Index)
	if add(err); err == nil && (len(listed) != 1 || listed[0].Key != other) {
		add(fmt.Errorf("listed: %+v", listed))
	}
	ending := []fleet.Ending{{Key: other, Index: line.Index, Parts: line.Parts}}
	add(e.End(ctx, ending)[0].Err)
	over := take(fleet.Work{Key: other})
	if add(over.Err); over.Kind != fleet.End {
		add(fmt.Errorf("there is no end: %+v", over))
	}
	add(e.Settle(ctx, []fleet.Settlement{{Work: over.Work, Run: "a", Triggers: "t1", DueAt: max(1, over.DueAt)}})[0].Err, e.End(ctx, ending)[0].Err)
	if listed, err := e.Listed(ctx, line.Index); err != nil || len(listed) != 0 {
		add(fmt.Errorf("listed after the end: %+v, %w", listed, err))
	}
	add(e.See(ctx, []fleet.Sight{{Key: key, Run: "a", ID: "al_1", For: time.Minute}})[0].Err)
	_, err = e.Beat(ctx, fleet.Beat{Run: "a", Node: "n", Version: "v", Triggers: "t1"})
	add(err, e.PutSilence(ctx, fleet.Silence{ID: "si_1", Left: time.Minute, Body: []byte("{}")}, false))
	_, err = e.Shared(ctx)
	add(err)
	_, err = e.DropSilence(ctx, "si_1")
	add(err)
	_, err = e.Windows(ctx, 10)
	add(err)
	_, err = e.CloseWindow(ctx, key)
	add(err)
	_, err = e.Account(ctx)
	add(err)
	return errors.Join(errs...)
}

// TestACallIsOfOneSlot: every script has all its keys on one server of a cluster.
func TestACallIsOfOneSlot(t *testing.T) {
	var addresses []string
	for _, s := range redis.Cluster(t, 3) {
		addresses = append(addresses, s.Addr)
	}
	e := engine(t, fleet.Cluster, addresses, nil)
	defer e.Close()
	if err := everything(t.Context(), e); err != nil {
		t.Error(err)
	}
}

func TestTheDocumentedAccessListIsEnough(t *testing.T) {
	server := redis.Start(t, nil)
	rules := []any{"SETUSER", "ft"}
	for _, rule := range acl(t) {
		if strings.HasPrefix(rule, ">") {
			rule = ">hunter2"
		}
		rules = append(rules, rule)
	}
	server.Do("ACL", rules...)
	server.Do("ACL", "SETUSER", "default", "off")
	e := engine(t, fleet.Single, []string{server.Addr}, func(o *Options) {
		o.Settings.Username, o.Settings.Password = setting.SecretText("ft"), setting.SecretText("hunter2")
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := everything(ctx, e); err != nil {
		t.Error(err)
	}
	denied := engine(t, fleet.Single, []string{server.Addr}, nil)
	errorWithout(t, claim(ctx, denied, "a", 1).Err, "refused")
	wrong := engine(t, fleet.Single, []string{server.Addr}, func(o *Options) {
		o.Settings.Username, o.Settings.Password = setting.SecretText("ft"), setting.SecretText("swordfish")
	})
	errorWithout(t, claim(ctx, wrong, "a", 1).Err, "refused", "swordfish", "hunter2")
	c, err := redigo.Dial("tcp", server.Addr, redigo.DialUsername("ft"), redigo.DialPassword("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, command := range [][]any{{"other", "1"}, {"ft2:x", "1"}} {
		if _, err := c.Do("SET", command...); err == nil {
			t.Errorf("the user may write %s", command[0])
		}
	}
	if _, err := c.Do("FLUSHALL"); err == nil {
		t.Error("the user may delete everything")
	}
}

func TestAPasswordIsReplacedWithoutAReload(t *testing.T) {
	server := redis.Start(t, []string{"--requirepass", "first"}, redigo.DialPassword("first"))
	file := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	e := engine(t, fleet.Single, []string{server.Addr}, func(o *Options) { o.Settings.Password = setting.SecretSource{File: file} })
	if got := claim(t.Context(), e, "a", 1); got.Verdict != fleet.Lead {
		t.Fatalf("claim: %+v", got)
	}
	c, err := server.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Do("ACL", "SETUSER", "default", "resetpass", ">second"); err != nil {
		t.Fatal(err)
	}
	kick := func() {
		if _, err := c.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"); err != nil {
			t.Fatal(err)
		}
	}
	kick()
	errorWithout(t, claim(t.Context(), e, "b", 1).Err, "refused", "first", "second")
	write("second")
	if got := claim(t.Context(), e, "b", 1); got.Verdict != fleet.Held {
		t.Errorf("with the new password: %+v", got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	kick()
	errorWithout(t, claim(t.Context(), e, "b", 1).Err, "unreachable", "second")
	missing := fleet.Settings{Mode: fleet.Single, Address: []string{server.Addr}, Password: setting.SecretSource{File: file}}
	_, err = New(Options{Settings: missing, Guard: loopback(t)})
	if err == nil || !strings.HasPrefix(err.Error(), "password_file: ") {
		t.Errorf("a start without the file: %v", err)
	}
}

func TestTheGuardJudgesWhatIsDialled(t *testing.T) {
	server := redis.Start(t, nil)
	p, _ := egress.NewPolicy(egress.DefaultSettings())
	e := engine(t, fleet.Single, []string{server.Addr}, func(o *Options) { o.Guard = egress.NewGuard(p, nil) })
	err := claim(t.Context(), e, "a", 1).Err
	errorWithout(t, err, "refused")
	if err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("the error does not say why: %v", err)
	}
	// a sentinel that names the metadata service of a cloud as the master
	sentinel := answers(t, "*2\r\n$15\r\n169.254.169.254\r\n$2\r\n80\r\n")
	e = engine(t, fleet.Sentinel, []string{sentinel}, nil)
	errorWithout(t, claim(t.Context(), e, "a", 1).Err, "refused")
	// and a cluster whose node is not there
	e = engine(t, fleet.Cluster, []string{answers(t, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:1\r\n")}, nil)
	errorWithout(t, claim(t.Context(), e, "a", 1).Err, "unreachable")
}

// TestPlainTCPStaysOnLoopback has a cluster on loopback that names a node elsewhere, while nothing allows plain TCP there.
func TestPlainTCPStaysOnLoopback(t *testing.T) {
	t.Parallel()
	s := fleet.DefaultSettings()
	s.Address = []string{"127.0.0.1:6379"}
	d := &dialer{settings: &s}
	elsewhere := &bounded{Conn: &recorded{peer: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 6379}}}
	errorWithout(t, d.secure(t.Context(), elsewhere, "10.1.2.3"), "refused")
	if err := d.secure(t.Context(), &bounded{Conn: &recorded{peer: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: 6379}}}, "127.0.0.2"); err != nil {
		t.Error(err)
	}
	s.Insecure = true
	if err := d.secure(t.Context(), elsewhere, "10.1.2.3"); err != nil {
		t.Error(err)
	}
}

// answers starts a server that answers everything with one text.
func answers(t testing.TB, text string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(5 * time.Second))
				p := make([]byte, 64<<10)
				for {
					if _, err := c.Read(p); err != nil {
						return
					}
					if _, err := io.WriteString(c, text); err != nil {
						return
					}
				}
			})
		}
	})
	return l.Addr().String()
}

func TestHostileAnswers(t *testing.T) {
	for name, c := range map[string]struct{ text, why string }{
		"a text of 2 GB":          {"$2000000000\r\n", "answer"},
		"a list of 2 billion":     {"*2000000000\r\n", "answer"},
		"a million lists":         {strings.Repeat("*1\r\n", 1_000_000), "answer"},
		"no protocol":             {"HTTP/1.1 400 Bad Request\r\n\r\n", "answer"},
		"a line without end":      {strings.Repeat("+", 5000), "answer"},
		"a negative length":       {"$-7\r\n", "answer"},
		"a number":                {":1\r\n", "answer"},
		"an empty list":           {"*0\r\n", "answer"},
		"another verdict":         {"*4\r\n:7\r\n$0\r\n\r\n$0\r\n\r\n:0\r\n", "answer"},
		"a lead that is no text":  {"*4\r\n:1\r\n:1\r\n$0\r\n\r\n:0\r\n", "answer"},
		"a lead that is too long": {fmt.Sprintf("*4\r\n:1\r\n$1000\r\n%s\r\n$0\r\n\r\n:0\r\n", strings.Repeat("x", 1000)), "answer"},
		"a time of centuries":     {"*4\r\n:1\r\n$1\r\nx\r\n$0\r\n\r\n:10000000000000\r\n", "answer"},
		"a time before now":       {"*4\r\n:1\r\n$1\r\nx\r\n$0\r\n\r\n:-1\r\n", "answer"},
		"an error with a secret":  {"-WRONGTYPE hunter2\r\n", "refused"},
		"an error without code":   {"-hunter2 \x1b[31m\r\n", "refused"},
		"protected mode":          {"-DENIED " + strings.Repeat("Redis is running in protected mode. ", 30) + "\r\n", "refused"},
		"busy":                    {"-BUSY a script runs\r\n", "unreachable"},
		"moved for ever":          {"-MOVED 1 127.0.0.1:1\r\n", "unreachable"},
		"moved to nowhere":        {"-MOVED 1 x\r\n", "unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, fleet.Single, []string{answers(t, c.text)}, nil)
			errorWithout(t, claim(t.Context(), e, "a", 1).Err, c.why, "hunter2", "\x1b")
		})
	}
}

// FuzzAnswers gives every method a server's answer: an error or a result, within bounds, and no panic.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"*4\r\n:1\r\n$4\r\nal_1\r\n$1\r\nn\r\n:5\r\n", "*1\r\n:1\r\n", "*1\r\n$32\r\n0123456789abcdef0123456789abcdef\r\n", "*0\r\n", "$-1\r\n",
		"-MOVED 1 127.0.0.1:1\r\n",
		"*10\r\n:2\r\n:5\r\n$10\r\ncooldown=3\r\n:1\r\n$1\r\nn\r\n:1\r\n:1\r\n$0\r\n\r\n$1\r\nr\r\n$1\r\nx\r\n",
		"*6\r\n:3\r\n:5\r\n:1\r\n$0\r\n\r\n$1\r\nr\r\n$1\r\nx\r\n",
		"*7\r\n$1\r\ne\r\n:1\r\n$1\r\nn\r\n:1\r\n:0\r\n:1\r\n*1\r\n$2\r\nt1\r\n", "*4\r\n$1\r\ne\r\n:1\r\n*3\r\n$1\r\ns\r\n:1\r\n$2\r\n{}\r\n*2\r\n$1\r\nk\r\n:1\r\n",
		"*5\r\n:100\r\n:5\r\n:90\r\n$3\r\n1.5\r\n*3\r\n:99\r\n:1\r\n:0\r\n", "*5\r\n:100\r\n:5\r\n:90\r\n$4\r\n9e18\r\n*0\r\n",
		"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:1\r\n",
		"*4\r\n$1\r\ne\r\n:1\r\n*2\r\n$1\r\nr\r\n$13\r\n1\n2\n3\nt\nn\nv\r\n*2\r\n$1\r\nt\r\n$1\r\n1\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var b bounded
		b.Conn = &recorded{in: text}
		c := &conn{Conn: redigo.NewConn(&b, 0, 0), raw: &b}
		for range 20 {
			v, err := receive(c)
			if err != nil {
				_ = failure(err)
				break
			}
			said, _ := v.(redigo.Error)
			if said != "" {
				_, _, _ = moved(said)
				if msg := failure(said).Error(); strings.ContainsAny(msg, "\x00\x1b\n") {
					t.Fatalf("the error shows %q", msg)
				}
				continue
			}
			_, _ = owners(v, "h", []int{1, 2})
			_, _ = master(v, nil)
			e := &Engine{namespace: "test"}
			check(t, e, v)
		}
	})
}

// check reads an answer in every way there is.
func check(t *testing.T, e *Engine, v any) {
	key := fleet.KeyOf("k", "x")
	w, _, ok, err := window(key, read(v, nil))
	if ok && (err != nil || len(w.Title.Text) > fleet.MaxName || len(w.LeadID) > fleet.MaxID) {
		t.Fatalf("a window beyond its bounds: %+v, %v", w, err)
	}
	a := read(v, nil)
	_, _, _ = a.number(0, 3), a.counts(), a.list(10)
	a = read(v, nil)
	_, _, _ = a.id(), a.name(), a.key()
	_, _, _ = described("r", string(read(v, nil).bytes(100)))
	_ = e
	q := fleet.Tally{Slice: 5 * time.Second, Than: time.Hour}
	if t := read(v, nil).tallied(); t.Err == nil {
		p := rate.Sum(q.Slice.Milliseconds(), q.Than.Milliseconds(), t.Past, t.Slices, t.Now)
		if _, folded := p.Fold(t.Slices); p.Usual() < 0 || p.Hits() < 0 || len(folded) > fleet.MaxSlices {
			panic(fmt.Sprintf("%d hits, usually %d, %d slices", p.Hits(), p.Usual(), len(folded)))
		}
	}
}

// recorded is a connection with a given input.
type recorded struct {
	net.Conn
	in   []byte
	peer net.Addr
}

func (r *recorded) RemoteAddr() net.Addr { return r.peer }

func (r *recorded) Read(p []byte) (int, error) {
	if len(r.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.in[:min(len(r.in), 7)])
	r.in = r.in[n:]
	return n, nil
}
func (r *recorded) Write(p []byte) (int, error) { return len(p), nil }
func (r *recorded) Close() error                { return nil }

func TestSlots(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"123456789": 12739, "foo": 12182, "": 0} { // 0x31C3 is the check value of the specification
		if got := slot(text); got != want {
			t.Errorf("the slot of %q is %d, want %d", text, got, want)
		}
	}
}

// TestTheScannerFollowsTheFraming compares it with the client for answers in all parts.
func TestTheScannerFollowsTheFraming(t *testing.T) {
	t.Parallel()
	text := "+OK\r\n:12\r\n$-1\r\n*-1\r\n*0\r\n$5\r\na\r\nb\n\r\n*2\r\n*1\r\n$0\r\n\r\n-ERR x\r\n+PONG\r\n"
	for size := 1; size <= len(text); size++ {
		var s scanner
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if err := s.feed([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if s.skip != 0 || len(s.open) != 0 || len(s.line) != 0 || s.total != 0 {
			t.Fatalf("in parts of %d: %+v is left", size, s)
		}
	}
}

// authority signs certificates for a test, and returns the paths of its own and of pairs.
func authority(t *testing.T) (ca string, pair func(name string) (cert, key string)) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	rootKey := newKey()
	der, err := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
	if err != nil {
		t.Fatal(err)
	}
	serial := int64(1)
	return write("ca.pem", "CERTIFICATE", der), func(name string) (string, string) {
		serial++
		key := newKey()
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: root.NotBefore, NotAfter: root.NotAfter, DNSNames: []string{name},
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, root, &key.PublicKey, rootKey)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return write(name+".pem", "CERTIFICATE", der), write(name+".key", "PRIVATE KEY", private)
	}
}

// documentedServer returns the settings of docs/fleet.md's valkey.conf that begin with a word.
func documentedServer(t *testing.T, beginning string) (args []string) {
	t.Helper()
	text, err := os.ReadFile("../../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, beginning) && !strings.ContainsAny(name, "`|=_") {
			args = append(args, "--"+name, value)
		}
	}
	if len(args) == 0 {
		t.Fatalf("docs/fleet.md has no setting %s…", beginning)
	}
	return args
}

func TestTheDocumentedTLSWorks(t *testing.T) {
	ca, pair := authority(t)
	cert, key := pair("valkey-0")
	port := redis.Port(t)
	args := documentedServer(t, "tls-")
	for i := range args {
		args[i] = strings.NewReplacer(
			"6379", strconv.Itoa(port), "/etc/valkey/server.pem", cert, "/etc/valkey/server.key", key, "/etc/valkey/ca.pem", ca,
		).Replace(args[i])
	}
	redis.Start(t, args)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	clientCert, clientKey := pair("node-1")
	secured := func(o *Options) {
		o.Settings.TLS.CAFile, o.Settings.TLS.ServerName = ca, "valkey-0"
		o.Settings.TLS.CertFile, o.Settings.TLS.KeyFile = clientCert, clientKey
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	e := engine(t, fleet.Single, []string{address}, secured)
	if err := everything(ctx, e); err != nil {
		t.Error(err)
	}
	otherCA, _ := authority(t)
	for name, change := range map[string]func(*Options){
		"no client certificate": func(o *Options) { secured(o); o.Settings.TLS.CertFile, o.Settings.TLS.KeyFile = "", "" },
		"another name":          func(o *Options) { secured(o); o.Settings.TLS.ServerName = "valkey-1" },
		"another authority":     func(o *Options) { secured(o); o.Settings.TLS.CAFile = otherCA },
		"plain":                 nil,
	} {
		e := engine(t, fleet.Single, []string{address}, change)
		if got := claim(ctx, e, "a", 1); got.Err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if err := os.WriteFile(clientCert, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Settings: *e.router.dialer.settings, Guard: loopback(t)}); err == nil || !strings.HasPrefix(err.Error(), "tls.cert_file") {
		t.Errorf("a file without a certificate: %v", err)
	}
}

func TestACallThatIsGivenUpLeavesTheCircuitAsItIs(t *testing.T) {
	server := redis.Start(t, nil)
	e := engine(t, fleet.Single, []string{server.Addr}, nil)
	server.Kill()
	for range failures - 1 {
		claim(t.Context(), e, "a", 1)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	errorWithout(t, claim(gone, e, "a", 1).Err, "unreachable")
	claim(t.Context(), e, "a", 1)
	errorWithout(t, claim(t.Context(), e, "a", 1).Err, "circuit")
}

// TestSentinelsThatHangLeaveTimeForTheMaster has one that answers once, and then hangs, while the master that it named works.
func TestSentinelsThatHangLeaveTimeForTheMaster(t *testing.T) {
	server := redis.Start(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	asked := make(chan net.Conn, 16)
	go func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				close(asked)
				return
			}
			if n == 0 {
				_, _ = fmt.Fprintf(c, "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n", len(strconv.Itoa(server.Port)), server.Port)
			}
			asked <- c
		}
	}()
	var passed atomic.Int64
	begun := time.Now()
	e := engine(t, fleet.Sentinel, []string{l.Addr().String()}, func(o *Options) {
		o.Settings.Master, o.Now = "alerts", func() time.Time { return begun.Add(time.Duration(passed.Load())) }
	})
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second) // half of it is the sentinel's
		if got := claim(ctx, e, "a", 1); got.Verdict != fleet.Lead {
			t.Errorf("claim: %+v", got)
		}
		cancel()
		passed.Add(int64(lookAgain))
		e.router.doubt()
	}
	_ = l.Close()
	n := 0
	for c := range asked {
		_ = c.Close()
		n++
	}
	if n != 2 {
		t.Errorf("the sentinel was asked %d times, want once, and once more within %v", n, lookLater)
	}
}
