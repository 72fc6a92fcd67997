package lint

import (
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/fluentbitconf"
	"github.com/tinyforge/fluentbit-trigger/internal/reach"
)

// comparisons looks for one half of a comparison of images without the other.
func (l *linter) comparisons() {
	if l.half() {
		return
	}
	compare := l.result.Settings.Deploy.Compare > 0
	counted := false
	for i := range l.rules {
		r := &l.rules[i]
		if counted = counted || r.settings.Deploy; !compare && r.settings.Deploy && r.sets("deploy") {
			l.warn(r.part, CodeNoEffect, "deploy", "", "no image is compared with the last one: deploy.compare is not set", `deploy.compare = "15m"`)
		}
	}
	at, set := l.result.Parts.Single("deploy.compare")
	if compare && !counted && set && len(l.rules) > 0 {
		l.findings = append(l.findings, Finding{
			File: at.Origin.String(), origin: at.Origin, Line: at.Line, Column: at.Column, Severity: Warning, Code: CodeNoEffect, Field: "deploy.compare",
			Message: "no rule counts hits for the comparison of images", Hint: "deploy = true in a rule", head: at.Line,
		})
	}
}

// asksForImages reports whether rules go by the images of workloads.
func asksForImages(s *config.Settings) bool {
	set := s.Engine()
	return slices.ContainsFunc(reach.Rules(&set), func(r reach.Rule) bool {
		return r.Settings.FirstSeen == engine.FirstSeenImage || r.Settings.Deploy && s.Deploy.Compare > 0
	})
}

// keepsKeys lists the filters that add no key to a record.
var keepsKeys = []string{"grep", "multiline", "rewrite_tag", "stdout", "throttle"}

// images warns of an output whose rules go by images, where all records are of files: they name none, unless a filter adds it.
func (r *Report) images(conf *fluentbitconf.Conf, output *fluentbitconf.Section, s *config.Settings) {
	if !asksForImages(s) {
		return
	}
	inputs := 0
	for i := range conf.Sections {
		one := &conf.Sections[i]
		switch name := valueOf(one, "name"); {
		case one.Name == "filter" && !slices.Contains(keepsKeys, name), one.Name == "input" && name != "tail":
			return
		case one.Name == "input":
			if valueOf(one, "parser") != "" { // which may find one in the line
				return
			}
			inputs++
		}
	}
	if at := output.Find("name"); inputs > 0 && at != nil && len(conf.Problems) == 0 {
		r.entry(output, at, Warning, CodeNoImage, "the records are of files, which name no image: rules that go by the image of a workload know none",
			"the filter kubernetes adds it, and so do the log drivers gelf and journald")
	}
}
