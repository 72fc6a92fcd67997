package fleet

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/fleettest"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
)

// TestAnIncidentOfManyNodesEndsOnce: 200 nodes have hits for a while, each for another one, and then fall quiet. One alert begins the incident and one ends it, no
// sooner than all nodes were quiet for long enough, and each hit is in one place.
func TestAnIncidentOfManyNodesEndsOnce(t *testing.T) {
	const nodes, storm, resolve = 200, 6 * time.Second, 4 * time.Second
	server := redis.Start(t, []string{"--maxclients", "2000", "--tcp-backlog", "1024"})
	key := fleet.KeyOf("cooldown", "db-down")
	var mu sync.Mutex
	how, reported := map[string]int{}, int64(0)
	var ended time.Time
	var loops sync.WaitGroup
	defer loops.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all := make([]*fleettest.Node, nodes)
	fleets := make([]*fleet.Fleet, nodes)
	for i := range nodes {
		name := fmt.Sprintf("node-%04d", i)
		n := fleettest.NewNode(name, func(s fleettest.Sent) bool {
			mu.Lock()
			defer mu.Unlock()
			how[s.How]++
			reported += s.Hits
			if s.How == "end" {
				ended = time.Now()
			}
			return true
		})
		s := at(fleet.Single, server.Addr)
		s.Grace = 2 * time.Second
		f := fleet.New(fleet.Options{Engine: newEngine(t, s), Node: n, Settings: s, Run: "run-" + name, Name: name, Version: "v1", Triggers: "t1"})
		n.Done, n.Rollup = f.Wake, &fleet.Incident{Resolve: resolve, Severities: []string{"warning"}, Triggers: []string{"ops"}}
		all[i], fleets[i] = n, f
		loops.Go(func() { f.Run(ctx) })
	}
	terms := fleet.Terms{Cooldown: time.Minute}
	offer := func(i int, id string, hits int64, change func(*fleet.Candidate)) {
		now := time.Now()
		c := fleet.Candidate{Claim: fleet.Claim{Key: key, ID: id, Terms: terms, HandOver: time.Minute, Payload: []byte("{}")}, Until: now.Add(20 * time.Second)}
		change(&c)
		fleets[i].Offer(all[i].Candidate(c, fleet.Counts{"cooldown": hits}, now, now))
	}
	begun := time.Now()
	var last time.Time
	var feeds sync.WaitGroup
	var hits int64
	for i := range nodes {
		hits += 1 + 5
		feeds.Go(func() {
			offer(i, fmt.Sprintf("al_%d", i), 1, func(c *fleet.Candidate) {
				c.Incident = &fleet.Incident{Resolve: resolve, Alerts: 1, Hits: 1, Made: 1, Severities: []string{"critical"}, Triggers: []string{"ops"}}
			})
			for until := storm * time.Duration(i+1) / nodes; time.Since(begun) < until; time.Sleep(100 * time.Millisecond) {
				now := time.Now()
				fleets[i].Note(fleet.Known{Note: fleet.Note{Key: key, Terms: terms, Incident: fleet.Incident{Resolve: resolve}}, At: now, HitAt: now, FirstAt: now})
				if i == nodes-1 {
					last = now
				}
			}
			time.Sleep(resolve) // then the node's own incident would be over
			offer(i, fmt.Sprintf("al_rest_%d", i), 5, func(c *fleet.Candidate) { c.Rollup, c.Rest = true, true })
		})
	}
	feeds.Wait()
	await.That(t, time.Minute, "all hits are reported", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return reported == hits
	})
	mu.Lock()
	defer mu.Unlock()
	if how["lead"] != 1 || how["end"] != 1 || how["alone"] != 0 {
		t.Errorf("%v, want one lead and one end", how)
	}
	if ended.Sub(last) < resolve {
		t.Errorf("it ended %s after the last hit, want %s at least", ended.Sub(last), resolve)
	}
	var ends []fleet.Taken
	for _, n := range all {
		ends = append(ends, n.Ends()...)
	}
	if len(ends) != 1 || ends[0].Incident.Hits+ends[0].Counts.Sum() != hits {
		t.Errorf("%d ends: %+v", len(ends), ends)
	}
	t.Logf("%d nodes, %d hits, all reported: %v; the end %s after the last hit", nodes, hits, how, ended.Sub(last).Round(time.Millisecond))
}
