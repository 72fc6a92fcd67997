// Package metrics exposes the counters of pipelines to Prometheus.
//
// It promises:
//   - No counter falls while its instance runs, whichever rules come and go.
//   - The number of series is bounded: rules and triggers beyond the limit share the label "other".
//   - A panic ends one scrape and is counted.
package metrics

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
)

// Namespace begins the name of every metric.
const Namespace = "fluentbit_trigger_"

// Limits of labels. Everything beyond them is summed up under otherLabel.
const (
	MaxRules    = 200
	maxTriggers = 100
	otherLabel  = "other"
)

// Source is the listener whose instances are collected.
type Source struct {
	Program, Version string
	Instances        func() []Instance
	Streams          func() int // open streams
	Log              func() *slog.Logger
	Panics           *atomic.Int64 // recovered outside of the pipelines
}

// Instance is one pipeline. The label id names it.
type Instance struct {
	Pipeline *pipeline.Pipeline
	Labels   *RuleLabels
	Docker   func() docker.Stats // nil in the plugin
	Moved    bool                // the listener could not follow the configuration, which counts as a problem
}

// collector implements prometheus.Collector.
type collector struct {
	source Source
	descs  map[string]*prometheus.Desc
}

// Metric describes one metric.
type Metric struct {
	Name, Help string   // the name without the prefix that all have
	Labels     []string // besides id, the instance's
}

