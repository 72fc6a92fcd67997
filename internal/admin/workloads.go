package admin

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/workload"
)

func workloadCountsOf(n *workload.Counts, sent int64) adminapi.WorkloadCounts {
	return adminapi.WorkloadCounts{Lines: n.Lines, Hits: n.Hits, Alerts: n.Alerts, Sent: sent, Suppressed: suppressedOf(n.Suppressed)}
}

// otherSent returns the number of alerts sent for workloads beyond the limit.
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

func busiestOf(all []workload.Stats, other workload.Counts, sent map[string]int64) adminapi.BusiestWorkloads {
	rest := otherSent(all, sent)
	slices.SortFunc(all, func(a, b workload.Stats) int {
		return cmp.Or(cmp.Compare(b.Hits, a.Hits), cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Workload, b.Workload))
	})
	out := adminapi.BusiestWorkloads{Busiest: []adminapi.WorkloadStats{}}
	for i := range all {
		if i < maxBusiest {
			out.Busiest = append(out.Busiest, adminapi.WorkloadStats{Name: all[i].Workload, WorkloadCounts: workloadCountsOf(&all[i].Counts, sent[all[i].Workload])})
		} else {
			other.Add(&all[i].Counts)
			rest += sent[all[i].Workload]
		}
	}
	out.Other = workloadCountsOf(&other, rest)
	return out
}

func workloads(c *call) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	met, other := c.p.Workloads()
	sent := c.p.Sent().Workloads
	out := adminapi.WorkloadsResponse{Workloads: []adminapi.Workload{}, Other: workloadCountsOf(&other, otherSent(met, sent)), Configured: blocks(c.p.Loaded())}
	for i := range met {
		m := &met[i]
		if m.Workload <= c.query.Get("cursor") && c.query.Has("cursor") {
			continue
		}
		if len(out.Workloads) == limit {
			out.Next = out.Workloads[limit-1].Name
			break
		}
		w := adminapi.Workload{Name: m.Workload, WorkloadCounts: workloadCountsOf(&m.Counts, sent[m.Workload]), LastSeen: m.Last, Containers: []adminapi.WorkloadContainer{}}
		if r, ok := c.p.Deploy(m.Workload); ok {
			w.Image = &adminapi.WorkloadImage{Name: r.Image.Name, Since: r.Image.Since, Verdict: string(r.Verdict), Reason: r.Reason}
			if r.Last != nil {
				w.Image.Last = r.Last.Name
			}
		}
		for _, k := range m.Containers {
			w.Containers = append(w.Containers, adminapi.WorkloadContainer{ID: k.ID, Name: k.Name, Image: k.Image, Host: k.Host, LastSeen: k.LastSeen})
		}
		out.Workloads = append(out.Workloads, w)
	}
	return out, nil
}

func blocks(loaded *config.Result) []adminapi.WorkloadBlock {
	out := []adminapi.WorkloadBlock{}
	for i := range loaded.Settings.Workloads {
		w := &loaded.Settings.Workloads[i]
		b := adminapi.WorkloadBlock{Match: w.Match, Disable: slices.Concat([]string{}, w.Disable), Overrides: []string{}, Rules: []string{}}
		if i < len(loaded.Parts.Workloads) {
			b.File = loaded.Parts.Workloads[i].Place("", "").String()
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

func effectiveRules(c *call) (any, error) {
	s := c.p.Settings()
	out := adminapi.EffectiveRulesResponse{Workload: c.r.PathValue("workload"), Rules: []map[string]any{}}
	for _, r := range engine.Effective(&engine.Settings{Limits: s.Limits, Rules: s.Rules, Workloads: s.Workloads}, out.Workload) {
		item := config.Encode(&r.Settings)
		item["id"] = r.ID
		out.Rules = append(out.Rules, item)
	}
	return out, nil
}

// deployReport compares the image that a workload runs with the last one. A workload that is not known has the verdict unknown, so that a
// canary analysis need not know which workloads have written a line.
func deployReport(c *call) (any, error) { return deployOf(c), nil }

func deployOf(c *call) adminapi.DeployResponse {
	name := c.r.PathValue("workload")
	r, ok := c.p.Deploy(name)
	if !ok {
		r = engine.DeployReport{Workload: name, Verdict: engine.DeployUnknown, Reason: "no line of this workload said its image"}
	}
	return adminapi.DeployResponse{DeployReport: r}
}

// deployGate refuses a deploy that is worse.
func deployGate(c *call) (any, error) {
	r := deployOf(c)
	if r.Verdict == engine.DeployWorse {
		return nil, problem(http.StatusConflict, "the image is worse than the last one: %s", r.Reason)
	}
	return r, nil
}

// containers lists the containers of the engine. The cursor is the name of the last one, a slash, which is in no name, and its id.
func containers(c *call) (any, error) {
	if c.instance.Containers == nil {
		return nil, problem(http.StatusNotFound, "the plugin does not know which containers there are: /api/v1/workloads lists those that records came from")
	}
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	out, cursor := adminapi.ContainersResponse{Containers: []adminapi.Container{}}, c.query.Get("cursor")
	for _, f := range c.instance.Containers() {
		if cursor != "" && f.Name+"/"+f.ID <= cursor {
			continue
		}
		if len(out.Containers) == limit {
			last := out.Containers[limit-1]
			out.Next = last.Name + "/" + last.ID
			break
		}
		item := adminapi.Container{
			ID: f.ID, Name: f.Name, Image: f.Image, Workload: f.Workload, Engine: f.Engine, Followed: f.Followed, Reason: f.Reason, Lines: f.Lines, Hits: f.Hits,
			JoinedRecords: f.JoinedRecords, JoinedLines: f.JoinedLines,
			LastLine: utc(f.Last),
		}
		if f.Followed {
			item.State = f.State.String()
		}
		out.Containers = append(out.Containers, item)
	}
	return out, nil
}
