package admin

import (
	"context"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
)

const namespace = "fluentbit_trigger_"

// The bounds of labels: what is beyond is summed up under otherLabel.
const (
	maxRuleLabels    = 200
	maxTriggerLabels = 100
	otherLabel       = "other"
)

// metrics collects the counters of the instances of a door. The label id names the instance.
type metrics struct {
	api   *api
	descs map[string]*prometheus.Desc
}

// metric is the description of one metric.
type metric struct {
	name, help string
	labels     []string
}

func metricList() []metric {
	return []metric{
		{"build_info", "The program, as labels.", []string{"program", "version", "go"}},
		{"start_time_seconds", "When the instance was started, in seconds since 1970.", nil},
		{"ready", "Whether the instance takes records.", nil},
		{"chunks_total", "Chunks of records that were accepted.", nil},
		{"chunks_refused_total", "Chunks that were refused until there is room.", nil},
		{"lines_total", "Lines that were evaluated.", nil},
		{"container_events_total", "Events of containers that were evaluated.", nil},
		{"own_lines_total", "Lines of the program's own, which are left out.", nil},
		{"evaluation_seconds_total", "Time spent on evaluating lines.", nil},
		{"hits_total", "Hits by rule. Of many rules the busiest have labels of their own; other is the rest, and rules that are gone.", []string{"rule"}},
		{"alerts_total", "Hits that made an alert, by rule. Alerts that time makes, such as roll-ups, stand for no hit of their own, and are not counted.", []string{"rule"}},
		{"rule_sent_total", "Alerts that receivers took, by rule, roll-ups included: one that goes to two triggers counts twice.", []string{"rule"}},
		{"rule_seconds_total", "Time spent on a rule beside what all share, estimated from samples.", []string{"rule"}},
		{"pending_hits", "Hits whose fate is not told yet, by rule.", []string{"rule"}},
		{"suppressed_total", "Hits that made no alert of their own, by reason.", []string{"reason"}},
		{"rule_suppressed_total", "Hits that made no alert of their own, by rule and reason.", []string{"rule", "reason"}},
		{"rule_filter_seconds", "What the filter of a rule's text costs a line, roughly, and how it filters.", []string{"rule", "filter"}},
		{"workloads", "Workloads that records came from.", nil},
		{"rules", "Rules in force.", nil},
		{"keys", "Cooldown keys and buckets in memory.", nil},
		{"evicted_total", "Keys that were forgotten for want of room.", nil},
		{"config_problems", "Problems of the configuration in force.", nil},
		{"warnings", "Reasons why the instance alerts nobody, or not about what it is meant to watch.", nil},
		{"panics_total", "Panics that were recovered.", nil},
		{"dropped_total", "What was dropped, by what dropped it.", []string{"what"}},
		{"tails", "Containers that are followed, by state.", []string{"state"}},
		{"alerts_stored_total", "Alerts that were kept for delivery.", nil},
		{"alerts_duplicate_total", "Alerts that came again and were left out.", nil},
		{"backlog", "Alerts that wait in memory for the store.", nil},
		{"deliveries_total", "Deliveries that ended, and attempts that did not, by outcome.", []string{"outcome"}},
		{"deliveries_in_flight", "Messages under way, or about to be.", nil},
		{"deliveries_pending", "Deliveries that wait, by trigger.", []string{"trigger"}},
		{"oldest_delivery_age_seconds", "How long the oldest delivery waits, by trigger; 0 where none does.", []string{"trigger"}},
		{"trigger_configured", "Whether a trigger is one of the configuration in force.", []string{"trigger"}},
		{"trigger_accepted_total", "Alerts that were kept for a trigger, since the store began.", []string{"trigger"}},
		{"trigger_dropped_total", "Alerts for a trigger that a bound or a damaged store took, since the store began.", []string{"trigger"}},
		{"sent_total", "Alerts that the receiver of a trigger took, since the instance was started.", []string{"trigger"}},
		{"trigger_removed_total", "Alerts for a trigger that somebody removed, since the store began.", []string{"trigger"}},
		{"trigger_next_attempt_time_seconds", "When a trigger is tried again, in seconds since 1970; 0 where nothing keeps it waiting.", []string{"trigger"}},
		{"trigger_delivered_total", "Alerts that arrived, by trigger, since the store began.", []string{"trigger"}},
		{"dead_letters", "Deliveries that are not tried any more, by trigger.", []string{"trigger"}},
		{"trigger_failures", "Failures in a row, by trigger.", []string{"trigger"}},
		{"trigger_on_hold", "Whether a trigger is on hold.", []string{"trigger"}},
		{"delivery_duration_seconds", "How long attempts took, by trigger.", []string{"trigger"}},
		{"store_info", "Where the store is, as labels.", []string{"mode", "path"}},
		{"store_used_bytes", "What the store holds.", nil},
		{"store_max_bytes", "What the store may hold.", nil},
		{"store_up", "Whether the store's last operation worked.", nil},
		{"store_recovered_total", "How often a damaged file was replaced.", nil},
		{"streams", "Streams that are open at the listener.", nil},
	}
}