// List returns all metrics, without those of Go and the process.
func List() []Metric {
	return []Metric{
		{"build_info", "Program, version and Go version as labels.", []string{"program", "version", "go"}},
		{"start_time_seconds", "Start of the instance as a Unix time.", nil},
		{"ready", "Whether the instance accepts records.", nil},
		{"chunks_total", "Chunks accepted.", nil},
		{"chunks_refused_total", "Chunks refused because neither the store nor memory had room for alerts.", nil},
		{"lines_total", "Log lines evaluated.", nil},
		{"container_events_total", "Container events evaluated.", nil},
		{"own_lines_total", "Log lines of this program, which are skipped.", nil},
		{"evaluation_seconds_total", "Time spent on evaluating records.", nil},
		{"hits_total", "Records that a rule matched. The label other sums up rules without a label of their own and rules that are gone.", []string{"rule"}},
		{"alerts_total", "Hits with an alert of their own. Roll-ups and other alerts that a timer makes are not counted.", []string{"rule"}},
		{"rule_sent_total", "Alerts that receivers accepted, by rule, including roll-ups. An alert sent by two triggers counts twice.", []string{"rule"}},
		{"rule_seconds_total", "CPU time of a rule without the cost that all rules share, estimated from samples.", []string{"rule"}},
		{"pending_hits", "Hits that are not decided yet.", []string{"rule"}},
		{"suppressed_total", "Hits without an alert of their own, by reason.", []string{"reason"}},
		{"rule_suppressed_total", "Hits without an alert of their own, by rule and reason.", []string{"rule", "reason"}},
		{"rule_filter_seconds", "Estimated cost of a rule's prefilter per line.", []string{"rule", "filter"}},
		{"redacted_total", "Secrets masked in alerts, by the name of the mask.", []string{"mask"}},
		{"heartbeat_requests_total", "Heartbeats, by result: sent, failed, or withheld because alerts might not arrive.", []string{"result"}},
		{"heartbeat_interval_seconds", "How often a heartbeat is due: the setting every.", nil},
		{"heartbeat_last_success_time_seconds", "Unix time of the last heartbeat that the service accepted; 0 if there is none.", nil},
		{"fleet_up", "Whether the fleet's engine answers.", nil},
		{"fleet_claims_total", "Questions whether an alert of a fleet rule may leave, by answer: lead, held, known, late, or error.", []string{"result"}},
		{"fleet_alone_total", "Alerts of fleet rules that left without an answer, by reason.", []string{"why"}},
		{"fleet_given_hits_total", "Hits given to the fleet's engine since the store was made.", nil},
		{"fleet_reported_hits_total", "Hits of the fleet's roll-ups that this node sent, since the store was made.", nil},
		{"fleet_forgotten_hits_total", "Hits for the fleet that no alert will report, since the store was made.", nil},
		{"fleet_outbox_hits", "Hits that are not given to the fleet's engine yet.", nil},
		{"fleet_handovers_total", "Alerts of other nodes that this node sent.", nil},
		{"fleet_keeper", "Whether this node makes the fleet's roll-ups.", nil},
		{"fleet_nodes", "Nodes of the fleet that are alive.", nil},
		{"fleet_epoch_changes_total", "How often the fleet's engine lost its data.", nil},
		{"fleet_dropped_reports_total", "Reports of hits, templates and lines to the fleet's engine that there was no room for on this node.", nil},
		{"fleet_circuit_open", "Servers of the fleet's engine that are not asked at the moment, because they failed repeatedly.", nil},
		{"fleet_roundtrip_seconds", "Round trips to the fleet's engine. A round trip ends after a fifth of wait, or one second, at the latest.", nil},
		{"fleet_unreported_hits", "Hits given to the fleet's engine that no alert has reported yet, of all nodes. The keeper has it, at most 20 seconds late; on other nodes it is 0.", nil},
		{"fleet_windows", "Windows that the fleet's engine holds, likewise.", nil},
		{"workloads", "Workloads that sent records.", nil},
		{"rules", "Rules in force.", nil},
		{"keys", "Cooldown keys and rate limit buckets in memory.", nil},
		{"evicted_total", "Keys evicted because a limit was reached.", nil},
		{"deploys_total", "Images that took the place of another in a workload.", nil},
		{"deploys_comparing", "New images that are being compared with the last one.", nil},
		{"config_problems", "Problems in the configuration in force.", nil},
		{"warnings", "Reasons why the instance sends no alerts, or not those that were intended.", nil},
		{"panics_total", "Panics recovered.", nil},
		{"dropped_total", "Alerts, lines, records or bytes dropped, by cause.", []string{"what"}},
		{"tails", "Followed containers, by state.", []string{"state"}},
		{"alerts_stored_total", "Alerts stored for delivery.", nil},
		{"alerts_duplicate_total", "Alerts skipped because they were stored before.", nil},
		{"backlog", "Alerts in memory that wait for the store.", nil},
		{"deliveries_total", "Deliveries that ended and attempts that failed, by outcome.", []string{"outcome"}},
		{"deliveries_in_flight", "Messages being sent or about to be sent.", nil},
		{"deliveries_pending", "Deliveries that wait.", []string{"trigger"}},
		{"oldest_delivery_age_seconds", "Age of the oldest pending delivery; 0 if there is none.", []string{"trigger"}},
		{"sent_total", "Alerts that the trigger's receiver accepted since the instance started.", []string{"trigger"}},
		{"outside_during_total", "Alerts that the trigger did not send because they arrived outside the hours of its during.", []string{"trigger"}},
		{"trigger_configured", "Whether the trigger is part of the configuration in force.", []string{"trigger"}},
		{"trigger_accepted_total", "Alerts stored for the trigger since the store was created.", []string{"trigger"}},
		{"trigger_delivered_total", "Alerts delivered since the store was created.", []string{"trigger"}},
		{"trigger_dropped_total", "Alerts dropped because of a limit or a damaged store since the store was created.", []string{"trigger"}},
		{"trigger_removed_total", "Dead letters dropped by a user since the store was created.", []string{"trigger"}},
		{"trigger_held_total", "Deliveries withdrawn because another node of the fleet alerted, since the store was created.", []string{"trigger"}},
		{"trigger_next_attempt_time_seconds", "Unix time of the next attempt while the trigger backs off or is on hold; otherwise 0.", []string{"trigger"}},
		{"trigger_failures", "Consecutive failures.", []string{"trigger"}},
		{"trigger_on_hold", "Whether the trigger is on hold.", []string{"trigger"}},
		{"dead_letters", "Deliveries that are not attempted any more.", []string{"trigger"}},
		{"delivery_duration_seconds", "Duration of delivery attempts.", []string{"trigger"}},
		{"store_info", "Mode and path of the store as labels.", []string{"mode", "path"}},
		{"store_used_bytes", "Size of the store's data.", nil},
		{"store_max_bytes", "Limit of the store's size.", nil},
		{"store_up", "Whether the last operation of the store succeeded.", nil},
		{"store_recovered_total", "Damaged store files that were replaced.", nil},
		{"streams", "Open streams of the listener.", nil},
		{"docker_notices_total", "Notices about log lines that cannot be read, by kind.", []string{"kind"}},
		{"docker_stalled_streams_total", "Log streams reopened because the engine stopped sending.", nil},
		{"docker_broken_streams_total", "Log streams reopened because their data was invalid.", nil},
		{"docker_invalid_timestamps_total", "Records without a valid timestamp.", nil},
		{"docker_replayed_records_total", "Records skipped because they were read before.", nil},
		{"docker_missed_events_total", "Engine events dropped because a queue was full; listing all containers makes up for them.", nil},
		{"joined_records_total", "Records joined of several lines: stack traces.", nil},
		{"joined_lines_total", "Lines of these records.", nil},
		{"cut_records_total", "Joined records that ended at a bound.", nil},
		{"docker_failed_saves_total", "Failed attempts to save log positions, which are retried.", nil},
	}
}

