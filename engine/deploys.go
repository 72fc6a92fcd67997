package engine

import (
	"github.com/tinyforge/fluentbit-trigger/engine/deploy"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
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
