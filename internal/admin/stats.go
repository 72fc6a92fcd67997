package admin

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

type healthAnswer struct {
	Status string `json:"status"`
}

func health(*call) (any, error) { return healthAnswer{"ok"}, nil }

// ready answers 503 while some instance refuses records. It says no more than that, for everybody may ask.
func ready(c *call) (any, error) {
	all := c.api.door.all()
	if len(all) == 0 {
		return nil, problem(http.StatusServiceUnavailable, "no instance runs")
	}
	for _, i := range all {
		if i.Pipeline.Ready() != nil {
			return nil, problem(http.StatusServiceUnavailable, "an instance does not take records just now")
		}
	}
	return healthAnswer{"ready"}, nil
}

type instancesAnswer struct {
	Instances []instanceItem `json:"instances"`
}

type instanceItem struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"` // plugin or standalone
	Program string    `json:"program"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Ready   bool      `json:"ready"`
	State   string    `json:"state,omitempty"` // why it is not ready
}

func instances(c *call) (any, error) {
	out := instancesAnswer{Instances: []instanceItem{}}
	for _, i := range c.api.door.all() {
		item := instanceItem{
			ID: i.Pipeline.ID(), Kind: "plugin", Program: c.api.registry.opt.Program, Version: c.api.registry.opt.Version,
			Started: i.Pipeline.Started().UTC(), Ready: true,
		}
		if i.Tails != nil {
			item.Kind = "standalone"
		}
		if err := i.Pipeline.Ready(); err != nil {
			item.Ready, item.State = false, err.Error()
		}
		out.Instances = append(out.Instances, item)
	}
	return out, nil
}

type statsAnswer struct {
	Instance        string           `json:"instance"`
	Started         time.Time        `json:"started"`
	Chunks          int64            `json:"chunks"`
	Refused         int64            `json:"refused"` // chunks
	Own             int64            `json:"own"`     // lines of the program's own, left out
	Panics          int64            `json:"panics"`
	Lines           int64            `json:"lines"`
	ContainerEvents int64            `json:"container_events"`
	Hits            int64            `json:"hits"`
	Alerts          int64            `json:"alerts"` // hits that made one: hits = alerts + suppressed + pending
	Sent            int64            `json:"sent"`   // alerts that receivers took, roll-ups included; one that goes to two triggers counts twice
	Pending         int64            `json:"pending"`
	Suppressed      map[string]int64 `json:"suppressed"` // by reason
	Drops           map[string]int64 `json:"drops"`      // by what dropped it
	Keys            int              `json:"keys"`       // cooldown keys and buckets in memory
	Evicted         int64            `json:"evicted"`
	Tails           map[string]int   `json:"tails,omitempty"` // containers by state, in the standalone program
	Docker          *dockerStats     `json:"docker,omitempty"`
	Store           storeStats       `json:"store"`
	Delivery        deliveryStats    `json:"delivery"`
	Problems        []string         `json:"problems"` // of the configuration in force
	Warnings        []warningItem    `json:"warnings"` // reasons why it alerts nobody, or not about what it is meant to watch
	Evaluation      evaluationStats  `json:"evaluation"`
	Rules           []ruleStats      `json:"rules"`
	Gone            goneStats        `json:"gone"`
	Workloads       busiestWorkloads `json:"workloads"`
	Triggers        []triggerStats   `json:"triggers"`
	Streams         int              `json:"streams"` // that are open at this listener
}

// warningItem is a reason why an instance that runs alerts nobody.
type warningItem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func warningsOf(p *pipeline.Pipeline) []warningItem {
	out := []warningItem{}
	for _, w := range p.Warnings() {
		out = append(out, warningItem(w))
	}
	return out
}

type storeStats struct {
	Mode      string `json:"mode"`
	Path      string `json:"path"`
	Used      int64  `json:"used"`
	Max       int64  `json:"max"`
	Error     string `json:"error,omitempty"`
	Recovered int64  `json:"recovered"`
	Aside     string `json:"aside,omitempty"`
	Lost      int64  `json:"lost"`
}

type deliveryStats struct {
	Accepted   int64 `json:"accepted"`
	Duplicates int64 `json:"duplicates"`
	Backlog    int64 `json:"backlog"`
	Delivered  int64 `json:"delivered"`
	Retried    int64 `json:"retried"`
	Held       int64 `json:"held"`
	Refused    int64 `json:"refused"`
	Expired    int64 `json:"expired"`
	InFlight   int64 `json:"in_flight"`
}

type evaluationStats struct {
	Nanos int64 `json:"nanos"` // spent on records, from decoding to judging
}

type ruleStats struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Workload   string           `json:"workload,omitempty"` // the glob of the block that it is of
	Hits       int64            `json:"hits"`
	Alerts     int64            `json:"alerts"`
	Sent       int64            `json:"sent"`
	Pending    int64            `json:"pending"`
	Suppressed map[string]int64 `json:"suppressed"`
	Nanos      int64            `json:"nanos"`                 // spent on the rule beside what all share; from samples
	Estimate   float64          `json:"estimate_ns,omitempty"` // what the filter of its text costs a line, roughly
	Filter     string           `json:"filter,omitempty"`
}

// goneStats is the sum over the rules that are no longer in force, and over the program's own alerts. The totals have it, too.
type goneStats struct {
	Hits       int64            `json:"hits"`
	Alerts     int64            `json:"alerts"`
	Sent       int64            `json:"sent"`
	Pending    int64            `json:"pending"`
	Suppressed map[string]int64 `json:"suppressed"`
}

type triggerStats struct {
	Name       string     `json:"name"`
	Configured bool       `json:"configured"`
	Sent       int64      `json:"sent"`     // since the instance was started
	Accepted   int64      `json:"accepted"` // this and those below, since the store began
	Delivered  int64      `json:"delivered"`
	Pending    int64      `json:"pending"`
	Dead       int64      `json:"dead"`
	Dropped    int64      `json:"dropped"`
	Removed    int64      `json:"removed"`
	Failures   int        `json:"failures"`
	Hold       string     `json:"hold,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Next       *time.Time `json:"next_attempt,omitempty"`
	Oldest     *time.Time `json:"oldest,omitempty"`
}