// Handler returns the handler of /metrics, with a registry of its own.
func Handler(source Source) http.Handler {
	m := &collector{source: source, descs: map[string]*prometheus.Desc{}}
	for _, d := range List() {
		m.descs[d.Name] = prometheus.NewDesc(Namespace+d.Name, d.Help, append([]string{"id"}, d.Labels...), nil)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second, DisableCompression: true})
}

// Describe sends the descriptions of all metrics.
func (m *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, name := range slices.Sorted(maps.Keys(m.descs)) {
		ch <- m.descs[name]
	}
}

// Collect sends the metrics of all instances. After a panic the scrape lacks the rest.
func (m *collector) Collect(ch chan<- prometheus.Metric) {
	defer guard.Recover(m.source.Log(), m.source.Panics, "collecting metrics")
	for _, i := range m.source.Instances() {
		m.instance(ch, &i)
	}
}

// sink sends the metrics of one instance.
type sink struct {
	*collector
	ch chan<- prometheus.Metric
	id string
}

func (s *sink) add(kind prometheus.ValueType, name string, value float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(s.descs[name], kind, value, append([]string{s.id}, labels...)...)
}

func (s *sink) counter(name string, value int64, labels ...string) {
	s.add(prometheus.CounterValue, name, float64(value), labels...)
}

func (s *sink) gauge(name string, value float64, labels ...string) {
	s.add(prometheus.GaugeValue, name, value, labels...)
}

func (m *collector) instance(ch chan<- prometheus.Metric, i *Instance) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	p := i.Pipeline
	i.Labels.mu.Lock() // before the counters are read: otherwise a concurrent scrape could record older ones after newer ones
	defer i.Labels.mu.Unlock()
	stats := p.Stats(ctx)
	s := &sink{m, ch, p.ID()}
	panics := stats.Panics + stats.Delivery.Panics + m.source.Panics.Load()
	dropped := Dropped(&stats, nil)
	joined, lines, cut := stats.Records.JoinedRecords, stats.Records.JoinedLines, stats.Records.CutRecords
	if i.Docker != nil {
		d := i.Docker()
		panics += d.Panics
		dropped = Dropped(&stats, &d)
		joined, lines, cut = joined+d.Records, lines+d.Joined, cut+d.Cut
		s.docker(&d)
	}
	s.gauge("build_info", 1, m.source.Program, m.source.Version, runtime.Version())
	s.gauge("start_time_seconds", float64(p.Started().UnixNano())/1e9)
	s.gauge("ready", boolValue(p.Ready() == nil))
	s.counter("chunks_total", stats.Chunks)
	s.counter("joined_records_total", joined)
	s.counter("joined_lines_total", lines)
	s.counter("cut_records_total", cut)
	s.counter("chunks_refused_total", stats.Refused)
	s.counter("lines_total", stats.Engine.Lines)
	s.counter("container_events_total", stats.Engine.Events)
	s.counter("own_lines_total", stats.Own)
	s.add(prometheus.CounterValue, "evaluation_seconds_total", float64(stats.Nanos)/1e9)
	s.rules(i.Labels, &stats, p.Rules().Costs())
	met, _ := p.Workloads()
	s.gauge("workloads", float64(len(met)))
	s.gauge("keys", float64(stats.Engine.Keys))
	s.counter("evicted_total", stats.Engine.Evicted+stats.Engine.Deploys.Evicted)
	s.counter("deploys_total", stats.Engine.Deploys.Deploys)
	s.gauge("deploys_comparing", float64(stats.Engine.Deploys.Comparing))
	if h := &stats.Heartbeat; h.On {
		s.counter("heartbeat_requests_total", h.Sent, "sent")
		s.counter("heartbeat_requests_total", h.Failed, "failed")
		s.counter("heartbeat_requests_total", h.Withheld, "withheld")
		last := 0.0
		if !h.Last.IsZero() {
			last = float64(h.Last.UnixMilli()) / 1e3
		}
		s.gauge("heartbeat_last_success_time_seconds", last)
		s.gauge("heartbeat_interval_seconds", h.Every.Seconds())
	}
	if f := &stats.Fleet; f.On {
		s.gauge("fleet_up", boolValue(f.Up))
		for result, n := range f.Claims {
			s.counter("fleet_claims_total", n, result)
		}
		for why, n := range f.Alone {
			s.counter("fleet_alone_total", n, why)
		}
		s.counter("fleet_given_hits_total", f.Totals.Given)
		s.counter("fleet_reported_hits_total", f.Totals.Reported)
		s.counter("fleet_forgotten_hits_total", f.Totals.Forgotten)
		s.gauge("fleet_outbox_hits", float64(f.Totals.Outbox))
		s.counter("fleet_handovers_total", f.Handovers)
		s.gauge("fleet_keeper", boolValue(f.Keeper))
		s.gauge("fleet_nodes", float64(f.Nodes))
		s.counter("fleet_epoch_changes_total", f.Epochs)
		s.counter("fleet_dropped_reports_total", f.Dropped)
		s.gauge("fleet_circuit_open", float64(f.Circuits))
		s.gauge("fleet_unreported_hits", float64(f.Unreported))
		s.gauge("fleet_windows", float64(f.Windows))
		var trips histogram
		trips.add(f.Trips)
		s.histogram("fleet_roundtrip_seconds", &trips)
	}
	for name, n := range stats.Engine.Redacted {
		s.counter("redacted_total", n, name)
	}
	problems := len(p.Loaded().Problems) + len(p.Rules().Broken())
	if i.Moved {
		problems++
	}
	s.gauge("config_problems", float64(problems))
	s.gauge("warnings", float64(len(p.Warnings())))
	s.counter("panics_total", panics)
	for _, what := range slices.Sorted(maps.Keys(dropped)) {
		s.counter("dropped_total", dropped[what], what)
	}
	s.delivery(&stats, p.Now())
	s.gauge("streams", float64(m.source.Streams()))
}

