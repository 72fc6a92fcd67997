package redis

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/fleettest"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// loopback returns a guard that lets servers of tests be reached.
func loopback(tb testing.TB) *egress.Guard {
	tb.Helper()
	p, faults := egress.NewPolicy(egress.Settings{Mode: egress.ModeDefault, Allow: []string{"127.0.0.0/8"}})
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	return egress.NewGuard(p, nil)
}

// engine returns an engine of a test.
func engine(tb testing.TB, mode string, addresses []string, change func(*Options)) *Engine {
	tb.Helper()
	s := fleet.DefaultSettings()
	s.Mode, s.Address, s.Namespace = mode, addresses, "test"
	o := Options{Settings: s, Guard: loopback(tb), Random: func() float64 { return 0 }}
	if change != nil {
		change(&o)
	}
	e, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(e.Close)
	return e
}

// stoppedClock is a prelude whose clock the test sets.
const stoppedClock = `
local function now() return tonumber(redis.call('GET', '{clock}')) end
local function num(x) return tonumber(x or 0) or 0 end
local function str(n) return string.format('%.0f', n) end
local MEMORY, LONGEST = 86400000, 34646400000
`

// TestTheScriptsDoWhatTheModelDoes runs random calls on both, some of them twice, as after an answer that was lost. The clock passes, stands, and steps back.
func TestTheScriptsDoWhatTheModelDoes(t *testing.T) {
	server := redis.Start(t, nil)
	trials, steps := 100, 300
	if testing.Short() {
		trials = 10
	}
	c, err := server.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	counts := map[string]int{}
	for trial := range trials {
		r := rand.New(rand.NewPCG(uint64(trial), 1))
		now := int64(1_800_000_000_000)
		set := func() {
			if _, err := c.Do("SET", "{clock}", now); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
		set()
		e := engine(t, fleet.Single, []string{server.Addr}, func(o *Options) { o.Settings.MaxKeys = 64 * 3 })
		if e.scripts, err = newScriptsWith(stoppedClock); err != nil {
			t.Fatal(err)
		}
		m := memory.New(func() time.Time { return time.UnixMilli(now) }, 64*3)
		g := generator{Rand: r, seq: map[string]int64{}, sums: map[fleet.Key]fleet.Tallied{}}
		for range 12 { // some of one shard, so that the bound of windows is met
			g.keys = append(g.keys, fleet.KeyOf("k", fmt.Sprint(r.IntN(8))))
		}
		for n := 0; len(g.keys) < 17; n++ {
			if k := fleet.KeyOf("crowd", fmt.Sprint(n)); k.Shard() == g.keys[0].Shard() {
				g.keys = append(g.keys, k)
			}
		}
		var log []string
		for range steps {
			switch r.IntN(10) {
			case 0:
				now += r.Int64N(40_000)
			case 1:
				now -= r.Int64N(5_000)
			case 2, 3:
			default:
				now += r.Int64N(3_000)
			}
			set()
			name, call := g.call()
			times := 1
			if r.IntN(5) == 0 {
				times = 2
			}
			for range times {
				got, want := call(t, e), call(t, m)
				g.learn(want)
				counts[name]++
				for _, rare := range rareAnswers() {
					if strings.Contains(show(want), rare) {
						counts[rare]++
					}
				}
				log = append(log, fmt.Sprintf("%d %s = %s", now%1_000_000, name, show(want)))
				if show(got) != show(want) {
					t.Fatalf("trial %d, after\n%s\nthe scripts answer %s", trial, strings.Join(log[max(0, len(log)-25):], "\n"), show(got))
				}
			}
		}
		checkTTL(t, c)
		e.Close()
	}
	t.Log("calls that agree:", counts)
	for _, rare := range rareAnswers() {
		if counts[rare] == 0 && !testing.Short() {
			t.Errorf("no answer has %q", rare)
		}
	}
}

// rareAnswers are parts of answers that must be compared at least once.
func rareAnswers() []string {
	return []string{"Kind:end", "Verdict:over", fleet.ErrEnding.Error(), "Ended:true Err", "Ending:true", "Line:-1ns"}
}

// show returns an answer as text, with what it points to.
func show(answer any) string {
	text := fmt.Sprintf("%+v", answer)
	switch list := answer.(type) {
	case []fleet.Taken:
		for i := range list {
			if p := list[i].Incident; p != nil {
				t := list[i]
				t.Incident = nil
				text = fmt.Sprintf("%+v with %+v", t, *p)
			}
		}
	case []fleet.Window:
		text = ""
		for _, w := range list {
			i := w.Incident
			if w.Incident = nil; i != nil {
				text += fmt.Sprintf("%+v: ", *i)
			}
			text += fmt.Sprintf("%+v; ", w)
		}
	}
	return text
}

// TestNodesThatAreGoneAreForgotten beats as many nodes, each gone after a day, as clusters do that make and delete their machines.
func TestNodesThatAreGoneAreForgotten(t *testing.T) {
	server := redis.Start(t, nil)
	e := engine(t, fleet.Single, []string{server.Addr}, nil)
	var err error
	if e.scripts, err = newScriptsWith(stoppedClock); err != nil {
		t.Fatal(err)
	}
	for day := range 100 {
		server.Do("SET", "{clock}", 1_800_000_000_000+int64(day)*24*time.Hour.Milliseconds())
		for _, node := range []string{"stays", fmt.Sprint("machine-", day)} {
			if _, err := e.Beat(t.Context(), fleet.Beat{Run: "run-" + node, Node: node, Version: "v", Triggers: "t1"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, key := range []string{"runs", "names"} {
		names, err := redigo.Strings(server.Do("HKEYS", e.prefix(whole)+key), nil)
		if err != nil || len(names) != 31 || !slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, "stays") }) {
			t.Errorf("%s: %d, want the node that stays and those of 30 days: %v, %v", key, len(names), names, err)
		}
	}
}

// checkTTL finds keys that live forever, besides the two that must.
func checkTTL(t *testing.T, c redigo.Conn) {
	t.Helper()
	keys, err := redigo.Strings(c.Do("KEYS", "ft1:*"))
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d keys: %v", len(keys), err)
	}
	for _, k := range keys {
		ttl, err := redigo.Int64(c.Do("PTTL", k))
		if err != nil {
			t.Fatal(err)
		}
		forever := k == "ft1:{test}:epoch" || k == "ft1:{test}:silv"
		if (ttl == -1) != forever {
			t.Errorf("%s lives for %d ms", k, ttl)
		}
	}
}

// generator makes random calls.
type generator struct {
	*rand.Rand
	keys  []fleet.Key
	seq   map[string]int64
	taken []fleet.Taken
	sums  map[fleet.Key]fleet.Tallied // as last answered, for the folds that nodes make of them
}

// learn keeps the work that later calls settle.
func (g *generator) learn(answer any) {
	if list, ok := answer.([]fleet.Taken); ok {
		for _, t := range list {
			if t.Kind != fleet.Nothing {
				g.taken = append(g.taken, t)
			}
		}
	}
}

func (g *generator) pick(words ...string) string { return words[g.IntN(len(words))] }

type caller func(testing.TB, fleet.Engine) any

// call returns a call and its name.
func (g *generator) call() (string, caller) {
	key, run := g.keys[g.IntN(len(g.keys))], g.pick("a", "b", "c", "d")
	node, td := "node-"+run, g.pick("t1", "t1", "t1", "t2")
	terms := fleet.Terms{Cooldown: time.Duration(5+10*g.IntN(3)) * time.Second, Grace: time.Duration(1+g.IntN(3)) * time.Second, Triggers: td}
	if g.IntN(2) == 0 {
		terms.CooldownMax = time.Duration(g.IntN(80)) * time.Second
	}
	for range g.IntN(3) {
		terms.Steps = append(terms.Steps, time.Duration(15*(1+len(terms.Steps))+g.IntN(15))*time.Second)
	}
	title := fleet.Title{Rule: "db-down", Text: "shop/" + run}
	work := fleet.Work{Key: key}
	if g.IntN(6) == 0 {
		return g.rates(key, run, terms.Cooldown)
	}
	if g.IntN(12) == 0 {
		return g.sequence(key, run, td, title)
	}
	if g.IntN(4) == 0 {
		return g.incident(key, run, terms, title)
	}
	switch g.IntN(16) {
	case 0, 1, 2:
		q := fleet.Claim{
			Key: key, Run: run, Node: node, ID: "al_" + g.pick("1", "2", "3"), Rollup: g.IntN(3) == 0, Terms: terms, Title: title, HandOver: 8 * time.Second,
		}
		if g.IntN(3) > 0 {
			q.Payload = []byte("p\x00\xff" + run)
		}
		if g.IntN(2) == 0 {
			q.Incident = g.known(run, 1)
		}
		q.Rest = g.IntN(8) == 0
		return "claim", func(tb testing.TB, e fleet.Engine) any { return e.Claim(tb.Context(), []fleet.Claim{q}) }
	case 3, 4:
		g.seq[run]++
		seq := g.seq[run]
		if g.IntN(8) == 0 {
			seq = max(1, seq-1)
		}
		q := fleet.Gift{
			Key: key, Run: run, Node: node, Seq: seq, Counts: fleet.Counts{"cooldown": g.Int64N(100), g.pick("fleet", "rate_limit"): g.Int64N(9)},
			First: time.Duration(g.IntN(9000)) * time.Millisecond, Last: time.Duration(g.IntN(900)) * time.Millisecond,
			Terms: terms, Title: title, Sample: []byte("s\n" + run),
		}
		return "give", func(tb testing.TB, e fleet.Engine) any { return e.Give(tb.Context(), []fleet.Gift{q}) }
	case 5:
		return "due", func(tb testing.TB, e fleet.Engine) any {
			var all []int
			for i := range fleet.Shards {
				all = append(all, i)
			}
			list, err := e.Due(tb.Context(), all, td, 100)
			slices.SortFunc(list, func(x, y fleet.Work) int {
				return cmp.Or(cmp.Compare(x.Key, y.Key), cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)))
			})
			return fmt.Sprint(list, err)
		}
	case 6, 7:
		switch g.IntN(6) {
		case 0:
			work.Absence = true
		case 1, 2:
			work.Waits = true
		}
		q := fleet.Take{Work: work, Run: run, Node: node, Triggers: td, Lease: 10 * time.Second}
		return "take", func(tb testing.TB, e fleet.Engine) any { return e.Take(tb.Context(), []fleet.Take{q}) }
	case 8, 9:
		q := fleet.Settlement{Work: work, Run: run, Triggers: td, ID: "al_" + g.pick("1", "2", "3")}
		if len(g.taken) > 0 && g.IntN(3) > 0 {
			t := g.taken[max(0, len(g.taken)-1-g.IntN(3))]
			q.Work, q.ID, q.DueAt = t.Work, t.ID, t.DueAt
			if t.Kind == fleet.Rollup && g.IntN(2) == 0 {
				q.Incident = g.known(run, 1)
			}
		}
		return "settle", func(tb testing.TB, e fleet.Engine) any { return e.Settle(tb.Context(), []fleet.Settlement{q}) }
	case 10:
		q := fleet.Renewal{Key: key, Run: run, ID: "al_" + g.pick("1", "2", "3"), Triggers: td, HandOver: 8 * time.Second}
		return "renew", func(tb testing.TB, e fleet.Engine) any { return e.Renew(tb.Context(), []fleet.Renewal{q}) }
	case 11, 13, 14:
		g.seq["m"+run+string(key)]++
		q := fleet.Mark{
			Key: key, Run: run, Node: node, Seq: g.seq["m"+run+string(key)], Count: 2 + g.Int64N(20), Within: 60 * time.Second, Cooldown: terms.Cooldown,
			CooldownMax: terms.CooldownMax, Values: g.IntN(2) == 0,
		}
		for range g.IntN(6) {
			one := fleet.Aged{Age: time.Duration(g.IntN(90_000)) * time.Millisecond, Hits: 1, Value: uint64(g.IntN(30)) << 40}
			if !q.Values {
				one.Hits, one.Value = 1+g.Int64N(3), 0
			}
			q.Hits = append(q.Hits, one)
		}
		return "mark", func(tb testing.TB, e fleet.Engine) any { return e.Mark(tb.Context(), []fleet.Mark{q}) }
	case 12:
		q := fleet.Hearing{
			Key: key, Age: time.Duration(g.IntN(9000)) * time.Millisecond, Watch: g.IntN(2) == 0, Within: 20 * time.Second, Triggers: td, Title: title,
			Sample: []byte(run),
		}
		return "hear", func(tb testing.TB, e fleet.Engine) any { return e.Hear(tb.Context(), []fleet.Hearing{q}) }
	}
	return g.other(key, run, td)
}