func stats(c *call) (any, error) {
	s := c.p.Stats(c.r.Context())
	met, otherMet := c.p.Workloads()
	tails := c.instance.tails(&s)
	out := statsAnswer{
		Instance: c.p.ID(), Started: c.p.Started().UTC(), Chunks: s.Chunks, Refused: s.Refused, Own: s.Own,
		Panics: s.Panics + s.Delivery.Panics + c.api.registry.panics.Load(), Lines: s.Engine.Lines, ContainerEvents: s.Engine.Events,
		Keys: s.Engine.Keys, Evicted: s.Engine.Evicted, Drops: drops(&s), Problems: problemsOf(c.api.registry, c.instance), Warnings: warningsOf(c.p), Rules: rulesStats(c.p, &s), Workloads: busiestOf(met, otherMet, s.Sent.Workloads), Triggers: []triggerStats{},
		Evaluation: evaluationStats{Nanos: s.Nanos}, Streams: len(c.api.streams),
		Store: storeStats{
			Mode: string(s.Delivery.Store.Mode), Path: s.Delivery.Store.Path, Used: int64(s.Delivery.Store.Used), Max: int64(s.Delivery.Store.Max),
			Recovered: s.Delivery.Store.Recovered, Aside: s.Delivery.Store.Aside, Lost: s.Delivery.Store.Lost,
		},
		Delivery: deliveryStats{
			Accepted: s.Delivery.Accepted, Duplicates: s.Delivery.Duplicates, Backlog: s.Delivery.Backlog, Delivered: s.Delivery.Delivered,
			Retried: s.Delivery.Retried, Held: s.Delivery.Held, Refused: s.Delivery.Refused, Expired: s.Delivery.Expired, InFlight: s.Delivery.InFlight,
		},
	}
	if err := s.Delivery.Store.Err; err != nil {
		out.Store.Error = err.Error()
	}
	sum := s.Engine.Total()
	out.Hits, out.Alerts, out.Pending, out.Suppressed = sum.Hits, sum.Alerts, sum.Pending, suppressedOf(sum.Suppressed)
	out.Sent = s.Sent.Total
	out.Gone = goneStats{s.Engine.Retired.Hits, s.Engine.Retired.Alerts, s.Sent.Total, s.Engine.Retired.Pending, suppressedOf(s.Engine.Retired.Suppressed)}
	for i := range out.Rules {
		out.Gone.Sent -= out.Rules[i].Sent
	}
	for i := range s.Delivery.Triggers {
		t := triggerOf(s.Delivery.Triggers[i].TriggerInfo, s.Delivery.Triggers[i].Configured)
		t.Sent = s.Sent.Triggers[t.Name]
		out.Triggers = append(out.Triggers, t)
	}
	if tails != nil {
		out.Tails, out.Docker = tailsOf(tails), dockerOf(tails)
		out.Drops["gaps"] = tails.Gaps
	}
	return out, nil
}

