package admin

import (
	"fmt"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
)

type workloadsAnswer struct {
	Workloads  []workloadItem `json:"workloads"`  // that records came from
	Configured []blockItem    `json:"configured"` // the blocks, by their globs
	Next       string         `json:"next"`
}

type workloadItem struct {
	Name       string          `json:"name"`
	Lines      int64           `json:"lines"`
	Alerts     int64           `json:"alerts"`
	LastSeen   time.Time       `json:"last_seen"`
	Containers []containerItem `json:"containers"`
}

type containerItem struct {
	ID    string    `json:"id,omitempty"`
	Name  string    `json:"name,omitempty"`
	Image string    `json:"image,omitempty"`
	Host  string    `json:"host,omitempty"`
	Met   time.Time `json:"met"`
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
	out := workloadsAnswer{Workloads: []workloadItem{}, Configured: blocks(c.p.Loaded())}
	for _, m := range c.p.Met() {
		if m.Workload <= c.query.Get("cursor") && c.query.Has("cursor") {
			continue
		}
		if len(out.Workloads) == limit {
			out.Next = out.Workloads[limit-1].Name
			break
		}
		w := workloadItem{Name: m.Workload, Lines: m.Lines, Alerts: m.Alerts, LastSeen: m.Last, Containers: []containerItem{}}
		for _, k := range m.Containers {
			w.Containers = append(w.Containers, containerItem{k.ID, k.Name, k.Image, k.Host, k.Met})
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