// newMetrics returns the handler of /metrics, with a registry of its own.
func newMetrics(a *api) http.Handler {
	m := &metrics{api: a, descs: map[string]*prometheus.Desc{}}
	for _, d := range slices.Concat(metricList(), dockerMetricList()) {
		m.descs[d.name] = prometheus.NewDesc(namespace+d.name, d.help, append([]string{"id"}, d.labels...), nil)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second, DisableCompression: true})
}

// Describe lists the metrics.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, name := range slices.Sorted(maps.Keys(m.descs)) {
		ch <- m.descs[name]
	}
}

// Collect reads all instances. A panic costs what was not collected by then.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	defer func() {
		if cause := recover(); cause != nil {
			m.api.registry.panics.Add(1)
		}
	}()
	for _, i := range m.api.door.all() {
		m.instance(ch, i)
	}
}

// sink sends the metrics of one instance.
type sink struct {
	*metrics
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

func (m *metrics) instance(ch chan<- prometheus.Metric, i *Instance) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	p := i.Pipeline
	i.labels.mu.Lock() // so that no look is older than the one before
	defer i.labels.mu.Unlock()
	stats := p.Stats(ctx)
	s := &sink{m, ch, p.ID()}
	opt := &m.api.registry.opt
	tails := i.tails(&stats)
	s.gauge("build_info", 1, opt.Program, opt.Version, runtime.Version())
	s.gauge("start_time_seconds", float64(p.Started().UnixNano())/1e9)
	s.gauge("ready", boolValue(p.Ready() == nil))
	s.counter("chunks_total", stats.Chunks)
	s.counter("chunks_refused_total", stats.Refused)
	s.counter("lines_total", stats.Engine.Lines)
	s.counter("container_events_total", stats.Engine.Events)
	s.counter("own_lines_total", stats.Own)
	s.add(prometheus.CounterValue, "evaluation_seconds_total", float64(stats.Nanos)/1e9)
	s.rules(&i.labels, &stats, p.Rules().Costs())
	met, _ := p.Workloads()
	s.gauge("workloads", float64(len(met)))
	s.gauge("keys", float64(stats.Engine.Keys))
	s.counter("evicted_total", stats.Engine.Evicted)
	problems := len(p.Loaded().Problems) + len(p.Rules().Broken())
	if m.api.registry.problem(i) != nil {
		problems++
	}
	s.gauge("config_problems", float64(problems))
	s.gauge("warnings", float64(len(p.Warnings())))
	s.counter("panics_total", stats.Panics+stats.Delivery.Panics+m.api.registry.panics.Load())
	gone := drops(&stats)
	if tails != nil {
		gone["gaps"] = tails.Gaps
		s.docker(tails)
	}
	for _, what := range slices.Sorted(maps.Keys(gone)) {
		s.counter("dropped_total", gone[what], what)
	}
	s.delivery(&stats.Delivery, p.Now())
	s.gauge("streams", float64(len(m.api.streams)))
}

// rules tells of the rules that have a label, and of the others together.
func (s *sink) rules(labels *ruleLabels, stats *pipeline.Stats, costs map[string]match.Cost) {
	others, pending := labels.look(stats)
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
		if n > 0 { // a rule meets few of the reasons
			s.counter("rule_suppressed_total", n, name, engine.Reason(why).String())
		}
	}
}

func (s *sink) delivery(d *delivery.Stats, now time.Time) {
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
	var others delivery.Latency
	for n := range d.Triggers {
		t := &d.Triggers[n]
		if n >= maxTriggerLabels { // those beyond are in the sums above
			others.Add(&t.Latency)
			continue
		}
		if t.Name == otherLabel {
			others.Add(&t.Latency)
		} else if t.Configured {
			s.latency(t.Name, &t.Latency)
		}
		s.trigger(t, now)
		s.counter("sent_total", d.Sent.To[t.Name], t.Name)
	}
	if others.Counts != nil {
		s.latency(otherLabel, &others)
	}
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

func (s *sink) latency(trigger string, l *delivery.Latency) {
	if len(l.Counts) == 0 { // it is configured, and not set up yet
		return
	}
	buckets, count := map[float64]uint64{}, uint64(0)
	for n, bound := range delivery.LatencyBounds() {
		count += uint64(l.Counts[n])
		buckets[bound.Seconds()] = count
	}
	count += uint64(l.Counts[len(l.Counts)-1])
	s.ch <- prometheus.MustNewConstHistogram(s.descs["delivery_duration_seconds"], count, l.Sum.Seconds(), buckets, s.id, trigger)
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// serveMetrics answers in the format that Prometheus reads.
func serveMetrics(c *call) (any, error) {
	c.api.metrics.ServeHTTP(c.w, c.r)
	return nil, errAnswered
}