// sequence returns a call about a sequence.
func (g *generator) sequence(key fleet.Key, run, td string, title fleet.Title) (string, caller) {
	within, age := time.Duration(10+g.IntN(20))*time.Second, func() time.Duration { return time.Duration(g.IntN(20_000)) * time.Millisecond }
	// Of few keys, so that they meet, and one of them is hit often.
	key = g.keys[g.IntN(2)]
	next := func(kind string) int64 {
		name := kind + run + string(key)
		if g.seq[name] == 0 || g.IntN(4) > 0 {
			g.seq[name]++
		}
		return max(1, g.seq[name]-g.Int64N(8)/7)
	}
	switch g.IntN(3) {
	case 0:
		q := fleet.Step{Key: key, Run: run, Seq: next("s"), Within: within, Triggers: td}
		for range 1 + g.IntN(3)*g.IntN(12) {
			q.Ages = append(q.Ages, age())
		}
		return "step", func(tb testing.TB, e fleet.Engine) any { return e.Step(tb.Context(), []fleet.Step{q}) }
	case 1:
		q := fleet.Follow{Key: key, Within: within}
		for range 1 + g.IntN(4) {
			last := age()
			q.Spans = append(q.Spans, fleet.Span{First: last + time.Duration(g.IntN(5000))*time.Millisecond, Last: last})
		}
		return "follow", func(tb testing.TB, e fleet.Engine) any { return e.Follow(tb.Context(), []fleet.Follow{q}) }
	}
	waited := age() / 5
	q := fleet.Wait{Key: key, Run: run, Seq: next("w"), Age: waited + age()/9, Waited: waited, Within: within, Triggers: td, Title: title, Sample: []byte("w" + run)}
	return "wait", func(tb testing.TB, e fleet.Engine) any { return e.Wait(tb.Context(), []fleet.Wait{q}) }
}

