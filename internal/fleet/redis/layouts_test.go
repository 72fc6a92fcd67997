package redis

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/fleettest"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
)

// TestTwoLayoutsSideBySide: while a fleet is updated to another layout of the keys, the nodes of each alert once, and report their own hits. Neither touches a key
// of the other.
func TestTwoLayoutsSideBySide(t *testing.T) {
	server := redis.Start(t, nil)
	var mu sync.Mutex
	alerts, reported := map[string]int{}, map[string]int64{}
	var hits int64
	var loops sync.WaitGroup
	defer loops.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, name := range []string{"ft1-a", "ft2-a", "ft1-b", "ft2-b"} {
		layout, _, _ := strings.Cut(name, "-")
		e := engine(t, fleet.Single, []string{server.Addr}, nil)
		e.layout = layout
		n := fleettest.NewNode(name, func(s fleettest.Sent) bool {
			mu.Lock()
			defer mu.Unlock()
			if s.How != "rollup" {
				alerts[layout]++
			}
			reported[layout] += s.Hits
			return true
		})
		settings := fleet.DefaultSettings()
		settings.Namespace, settings.Grace, settings.Wait = "test", time.Second, 10*time.Second
		f := fleet.New(fleet.Options{Engine: e, Node: n, Settings: settings, Run: "run-" + name, Name: name, Version: layout, Triggers: "t1"})
		n.Done = f.Wake
		loops.Go(func() { f.Run(ctx) })
		now := time.Now()
		f.Offer(n.Candidate(fleet.Candidate{
			Claim: fleet.Claim{Key: fleet.KeyOf("k", "1"), ID: "al_" + name, Terms: fleet.Terms{Cooldown: 5 * time.Second}, HandOver: time.Minute, Payload: []byte("{}")},
			Until: now.Add(settings.Wait),
		}, fleet.Counts{"fleet": 3}, now, now))
		hits += 3
	}
	await.That(t, time.Minute, "all hits are reported", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return reported["ft1"]+reported["ft2"] == hits
	})
	mu.Lock()
	defer mu.Unlock()
	for _, layout := range []string{"ft1", "ft2"} {
		if alerts[layout] != 1 || reported[layout] != hits/2 {
			t.Errorf("%s: %d alerts, %d hits reported, want 1 and %d", layout, alerts[layout], reported[layout], hits/2)
		}
	}
	keys, err := redigo.Strings(server.Do("KEYS", "*"), nil)
	of := map[string]int{}
	for _, k := range keys {
		of[k[:4]]++
	}
	if err != nil || len(of) != 2 || of["ft1:"] == 0 || of["ft2:"] == 0 {
		t.Errorf("%v: keys %v", err, of)
	}
}