// rules sends the metrics of rules with a label, and the sums over all others.
func (s *sink) rules(labels *RuleLabels, stats *pipeline.Stats, costs map[string]match.Cost) {
	others, pending := labels.update(stats)
	for _, id := range labels.names() {
		l := labels.labels[id]
		s.rule(id, l.now(), l.pending, l.sent)
		if cost, ok := costs[id]; ok {
			s.gauge("rule_filter_seconds", cost.EstimatedNsPerLine/1e9, id, cost.Filter.String())
		}
	}
	s.rule(otherLabel, others, pending, labels.otherSent(stats.Sent.Total))
	total := stats.Engine.Total()
	for why, n := range total.Suppressed {
		s.counter("suppressed_total", n, engine.Reason(why).String())
	}
	s.gauge("rules", float64(len(stats.Engine.Rules)))
}

func (s *sink) rule(name string, t tally, pending, sent int64) {
	s.add(prometheus.CounterValue, "rule_seconds_total", float64(t.nanos)/1e9, name)
	s.counter("hits_total", t.hits, name)
	s.counter("alerts_total", t.alerts, name)
	s.counter("rule_sent_total", sent, name)
	s.gauge("pending_hits", float64(pending), name)
	for why, n := range t.suppressed {
		if n > 0 { // most rules have few reasons, and each is a series
			s.counter("rule_suppressed_total", n, name, engine.Reason(why).String())
		}
	}
}