// known returns an incident as a run knows it, of so many alerts at least.
func (g *generator) known(run string, alerts int64) *fleet.Incident {
	i := &fleet.Incident{
		Resolve: time.Duration(g.IntN(3)) * 10 * time.Second, Arrived: time.Duration(g.IntN(9000)) * time.Millisecond,
		Hit: time.Duration(g.IntN(20_000)) * time.Millisecond, First: time.Duration(g.IntN(60_000)) * time.Millisecond,
	}
	if alerts += g.Int64N(3); alerts > 0 {
		g.seq["i"+run] += g.Int64N(2)
		i.Alerts, i.Hits, i.Made = alerts, g.Int64N(100), g.seq["i"+run]
		i.Severities, i.Triggers = []string{g.pick("warning", "critical")}, []string{g.pick("ops", "on call", "op"), "all"}
		i.About = []byte("a\n\xff" + run)
		if g.IntN(2) == 0 {
			i.Index, i.Parts = g.index(), []string{g.pick("p1", "p2"), "w"}
		}
	}
	return i
}

func (g *generator) index() fleet.Key { return fleet.KeyOf("index", g.pick("1", "2")) }

// incident returns a call about an incident.
func (g *generator) incident(key fleet.Key, run string, terms fleet.Terms, title fleet.Title) (string, caller) {
	switch g.IntN(6) {
	case 0:
		q := fleet.Ending{Key: key, Age: time.Duration(g.IntN(9000)) * time.Millisecond}
		if g.IntN(2) == 0 {
			q.Index, q.Parts = g.index(), []string{g.pick("p1", "p2"), "w"}
		}
		return "end", func(tb testing.TB, e fleet.Engine) any { return e.End(tb.Context(), []fleet.Ending{q}) }
	case 1:
		index := g.index()
		return "listed", func(tb testing.TB, e fleet.Engine) any {
			list, err := e.Listed(tb.Context(), index)
			slices.SortFunc(list, func(x, y fleet.Listed) int {
				return cmp.Compare(fleet.Member(x.Key, x.Parts), fleet.Member(y.Key, y.Parts))
			})
			return fmt.Sprint(list, err)
		}
	}
	q := fleet.Note{Key: key, Run: run, Terms: terms, Title: title, Incident: *g.known(run, 0)}
	return "note", func(tb testing.TB, e fleet.Engine) any { return e.Note(tb.Context(), []fleet.Note{q}) }
}

