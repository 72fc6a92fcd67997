package deploy

import (
	"fmt"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Rule is the name of the alerts about deploys, where filters, silences and inhibitions ask for a rule.
const Rule = "deploy"

// alert is the alert about the end of a comparison. It covers no hits: each has been counted by its own rule.
func (r *Report) alert(worse model.Severity, at int64) model.Alert {
	a := model.Alert{
		Kind: model.KindDeploy, RuleID: Rule, Rule: Rule, Severity: model.SeverityInfo, Time: at, Last: at,
		Source: &model.Source{Kind: "log", Workload: r.Workload, Container: model.Container{Image: r.Image.Name, ImageID: r.Image.ID}},
		Key:    r.series + string(rune(model.KeySeparator)) + r.Image.Name + string(rune(model.KeySeparator)) + r.Image.ID,
	}
	a.First = min(r.Image.Since.UnixNano(), at)
	a.Due = r.Image.Since.UnixNano() // one for each deploy, whenever its comparison ends
	if r.Verdict == Worse {
		a.Severity = worse
	}
	a.Summary = model.OneLine(fmt.Sprintf("%s: %s: %s", r.Workload, r.title(), r.Reason), model.MaxSummary)
	a.Message = safetext.Cut(r.list(), model.MaxMessage)
	a.Deploy = &model.Deploy{
		Verdict: string(r.Verdict), Image: r.Image.Name, Last: r.Last.Name,
		New: r.Counts.New, More: r.Counts.More, Less: r.Counts.Less, Gone: r.Counts.Gone,
	}
	return a
}

// list has a line for each kind that differs.
func (r *Report) list() string {
	var b strings.Builder
	for _, one := range r.New {
		fmt.Fprintf(&b, "new: %s (%d, %s)\n", one.Text, one.Hits, one.Rule)
	}
	for _, one := range r.More {
		fmt.Fprintf(&b, "%s as often: %s (%d, %d before, %s)\n", times(one.Factor), one.Text, one.Hits, one.Before, one.Rule)
	}
	for _, one := range r.Less {
		fmt.Fprintf(&b, "%s less often: %s (%d, %d before, %s)\n", times(one.Factor), one.Text, one.Hits, one.Before, one.Rule)
	}
	for _, one := range r.Gone {
		fmt.Fprintf(&b, "gone: %s (%d before, %s)\n", one.Text, one.Before, one.Rule)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
