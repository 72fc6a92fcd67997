package admin

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/metrics"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/hours"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

func health(*call) (any, error) { return adminapi.HealthResponse{Status: "ok"}, nil }

// ready responds 503 while an instance refuses records. It gives no details, because it needs no token.
func ready(c *call) (any, error) {
	all := c.api.listener.all()
	if len(all) == 0 {
		return nil, problem(http.StatusServiceUnavailable, "no instance is running")
	}
	for _, i := range all {
		if i.Pipeline.Ready() != nil {
			return nil, problem(http.StatusServiceUnavailable, "an instance does not accept records at the moment")
		}
	}
	return adminapi.HealthResponse{Status: "ready"}, nil
}

func instances(c *call) (any, error) {
	out := adminapi.InstancesResponse{Instances: []adminapi.Instance{}}
	for _, i := range c.api.listener.all() {
		item := adminapi.Instance{
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

func warningsOf(p *pipeline.Pipeline) []adminapi.Warning {
	out := []adminapi.Warning{}
	for _, w := range p.Warnings() {
		out = append(out, adminapi.Warning(w))
	}
	return out
}

func stats(c *call) (any, error) {
	s := c.p.Stats(c.r.Context())
	met, otherMet := c.p.Workloads()
	tails := c.instance.docker(&s)
	out := adminapi.StatsResponse{
		Instance: c.p.ID(), Started: c.p.Started().UTC(), Chunks: s.Chunks, Refused: s.Refused, Own: s.Own,
		Panics: s.Panics + s.Delivery.Panics + c.api.registry.panics.Load(), Lines: s.Engine.Lines, ContainerEvents: s.Engine.Events,
		Keys: s.Engine.Keys, Evicted: s.Engine.Evicted, Redacted: some(s.Engine.Redacted), Drops: metrics.Dropped(&s, tails), Problems: problemsOf(c.api.registry, c.instance), Warnings: warningsOf(c.p), Rules: rulesStats(c.p, &s), Workloads: busiestOf(met, otherMet, s.Sent.Workloads), Triggers: []adminapi.TriggerStats{},
		Evaluation: adminapi.EvaluationStats{Nanos: s.Nanos}, Streams: len(c.api.streams),
		Store: adminapi.StoreStats{
			Mode: string(s.Delivery.Store.Mode), Path: s.Delivery.Store.Path, Used: int64(s.Delivery.Store.Used), Max: int64(s.Delivery.Store.Max),
			Recovered: s.Delivery.Store.Recovered, Aside: s.Delivery.Store.Aside, Lost: s.Delivery.Store.Lost,
		},
		Delivery: adminapi.DeliveryStats{
			Accepted: s.Delivery.Accepted, Duplicates: s.Delivery.Duplicates, Backlog: s.Delivery.Backlog, Delivered: s.Delivery.Delivered,
			Retried: s.Delivery.Retried, Held: s.Delivery.Held, Refused: s.Delivery.Refused, Expired: s.Delivery.Expired, InFlight: s.Delivery.InFlight,
		},
	}
	if s.Fleet.On {
		f := fleetStats(&s.Fleet)
		out.Fleet = &f
	}
	if h := &s.Heartbeat; h.On {
		out.Heartbeat = &adminapi.HeartbeatStats{Sent: h.Sent, Failed: h.Failed, Withheld: h.Withheld, Last: h.Last, Reason: h.Reason}
	}
	if err := s.Delivery.Store.Err; err != nil {
		out.Store.Error = err.Error()
	}
	sum := s.Engine.Total()
	out.Hits, out.Alerts, out.Pending, out.Suppressed = sum.Hits, sum.Alerts, sum.Pending, suppressedOf(sum.Suppressed)
	out.Sent = s.Sent.Total
	out.Gone = adminapi.GoneStats{
		Hits: s.Engine.Retired.Hits, Alerts: s.Engine.Retired.Alerts, Sent: s.Sent.Total, Pending: s.Engine.Retired.Pending, Suppressed: suppressedOf(s.Engine.Retired.Suppressed),
	}
	for i := range out.Rules {
		out.Gone.Sent -= out.Rules[i].Sent
	}
	tested := c.p.Tested()
	for i := range s.Delivery.Triggers {
		t := triggerOf(s.Delivery.Triggers[i].TriggerInfo, s.Delivery.Triggers[i].Configured)
		t.Sent, t.OutsideHours, t.Tested = s.Sent.Triggers[t.Name], s.OutsideHours[t.Name], tested[t.Name]
		if p, ok := s.Hours[t.Name]; ok {
			t.Hours = periodOf(p, c.p.Now())
		}
		out.Triggers = append(out.Triggers, t)
	}
	if tails != nil {
		out.Tails, out.Docker = tailsOf(tails), dockerOf(tails)
	}
	out.Checklist = adminapi.NewChecklist(&out)
	return out, nil
}

func tailsOf(s *docker.Stats) map[string]int64 {
	out := map[string]int64{}
	for state, n := range s.States {
		out[docker.State(state).String()] = int64(n)
	}
	return out
}

func triggerOf(info store.TriggerInfo, configured bool) adminapi.TriggerStats {
	t := adminapi.TriggerStats{
		Name: info.Name, Configured: configured, Accepted: info.Counts.Accepted, Delivered: info.Counts.Delivered, Pending: info.Counts.Pending,
		Dead: info.Counts.Dead, Dropped: info.Counts.Dropped, Removed: info.Counts.Removed, Held: info.Counts.Held, Failures: info.State.Failures, Reason: info.State.Reason,
		NextAttempt: utc(info.State.NotBefore), Oldest: utc(info.Oldest),
	}
	if info.State.Hold != store.HoldNone {
		t.Hold = info.State.Hold.String()
	}
	return t
}

// periodOf returns the hours that contain a moment, or the next ones, for a response.
func periodOf(p hours.Period, now time.Time) *adminapi.Period {
	out := &adminapi.Period{}
	if p.From > now.UnixNano() {
		out.From = time.Unix(0, p.From).UTC()
	}
	if p.Until != 0 {
		out.Until = time.Unix(0, p.Until).UTC()
	}
	return out
}

// utc returns a time in UTC. The zero time stays zero, so that the response omits it.
func utc(at time.Time) time.Time {
	if at.IsZero() {
		return time.Time{}
	}
	return at.UTC()
}

// maxProblemsShown bounds the problems in a response.
const maxProblemsShown = 100

// problemsOf returns the problems of the configuration in force.
func problemsOf(r *Registry, i *Instance) []string {
	p, out := i.Pipeline, []string{}
	if err := r.problem(i); err != nil {
		for _, one := range p.Loaded().Unavailable("admin.", err) {
			out = append(out, one.Error())
		}
	}
	for _, one := range p.Loaded().Problems {
		out = append(out, one.Error())
	}
	for _, broken := range p.Rules().Broken() {
		out = append(out, broken.Error())
	}
	return out[:min(len(out), maxProblemsShown)]
}

// ruleName is the name of a rule and the glob of its workload block.
type ruleName struct{ name, workload string }

// ruleNames returns the names of the rules in force by ID.
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

func rulesStats(p *pipeline.Pipeline, s *pipeline.Stats) []adminapi.RuleStats {
	names, costs := ruleNames(p.Settings()), p.Rules().Costs()
	out := make([]adminapi.RuleStats, 0, len(s.Engine.Rules))
	for _, id := range slices.Sorted(maps.Keys(s.Engine.Rules)) {
		n, known := names[id]
		if !known { // it was just removed
			n.name = id
		}
		counts := s.Engine.Rules[id]
		r := adminapi.RuleStats{
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

// docker returns the counters of the standalone program's log reader, and adds its panics to those of the pipeline; nil in the plugin.
func (i *Instance) docker(s *pipeline.Stats) *docker.Stats {
	if i.Tails == nil {
		return nil
	}
	d := i.Tails()
	s.Panics += d.Panics
	return &d
}

func dockerOf(d *docker.Stats) *adminapi.DockerStats {
	out := &adminapi.DockerStats{
		Notices: map[string]int64{}, Stalled: d.Stalls, Broken: d.Broken, Invalid: d.Invalid, Replayed: d.Replayed, Missed: d.Missed,
		Unsaved: d.Unsaved, Records: d.Records, Joined: d.Joined, Cut: d.Cut,
	}
	for kind, n := range d.Notices {
		out.Notices[string(kind)] = n
	}
	return out
}

// some returns the counts that are not zero.
func some(counts map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for name, n := range counts {
		if n != 0 {
			out[name] = n
		}
	}
	return out
}