func (g *generator) other(key fleet.Key, run, td string) (string, caller) {
	id := "si_" + g.pick("1", "2", "3")
	switch g.IntN(10) {
	case 0, 8, 9:
		q := fleet.Sight{Key: key, Run: run, ID: g.pick("al_1", "al_2", fleet.NoAlert), For: time.Hour}
		if g.IntN(2) == 0 {
			q.Image = &fleet.ImageSight{
				Key: fleet.KeyOf("image", g.pick("1", "2")), Template: time.Duration(g.IntN(60)) * time.Second, Age: time.Duration(g.IntN(60)) * time.Second,
				Appeared: g.IntN(4) > 0,
			}
		}
		return "see", func(tb testing.TB, e fleet.Engine) any { return e.See(tb.Context(), []fleet.Sight{q}) }
	case 1:
		q := fleet.Beat{Run: run, Node: g.pick("x", "node-"+run), Version: "v1", Triggers: td, Given: g.Int64N(1000), Reported: g.Int64N(1000)}
		return "beat", func(tb testing.TB, e fleet.Engine) any {
			p, err := e.Beat(tb.Context(), q)
			p.Epoch = ""
			return fmt.Sprintf("%+v %v", p, err)
		}
	case 2:
		q, onlyNew := fleet.Silence{ID: id, Left: time.Duration(1+g.IntN(60)) * time.Second, Body: []byte("b:" + run)}, g.IntN(2) == 0
		return "put silence", func(tb testing.TB, e fleet.Engine) any { return e.PutSilence(tb.Context(), q, onlyNew) }
	case 3:
		return "drop silence", func(tb testing.TB, e fleet.Engine) any { return fmt.Sprint(e.DropSilence(tb.Context(), id)) }
	case 4:
		return "shared", func(tb testing.TB, e fleet.Engine) any {
			s, err := e.Shared(tb.Context())
			s.Epoch = ""
			return fmt.Sprint(s, err)
		}
	case 5:
		return "windows", func(tb testing.TB, e fleet.Engine) any {
			list, err := e.Windows(tb.Context(), 1000)
			slices.SortFunc(list, func(x, y fleet.Window) int { return cmp.Compare(x.Key, y.Key) })
			return show(list) + fmt.Sprint(err)
		}
	case 6:
		return "close", func(tb testing.TB, e fleet.Engine) any { return fmt.Sprint(e.CloseWindow(tb.Context(), key)) }
	}
	return "account", func(tb testing.TB, e fleet.Engine) any {
		a, err := e.Account(tb.Context())
		a.Epoch = ""
		return fmt.Sprintf("%+v %v", a, err)
	}
}

// TestWindows: windows double and incidents escalate by the scripts as by the model.
func TestWindows(t *testing.T) { fleettest.Windows(t, withClock(t)) }

// TestImages: a template is new or not by the scripts as by the model.
func TestImages(t *testing.T) { fleettest.Images(t, withClock(t)) }

// withClock returns what starts an empty engine of a server, whose clock the test sets.
func withClock(t *testing.T) func(t *testing.T) (fleet.Engine, func(time.Duration)) {
	t.Helper()
	server := redis.Start(t, nil)
	c, err := server.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return func(t *testing.T) (fleet.Engine, func(time.Duration)) {
		t.Helper()
		server.Do("FLUSHALL")
		e := engine(t, fleet.Single, []string{server.Addr}, nil)
		if e.scripts, err = newScriptsWith(stoppedClock); err != nil {
			t.Fatal(err)
		}
		return e, func(since time.Duration) {
			if _, err := c.Do("SET", "{clock}", 1_800_000_000_000+since.Milliseconds()); err != nil {
				t.Fatal(err)
			}
		}
	}
}