func (s *sink) delivery(stats *pipeline.Stats, now time.Time) {
	d := &stats.Delivery
	s.counter("alerts_stored_total", d.Accepted)
	s.counter("alerts_duplicate_total", d.Duplicates)
	s.gauge("backlog", float64(d.Backlog))
	for _, o := range []struct {
		word string
		n    int64
	}{{"delivered", d.Delivered}, {"retried", d.Retried}, {"held", d.Held}, {"refused", d.Refused}, {"expired", d.Expired}, {"dropped", d.Dropped}} {
		s.counter("deliveries_total", o.n, o.word)
	}
	s.gauge("deliveries_in_flight", float64(d.InFlight))
	var others histogram
	for n := range d.Triggers {
		t := &d.Triggers[n]
		var own histogram
		switch {
		case n >= maxTriggers: // deliveries_total has those beyond the limit
			others.add(t.Durations)
			continue
		case t.Name == otherLabel:
			others.add(t.Durations)
		case t.Configured:
			own.add(t.Durations)
		}
		s.histogram("delivery_duration_seconds", &own, t.Name)
		s.trigger(t, now)
		s.counter("sent_total", d.Sent.To[t.Name], t.Name)
		s.counter("outside_during_total", stats.OutsideHours[t.Name], t.Name)
	}
	s.histogram("delivery_duration_seconds", &others, otherLabel)
	s.gauge("store_info", 1, string(d.Store.Mode), d.Store.Path)
	s.gauge("store_used_bytes", float64(d.Store.Used))
	s.gauge("store_max_bytes", float64(d.Store.Max))
	s.gauge("store_up", boolValue(d.Store.Err == nil))
	s.counter("store_recovered_total", d.Store.Recovered)
}

func (s *sink) trigger(t *delivery.TriggerStats, now time.Time) {
	s.gauge("trigger_configured", boolValue(t.Configured), t.Name)
	s.counter("trigger_accepted_total", t.Counts.Accepted, t.Name)
	s.counter("trigger_delivered_total", t.Counts.Delivered, t.Name)
	s.counter("trigger_dropped_total", t.Counts.Dropped, t.Name)
	s.counter("trigger_removed_total", t.Counts.Removed, t.Name)
	s.counter("trigger_held_total", t.Counts.Held, t.Name)
	s.gauge("deliveries_pending", float64(t.Counts.Pending), t.Name)
	s.gauge("dead_letters", float64(t.Counts.Dead), t.Name)
	s.gauge("trigger_failures", float64(t.State.Failures), t.Name)
	s.gauge("trigger_on_hold", boolValue(t.State.Hold != 0), t.Name)
	var age, next float64
	if !t.Oldest.IsZero() {
		age = max(now.Sub(t.Oldest).Seconds(), 0)
	}
	if !t.State.NotBefore.IsZero() {
		next = float64(t.State.NotBefore.UnixNano()) / 1e9
	}
	s.gauge("oldest_delivery_age_seconds", age, t.Name)
	s.gauge("trigger_next_attempt_time_seconds", next, t.Name)
}

// histogram sums up histograms with the same buckets.
type histogram struct {
	count   uint64
	sum     float64
	buckets map[float64]uint64 // cumulative; nil: nothing was added
}

// add adds a metric; nil adds nothing.
func (h *histogram) add(m prometheus.Metric) {
	var out dto.Metric
	if m == nil || m.Write(&out) != nil {
		return
	}
	if h.buckets == nil {
		h.buckets = map[float64]uint64{}
	}
	h.count += out.Histogram.GetSampleCount()
	h.sum += out.Histogram.GetSampleSum()
	for _, b := range out.Histogram.GetBucket() {
		h.buckets[b.GetUpperBound()] += b.GetCumulativeCount()
	}
}

func (s *sink) histogram(name string, h *histogram, labels ...string) {
	if h.buckets != nil {
		s.ch <- prometheus.MustNewConstHistogram(s.descs[name], h.count, h.sum, h.buckets, append([]string{s.id}, labels...)...)
	}
}

func (s *sink) docker(d *docker.Stats) {
	for state, n := range d.States {
		s.gauge("tails", float64(n), docker.State(state).String())
	}
	for _, kind := range docker.NoticeKinds() {
		s.counter("docker_notices_total", d.Notices[kind], string(kind))
	}
	s.counter("docker_stalled_streams_total", d.Stalls)
	s.counter("docker_broken_streams_total", d.Broken)
	s.counter("docker_invalid_timestamps_total", d.Invalid)
	s.counter("docker_replayed_records_total", d.Replayed)
	s.counter("docker_missed_events_total", d.Missed)
	s.counter("docker_failed_saves_total", d.Unsaved)
}

// Dropped returns the counters of dropped things by cause. d is nil in the plugin.
func Dropped(s *pipeline.Stats, d *docker.Stats) map[string]int64 {
	out := map[string]int64{
		"delivery_bound": s.Delivery.Dropped, "backlog": s.Delivery.Lost, "damaged_store": s.Delivery.Store.Lost, "broken_events": s.Records.Broken,
		"overlong_bytes": s.Records.DroppedBytes, "tap": s.TapDropped,
	}
	if d != nil {
		out["gaps"] = d.Gaps
	}
	return out
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
