package admin

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/workload"
)

type workloadsAnswer struct {
	Workloads  []workloadItem `json:"workloads"`  // that records came from
	Other      workloadCounts `json:"other"`      // those that there is no room for, together
	Configured []blockItem    `json:"configured"` // the blocks, by their globs
	Next       string         `json:"next"`
}

type workloadItem struct {
	Name string `json:"name"`
	workloadCounts
	LastSeen   time.Time       `json:"last_seen"`
	Containers []containerItem `json:"containers"`
}

// workloadCounts is what came from a workload: hits are those that made an alert and what was suppressed, by reason. Sent counts the alerts that receivers
// took, roll-ups included.
type workloadCounts struct {
	Lines      int64            `json:"lines"`
	Hits       int64            `json:"hits"`
	Alerts     int64            `json:"alerts"`
	Sent       int64            `json:"sent"`
	Suppressed map[string]int64 `json:"suppressed"`
}

func workloadCountsOf(n *workload.Counts, sent int64) workloadCounts {
	return workloadCounts{n.Lines, n.Hits, n.Alerts, sent, suppressedOf(n.Suppressed)}
}

// otherSent is how many alerts were sent of workloads that are not among those that were met.
func otherSent(met []workload.Stats, sent map[string]int64) (n int64) {
	for _, of := range sent {
		n += of
	}
	for i := range met {
		n -= sent[met[i].Workload]
	}
	return n
}

// maxBusiest bounds the workloads in the stats.
const maxBusiest = 100

// busiestWorkloads is the workloads with the most hits, and all others together.
type busiestWorkloads struct {
	Busiest []busiestWorkload `json:"busiest"`
	Other   workloadCounts    `json:"other"`
}

type busiestWorkload struct {
	Name string `json:"name"`
	workloadCounts
}

func busiestOf(all []workload.Stats, other workload.Counts, sent map[string]int64) busiestWorkloads {
	rest := otherSent(all, sent)
	slices.SortFunc(all, func(a, b workload.Stats) int {
		return cmp.Or(cmp.Compare(b.Hits, a.Hits), cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Workload, b.Workload))
	})
	out := busiestWorkloads{Busiest: []busiestWorkload{}}
	for i := range all {
		if i < maxBusiest {
			out.Busiest = append(out.Busiest, busiestWorkload{all[i].Workload, workloadCountsOf(&all[i].Counts, sent[all[i].Workload])})
		} else {
			other.Add(&all[i].Counts)
			rest += sent[all[i].Workload]
		}
	}
	out.Other = workloadCountsOf(&other, rest)
	return out
}

type containerItem struct {
	ID       string    `json:"id,omitempty"`
	Name     string    `json:"name,omitempty"`
	Image    string    `json:"image,omitempty"`
	Host     string    `json:"host,omitempty"`
	LastSeen time.Time `json:"last_seen"`
}

type blockItem struct {
	Match     string   `json:"match"`
	File      string   `json:"file,omitempty"`
	Disable   []string `json:"disable"`
	Overrides []string `json:"overrides"` // names of the rules that are overridden
	Rules     []string `json:"rules"`     // names of the block's own
}

func workloads(c *call) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	met, other := c.p.Workloads()
	sent := c.p.Sent().Workloads
	out := workloadsAnswer{Workloads: []workloadItem{}, Other: workloadCountsOf(&other, otherSent(met, sent)), Configured: blocks(c.p.Loaded())}
	for i := range met {
		m := &met[i]
		if m.Workload <= c.query.Get("cursor") && c.query.Has("cursor") {
			continue
		}
		if len(out.Workloads) == limit {
			out.Next = out.Workloads[limit-1].Name
			break
		}
		w := workloadItem{Name: m.Workload, workloadCounts: workloadCountsOf(&m.Counts, sent[m.Workload]), LastSeen: m.Last, Containers: []containerItem{}}
		for _, k := range m.Containers {
			w.Containers = append(w.Containers, containerItem{k.ID, k.Name, k.Image, k.Host, k.LastSeen})
		}
		out.Workloads = append(out.Workloads, w)
	}
	return out, nil
}

func blocks(loaded *config.Result) []blockItem {
	out := []blockItem{}
	for i := range loaded.Settings.Workloads {
		w := &loaded.Settings.Workloads[i]
		b := blockItem{Match: w.Match, Disable: slices.Concat([]string{}, w.Disable), Overrides: []string{}, Rules: []string{}}
		if i < len(loaded.Parts.Workloads) {
			b.File = placeText(loaded.Parts.Workloads[i].Place("", ""))
		}
		for _, o := range w.Overrides {
			b.Overrides = append(b.Overrides, o.Rule)
		}
		for j := range w.Rules {
			b.Rules = append(b.Rules, w.Rules[j].Name)
		}
		out = append(out, b)
	}
	return out
}

func placeText(p config.Place) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

type effectiveAnswer struct {
	Workload string           `json:"workload"`
	Rules    []map[string]any `json:"rules"` // settings in force, with id
}

func effectiveRules(c *call) (any, error) {
	s := c.p.Settings()
	out := effectiveAnswer{Workload: c.r.PathValue("workload"), Rules: []map[string]any{}}
	for _, r := range engine.Effective(&engine.Settings{Limits: s.Limits, Rules: s.Rules, Workloads: s.Workloads}, out.Workload) {
		item := config.Encode(&r.Settings)
		item["id"] = r.ID
		out.Rules = append(out.Rules, item)
	}
	return out, nil
}
