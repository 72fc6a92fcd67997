package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/template"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
)

// recordOf returns the engine's record of a line, decoded as the instance decodes records.
func recordOf(l *adminapi.LogLine, records *chunk.Settings, now time.Time) (*engine.Record, error) {
	rec := &engine.Record{Time: now.UnixNano(), Fields: records.FieldsOf(l.Fields)}
	rec.Text, _ = records.Line(nil, []byte(l.Line))
	if !l.Time.IsZero() {
		rec.Time = l.Time.UnixNano()
	}
	switch l.Stream {
	case "", "both":
	case "stdout":
		rec.Stream = engine.Stdout
	case "stderr":
		rec.Stream = engine.Stderr
	default:
		return nil, problem(http.StatusBadRequest, "stream %s: must be one of stdout, stderr", quoted(l.Stream))
	}
	if l.Severity != "" {
		if err := rec.Severity.UnmarshalText([]byte(l.Severity)); err != nil {
			return nil, problem(http.StatusBadRequest, "severity %s: must be one of %s", quoted(l.Severity), strings.Join(engine.SeverityNames(), ", "))
		}
	}
	if l.Workload == "" {
		l.Workload = "unknown"
	}
	rec.Source = &engine.Source{
		Kind: "log", Workload: l.Workload, Host: l.Host, Tag: l.Tag, Container: engine.Container{ID: l.Container, Name: l.Container, Image: l.Image},
	}
	return rec, nil
}

func explain(c *call) (any, error) {
	var q adminapi.ExplainRequest
	if err := c.bodyInto(&q); err != nil {
		return nil, err
	}
	rec, err := recordOf(&q.LogLine, c.p.Records(), c.p.Now())
	if err != nil {
		return nil, err
	}
	out := adminapi.ExplainResponse{Rules: explanations(c.r.Context(), c.p, rec)}
	if len(out.Rules) == 0 {
		out.Note = "no rule applies to this workload"
	} else if !slices.ContainsFunc(out.Rules, func(x adminapi.Explanation) bool { return x.Matched || x.Ends != nil }) {
		out.Note = "no rule matches"
	}
	return out, nil
}

func explanations(ctx context.Context, p *pipeline.Pipeline, rec *engine.Record) []adminapi.Explanation {
	out, redactor := []adminapi.Explanation{}, p.Rules().Redactor
	all := p.Explain(rec)
	ctx, cancel := context.WithTimeout(ctx, fleetWithin)
	defer cancel()
	for i := range all {
		item := explanationOf(p, &all[i], rec, redactor)
		if rule := p.Rules().Find(all[i].RuleID, rec.Source.Workload); all[i].Hit && rule != nil && rule.Settings.Fleet() {
			explainFleet(ctx, p, &all[i], &rule.Settings, &item)
		}
		out = append(out, item)
	}
	return out
}

// fleetWithin bounds the questions of one explanation to the fleet's engine, all together.
const fleetWithin = 3 * time.Second

// explainFleet adds the fleet's answer to the alert of a hit.
func explainFleet(ctx context.Context, p *pipeline.Pipeline, x *engine.Explanation, rule *engine.RuleSettings, item *adminapi.Explanation) {
	step := func(format string, args ...any) {
		item.Steps = append(item.Steps, "fleet: "+fmt.Sprintf(format, args...))
	}
	switch {
	case x.Preview == nil || x.Alert == nil:
		return
	case !p.Fleet().On():
		step("there is none, so each node alerts by itself")
		return
	case x.Preview.Overflow:
		step("not asked, because the container's templates are too many")
		return
	case rule.Absent > 0:
		step("waits for the line on all nodes, and hears of this one")
		return
	case x.Preview.OfFleet && x.Preview.Reason == engine.ReasonThreshold.String() && rule.Count == 0:
		step("compares the hits of all nodes, and says when they are too many")
	case x.Preview.OfFleet && x.Preview.Reason == engine.ReasonThreshold.String():
		step("counts the hit with those of all nodes, and says when they reach the threshold")
	case x.Preview.OfFleet && rule.After != "":
		step("is asked whether %s was hit on another node before, and alerts if so", rule.After)
	case x.Preview.OfFleet && rule.Without != "":
		step("waits for %s on all nodes, and reports if none is hit", rule.Without)
		return
	case x.Preview.Alerts && rule.FirstSeen != 0:
		step("withdraws the alert if another node has seen the template")
	}
	o, err := p.Fleet().Outlook(ctx, x.Alert.Key)
	item.Fleet = &adminapi.FleetPreview{Held: o.Held}
	if o.Open {
		w := fleetWindowOf(&o.Window, p.Now())
		item.Fleet.Window = &w
	}
	left := o.Window.Left.Round(time.Second)
	lead := cmp.Or(o.Window.LeadNode, "a roll-up")
	switch {
	case err != nil:
		item.Fleet.Error = err.Error()
		step("%v, so the alert would leave by itself", err)
	case !o.Open:
		step("no node has alerted, so the first that does leads")
	case !o.Held:
		step("its cooldown is over, so the next alert leads")
	case left > 0:
		step("%s alerted, and the incident cools down for %s", lead, left)
	default:
		step("%s alerted, and hits of the cooldown wait for their roll-up", lead)
	}
	if o.Held && x.Preview.Alerts {
		item.Why = "suppressed: fleet"
		step("this node would ask, and its alert would be withdrawn")
	}
}

func explanationOf(p *pipeline.Pipeline, x *engine.Explanation, rec *engine.Record, r *engine.Redactor) adminapi.Explanation {
	item := adminapi.Explanation{ID: x.RuleID, Rule: x.Rule, Matched: x.Hit, Captures: x.Captures, Fields: x.Fields, Redacted: x.Redacted, Preview: x.Preview, Steps: []string{}}
	for j := range x.Checks {
		item.Steps = append(item.Steps, x.Checks[j].String())
	}
	if x.Ends != nil {
		item.Ends, item.Why = x.Ends, x.Ending()
		item.Steps = append(item.Steps, x.Ending())
		return item
	}
	if !x.Hit {
		if failed := x.Failed(); failed != nil {
			item.Why = failed.String()
		}
		return item
	}
	item.Template = strings.ToValidUTF8(string(template.Append(nil, []byte(r.Line(rec.Text, maxTemplated)))), "�")
	if x.Alert != nil {
		item.Severity, item.Summary = x.Alert.Severity.String(), x.Alert.Summary
		for _, t := range p.TriggersOf(x.Alert) {
			item.Triggers = append(item.Triggers, adminapi.TriggerDecision{Name: t.Name, Sends: t.Why == "", Why: t.Why})
		}
	}
	if x.Preview == nil {
		return item
	}
	if r := x.Preview.Rate; r != nil {
		item.Steps = append(item.Steps, "rate: "+r.String())
	}
	if r := x.Preview.Ratio; r != nil {
		item.Steps = append(item.Steps, "ratio: "+r.String())
	}
	if x.Preview.Alerts {
		item.Steps = append(item.Steps, "it would alert now")
	} else {
		item.Why = "suppressed: " + x.Preview.Reason
		item.Steps = append(item.Steps, "it would be suppressed now: "+x.Preview.Reason)
	}
	return item
}

// maxTemplated bounds the part of a line that its template covers.
const maxTemplated = 8 << 10
