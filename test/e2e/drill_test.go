package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	_ "modernc.org/sqlite" // reads the store of a process that is gone

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// What bounds the drill: how many lines a chunk holds, how many alerts may be on their way before it waits (the store keeps 10,000 for a
// target, and gives up the oldest beyond), and how many lines it sends in all.
const (
	batchSize = 50
	backlog   = 6_000
	most      = 150_000
)

// drill kills the host at random moments, while the receiver fails at random, and keeps what the host acknowledged.
type drill struct {
	t        *testing.T
	setup    setup
	server   *receiver.Server
	random   *rand.Rand
	binary   string
	path     string
	base     string // the times of the batch that is under way: delivered again, it holds the same records
	next     int    // the first line that is not acknowledged
	kills    int
	attempts int
	unique   map[string]bool // ids that arrived; guarded by the server's lock, under which it observes
}

// TestKillDrill accounts for every line that was acknowledged: its alert was received, or is in the store. FLUENTBIT_TRIGGER_SOAK sets how long it goes on.
func TestKillDrill(t *testing.T) {
	server := receiver.New(t)
	s := single(t, document(server, "timeout = \"1s\"\nretries = 0\n"+simple("drill", `^drill \d+ `)+
		"\n[delivery]\nretry_min = \"100ms\"\nretry_max = \"2s\"\n"))
	s.instances[0]["verbosity"] = "warning"
	d := &drill{t: t, setup: s, server: server, random: rand.New(rand.NewPCG(3, 5)), binary: hostBinary(t), unique: map[string]bool{}}
	server.Observe(d.observe)
	d.prepare()
	for end := time.Now().Add(soakTime(t)); time.Now().Before(end); {
		d.life(end)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	server.SetBehaviour(receiver.Status(200))
	d.settle()
	d.account()
}

func (d *drill) prepare() {
	h := &inHost{t: d.t, setup: d.setup}
	h.parts = d.next
	d.path = h.part(numbered("drill %d boom", d.next, d.next+batchSize))
	d.base = base(time.Now())
}

// life is one life of the host: it is fed until it is killed. A batch without an answer is fed again in the next life, as Fluent Bit does
// with what it has stored.
func (d *drill) life(end time.Time) {
	d.mood()
	h := startHost(d.t, d.binary, d.setup)
	lasts := time.Duration(100+d.random.IntN(1500)) * time.Millisecond
	killer := time.AfterFunc(min(lasts, time.Until(end)+time.Millisecond), h.host.Kill)
	defer killer.Stop()
	for d.waitForRoom(h) {
		d.attempts++
		reply, err := h.host.Do("text", "one", "drill", d.path, d.base)
		if err != nil {
			break
		}
		if reply.Int("ok") == 1 {
			d.next += batchSize
			d.prepare()
		}
	}
	<-h.host.Exited()
	d.kills++
}

func (d *drill) observe(r receiver.Request) {
	alerts, err := r.Alerts()
	if err != nil || !r.Accepted {
		return
	}
	for _, a := range alerts {
		d.unique[a.ID] = true
	}
}

// mood decides how the receiver is for one life of the host: it fails at random, refuses everything, is down, or is well, most often.
func (d *drill) mood() {
	if err := d.server.Resume(); err != nil {
		d.t.Fatal(err)
	}
	switch n := d.random.IntN(10); {
	case n < 3:
		d.server.SetBehaviour(receiver.Hostile(d.random.Uint64()))
	case n == 3:
		d.server.SetBehaviour(receiver.Status(503))
	case n == 4:
		d.server.Stop()
	default:
		d.server.SetBehaviour(receiver.Status(200))
	}
}

// waitForRoom waits until the alerts on their way are few, and is false when the host was killed meanwhile.
func (d *drill) waitForRoom(h *inHost) bool {
	ctx, cancel := context.WithCancel(d.t.Context())
	defer cancel()
	go func() {
		select {
		case <-h.host.Exited():
			cancel()
		case <-ctx.Done():
		}
	}()
	return d.server.WaitUntil(ctx, func([]receiver.Request) bool { return d.next < most && d.next-len(d.unique) < backlog }) == nil
}

// settle gives a last life to deliver what is due, until everything arrived or a bound has passed, and ends it in good order.
func (d *drill) settle() {
	h := startHost(d.t, d.binary, d.setup)
	ctx, cancel := context.WithTimeout(d.t.Context(), soakTime(d.t)/4)
	defer cancel()
	// What has not arrived in time must be in the store, which account looks at: in a short drill what the last killed process had in hand,
	// which nobody else may send while its leases last.
	_ = d.server.WaitUntil(ctx, func([]receiver.Request) bool { return len(d.unique) >= d.next })
	h.stop()
}

func (d *drill) account() {
	ids := map[string]map[string]bool{} // by message
	requests, accepted := 0, 0
	for _, r := range d.server.Requests() {
		alerts, err := r.Alerts()
		if err != nil {
			d.t.Errorf("a request is no alert: %v", err)
		}
		requests++
		for _, a := range alerts {
			if ids[a.Message] == nil {
				ids[a.Message] = map[string]bool{}
			}
			if r.Accepted {
				accepted++
			}
			ids[a.Message][a.ID] = ids[a.Message][a.ID] || r.Accepted
		}
	}
	stored := storedMessages(d.t, d.setup.instances[0]["store"])
	received, kept, missing := 0, 0, 0
	for _, line := range numbered("drill %d boom", 0, d.next) {
		if len(ids[line]) > 1 {
			d.t.Errorf("line %q has %d ids", line, len(ids[line]))
		}
		got := false
		for _, ok := range ids[line] {
			got = got || ok
		}
		switch {
		case got:
			received++
		case stored[line] != "":
			kept++
		default:
			missing++
			d.t.Errorf("line %q was acknowledged, but is neither received nor in the store", line)
		}
	}
	unique := len(d.unique) // nobody writes to it any more: the host has ended
	d.t.Logf("%d kills, %d batches sent, %d lines acknowledged: %d received, %d in the store, %d missing", d.kills, d.attempts, d.next,
		received, kept, missing)
	d.t.Logf("%d requests, %d accepted, %d of them a second time under the same id (%.2f %%)", requests, accepted, accepted-unique,
		100*float64(accepted-unique)/float64(max(accepted, 1)))
	if d.next < 500 || d.kills < 3 {
		d.t.Errorf("the drill did too little: %d lines, %d kills", d.next, d.kills)
	}
}

// storedMessages returns the messages of the alerts whose delivery is pending or a dead letter, with its state.
func storedMessages(t *testing.T, path string) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT a.payload, d.state FROM deliveries d JOIN alerts a ON a.seq = d.seq >> 16 WHERE d.state IN ('pending', 'dead')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	messages := map[string]string{}
	for rows.Next() {
		var payload []byte
		var state string
		if err := rows.Scan(&payload, &state); err != nil {
			t.Fatal(err)
		}
		var a trigger.Alert
		if err := json.Unmarshal(payload, &a); err != nil {
			t.Errorf("the store holds %q: %v", payload, err)
			continue
		}
		messages[a.Message] = state
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return messages
}
