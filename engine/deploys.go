package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/tinyforge/fluentbit-trigger/engine/deploy"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// DeployReport compares the image that a workload runs with the last one: see deploy.Report.
type DeployReport = deploy.Report

// The verdicts of a DeployReport that others act on.
const (
	DeployUnknown = deploy.Unknown
	DeployWorse   = deploy.Worse
)

// DeployRule is the name that alerts about deploys have as their rule.
const DeployRule = deploy.Rule

// CountsForImage reports whether lines of a source count for an image: see Worker.OnLines.
func CountsForImage(s *Source) bool { return deploy.Counts(s) }

// deployRule stands for a rule where silences and inhibitions are asked about the alert of a deploy.
var deployRule = &rules.Rule{ID: deploy.Rule, Settings: RuleSettings{Name: deploy.Rule}}

// comparison returns the settings of comparisons. The rules whose hits they count are named by what makes a line a hit of one, in each workload. Rules of
// containers' labels come and go with their containers, and are left out.
func comparison(s *Settings) deploy.Settings {
	out := deploy.Settings{Compare: s.Deploy.Compare, Severity: s.Deploy.Severity}
	if out.Compare <= 0 {
		return out
	}
	h := sha256.New()
	add := func(of string, r *RuleSettings) {
		if r.Deploy && len(r.OnlyContainers) == 0 {
			_, _ = fmt.Fprintf(h, "%q %q %q %q %q %q %q %q %q %q %q %q\n", of, r.Name, r.Pattern, r.Keywords, r.Any, r.All, r.None, r.Event, r.Stream, r.Where,
				r.Workloads, r.ExcludeWorkloads)
		}
	}
	for i := range s.Rules {
		add("", &s.Rules[i])
	}
	for i := range s.Workloads {
		w := &s.Workloads[i]
		_, _ = fmt.Fprintf(h, "%q %q\n", w.Match, w.Disable)
		for j := range w.Rules {
			add(w.Match, &w.Rules[j])
		}
		for j := range w.Overrides {
			for k := range s.Rules {
				if s.Rules[k].Name == w.Overrides[j].Rule {
					changed := w.Overrides[j].Apply(s.Rules[k])
					_, _ = fmt.Fprintf(h, "%q %t\n", changed.Name, changed.Deploy)
					add(w.Match, &changed)
				}
			}
		}
	}
	out.Counts = hex.EncodeToString(h.Sum(nil)[:8])
	return out
}

// Deploy compares the image that a workload runs with the last one, with the counts so far; ok is false for a workload of which no image is known. now is in ns.
func (e *Engine) Deploy(workload string, now int64) (r DeployReport, ok bool) {
	return e.deploys.Report(workload, now)
}

// endComparisons appends the alerts about the comparisons of images that have ended by now to dst.
func (e *Engine) endComparisons(now int64, dst []Alert) []Alert {
	begun := len(dst)
	dst = e.deploys.Advance(now, dst)
	dst = e.masked(dst, begun)
	e.nameImages(dst[begun:])
	return dst
}

// showKind returns the template of a kind of hits as it is shown: without secrets.
func (e *Engine) showKind(template []byte) string {
	text, cut := model.ValidText(template, model.MaxCapture)
	if cut {
		return e.Snapshot().Redactor.CutText(text, nil)
	}
	return e.Snapshot().Redactor.Text(text, nil)
}

// mayLeave reports whether no silence or inhibition suppresses the alert about a deploy, and notes that it leaves. Later it would be no news: a suppressed
// one is not sent, and its report stays.
func (e *Engine) mayLeave(a *Alert, now int64) bool {
	s := rules.AlertSubject(deployRule, a)
	if _, muted := e.mutes.Silence(&s, now); muted {
		return false
	}
	inhibits := e.Snapshot().Inhibits
	if e.mutes.Inhibitor.Suppresses(inhibits, &s, now) {
		return false
	}
	e.mutes.Inhibitor.Observe(inhibits, &s, now, false)
	return true
}

// nameImages has alerts say which image they are about, and since when the workload runs it.
func (e *Engine) nameImages(alerts []Alert) {
	for i := range alerts {
		e.nameImage(&alerts[i])
	}
}

func (e *Engine) nameImage(a *Alert) {
	if a.Image != "" {
		return
	}
	setImage(a, e.deploys.Of(a.Source))
}

func setImage(a *Alert, im deploy.Image) {
	a.Image, a.ImageSince = safetext.Cut(im.Name, model.MaxKeyPart), im.Since
}