// drops says what was dropped, by what dropped it.
func drops(s *pipeline.Stats) map[string]int64 {
	return map[string]int64{
		"delivery_bound": s.Delivery.Dropped, "backlog": s.Delivery.Lost, "damaged_store": s.Delivery.Store.Lost, "broken_events": s.Records.Broken,
		"overlong_bytes": s.Records.DroppedBytes, "tap": s.TapDropped,
	}
}

func tailsOf(s *docker.Stats) map[string]int {
	out := map[string]int{}
	for state, n := range s.States {
		out[docker.State(state).String()] = n
	}
	return out
}

func triggerOf(info store.TriggerInfo, configured bool) triggerStats {
	t := triggerStats{
		Name: info.Name, Configured: configured, Accepted: info.Counts.Accepted, Delivered: info.Counts.Delivered, Pending: info.Counts.Pending,
		Dead: info.Counts.Dead, Dropped: info.Counts.Dropped, Removed: info.Counts.Removed, Failures: info.State.Failures, Reason: info.State.Reason,
		Next: timeOrNil(info.State.NotBefore), Oldest: timeOrNil(info.Oldest),
	}
	if info.State.Hold != store.HoldNone {
		t.Hold = info.State.Hold.String()
	}
	return t
}

func timeOrNil(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

// maxProblemsShown bounds the problems in the stats.
const maxProblemsShown = 100

// problemsOf tells what of the configuration is not in force, and why.
func problemsOf(r *Registry, i *Instance) []string {
	p, out := i.Pipeline, []string{}
	if err := r.problem(i); err != nil {
		out = append(out, p.Loaded().Problem("admin.", err).Error())
	}
	for _, one := range p.Loaded().Problems {
		out = append(out, one.Error())
	}
	for _, broken := range p.Rules().Broken() {
		out = append(out, broken.Error())
	}
	return out[:min(len(out), maxProblemsShown)]
}

// ruleName is a rule as people call it.
type ruleName struct{ name, workload string }

// ruleNames returns the names of the rules in force by their ids.
func ruleNames(s *config.Settings) map[string]ruleName {
	out := map[string]ruleName{}
	for i := range s.Rules {
		out[s.Rules[i].Name] = ruleName{s.Rules[i].Name, ""}
	}
	for i := range s.Workloads {
		w := &s.Workloads[i]
		for j := range w.Rules {
			out[w.Rules[j].Name+"@"+w.Match] = ruleName{w.Rules[j].Name, w.Match}
		}
	}
	return out
}

func rulesStats(p *pipeline.Pipeline, s *pipeline.Stats) []ruleStats {
	names, costs := ruleNames(p.Settings()), p.Rules().Costs()
	out := make([]ruleStats, 0, len(s.Engine.Rules))
	for _, id := range slices.Sorted(maps.Keys(s.Engine.Rules)) {
		n, known := names[id]
		if !known { // it was removed a moment ago
			n.name = id
		}
		counts := s.Engine.Rules[id]
		r := ruleStats{
			ID: id, Name: n.name, Workload: n.workload, Hits: counts.Hits, Alerts: counts.Alerts, Sent: s.Sent.Rules[id], Pending: counts.Pending,
			Suppressed: suppressedOf(counts.Suppressed), Nanos: s.Engine.Nanos[id],
		}
		if cost, ok := costs[id]; ok {
			r.Estimate, r.Filter = cost.EstimatedNsPerLine, cost.Filter.String()
		}
		out = append(out, r)
	}
	return out
}

func suppressedOf(counts [engine.NumReasons]int64) map[string]int64 {
	out := map[string]int64{}
	for why, n := range counts {
		if n > 0 {
			out[engine.Reason(why).String()] = n
		}
	}
	return out
}
