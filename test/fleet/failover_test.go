package fleet

import (
	"context"
	"fmt"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	fleetredis "github.com/tinyforge/fluentbit-trigger/internal/fleet/redis"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// newEngine returns an engine of a test.
func newEngine(tb testing.TB, s fleet.Settings) *fleetredis.Engine {
	tb.Helper()
	p, faults := egress.NewPolicy(egress.Settings{Mode: egress.ModeDefault, Allow: []string{"127.0.0.0/8"}})
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	e, err := fleetredis.New(fleetredis.Options{Settings: s, Guard: egress.NewGuard(p, nil), Random: func() float64 { return 0 }}) // a circuit rests for a second
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(e.Close)
	return e
}

func at(mode string, addresses ...string) fleet.Settings {
	s := fleet.DefaultSettings()
	s.Mode, s.Address, s.Namespace = mode, addresses, "drill"
	return s
}

// claimAll claims so many incidents for a node, and counts the answers. A server that is gone refuses at once; the time is for one that is slow.
func claimAll(e fleet.Engine, run string, n int) map[string]int {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var list []fleet.Claim
	for i := range n {
		list = append(list, fleet.Claim{
			Key: fleet.KeyOf("k", fmt.Sprint(i)), Run: run, Node: run, ID: fmt.Sprint("al_", run, i), HandOver: time.Minute, Payload: []byte("{}"),
			Terms: fleet.Terms{Cooldown: time.Hour, Grace: time.Second, Triggers: "t1"},
		})
	}
	m := map[string]int{}
	for _, c := range e.Claim(ctx, list) {
		if c.Err != nil {
			m["failed"]++
		} else {
			m[c.Verdict.String()]++
		}
	}
	return m
}

func TestASentinelFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("a failover takes 15 seconds")
	}
	master := redis.Start(t, nil)
	redis.Start(t, []string{"--replicaof", "127.0.0.1", fmt.Sprint(master.Port)})
	sentinels := redis.Sentinels(t, master, "alerts", 1, "")
	s := at(fleet.Sentinel, sentinels...)
	s.Master = "alerts"
	e := newEngine(t, s)
	if got := claimAll(e, "a", 100); got["lead"] != 100 {
		t.Fatalf("claims: %v", got)
	}
	redis.Until(t, "the replica has what the master has", func() bool { return master.Info("slave0") != "" && master.Do("WAIT", 1, 1000).(int64) == 1 })
	master.Kill()
	begun := time.Now()
	var got map[string]int
	redis.Until(t, "the new master answers", func() bool {
		got = claimAll(e, "b", 100)
		return got["failed"] == 0
	})
	t.Logf("%s: the master was killed; answers after %.1f s (down-after 1 s); windows that survived: %d of 100", master.Version(), time.Since(begun).Seconds(),
		got["held"])
	if got["held"] != 100 {
		t.Errorf("claims after the failover: %v", got)
	}
}

func TestSentinelsWithAPassword(t *testing.T) {
	if testing.Short() {
		t.Skip("sentinels take 10 seconds to find each other")
	}
	master := redis.Start(t, []string{"--requirepass", "hunter2"}, redigo.DialPassword("hunter2"))
	s := at(fleet.Sentinel, redis.Sentinels(t, master, "alerts", 0, "hunter2")...)
	s.Master = "alerts"
	s.Password = setting.SecretText("hunter2")
	if got := claimAll(newEngine(t, s), "a", 10); got["failed"] != 10 {
		t.Errorf("without the sentinels' password: %v", got)
	}
	s.SentinelPassword = setting.SecretText("hunter2")
	if got := claimAll(newEngine(t, s), "a", 10); got["lead"] != 10 {
		t.Errorf("claims: %v", got)
	}
	s.Master = "other"
	if got := claimAll(newEngine(t, s), "b", 10); got["failed"] != 10 {
		t.Errorf("with another master: %v", got)
	}
}

func TestAClusterLosesAMaster(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes 10 seconds")
	}
	servers := redis.Cluster(t, 3)
	e := newEngine(t, at(fleet.Cluster, servers[0].Addr, servers[1].Addr))
	if got := claimAll(e, "a", 300); got["lead"] != 300 {
		t.Fatalf("claims: %v", got)
	}
	if got := claimAll(e, "b", 300); got["held"] != 300 {
		t.Fatalf("claims of another node: %v", got)
	}
	servers[2].Kill()
	for pass := range 5 { // that server's circuit opens; the others answer as before, and quickly
		begun := time.Now()
		got := claimAll(e, "c", 300)
		took := time.Since(begun)
		t.Logf("one of three masters is gone, pass %d: %d answered, %d failed, after %v", pass, got["held"], got["failed"], took.Round(time.Millisecond))
		if got["held"] < 150 || got["failed"] < 50 || got["lead"] > 0 {
			t.Errorf("claims: %v", got)
		}
	}
	servers[2].Run() // without its data, and with its slots
	redis.Until(t, "all answer again", func() bool { return claimAll(e, "d", 300)["failed"] == 0 })
}

func TestSlotsMoveWhileNodesClaim(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes 10 seconds")
	}
	servers := redis.Cluster(t, 3)
	e := newEngine(t, at(fleet.Cluster, servers[0].Addr))
	if got := claimAll(e, "a", 300); got["lead"] != 300 {
		t.Fatalf("claims: %v", got)
	}
	done, moved := make(chan struct{}), 0
	go func() {
		defer close(done)
		moved = redis.MoveSlots(t, servers[0], servers[1], 0, 5460)
	}()
	passes, failed := 0, 0
	for moving := true; moving; passes++ {
		select {
		case <-done:
			moving = false
		default:
		}
		got := claimAll(e, "b", 300)
		failed += got["failed"]
		if got["lead"] > 0 {
			t.Fatalf("a window was lost while its slot moved: %v", got)
		}
	}
	t.Logf("%d passes of 300 claims while %d slots with all their keys moved: %d failed, and were asked again", passes, moved, failed)
	if moved < 10 {
		t.Errorf("only %d slots moved", moved)
	}
	if got := claimAll(e, "c", 300); got["held"] != 300 {
		t.Errorf("claims after the move: %v", got)
	}
}
