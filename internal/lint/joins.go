package lint

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/fluentbitconf"
)

// joins looks at what keeps records.join from joining the lines of stack traces.
func (r *Report) joins(conf *fluentbitconf.Conf) {
	r.flush(conf)
	r.nameless(conf)
}

// flush warns of an interval that is longer than the plugin waits for the next line of a stack trace.
func (r *Report) flush(conf *fluentbitconf.Conf) {
	for i := range conf.Sections {
		s := &conf.Sections[i]
		if s.Name != "service" {
			continue
		}
		if e := s.Find("flush"); e != nil && len(e.Unset) == 0 {
			if seconds, err := strconv.ParseFloat(e.Value, 64); err == nil && seconds > 1 {
				r.entry(s, e, Warning, CodeFlush, "records.join waits two seconds for the next line of a stack trace: with this interval the rest of one can come later", "flush 1")
			}
		}
	}
}

// nameless warns of inputs whose records name no container, so that their lines are not joined: the lines of several writers would mix. It is certain only
// where no filter adds keys.
func (r *Report) nameless(conf *fluentbitconf.Conf) {
	for i := range conf.Sections {
		if s := &conf.Sections[i]; s.Name == "filter" && !slices.Contains(keepsKeys, valueOf(s, "name")) {
			return
		}
	}
	for i := range conf.Sections {
		s := &conf.Sections[i]
		at, hint := s.Find("name"), ""
		if s.Name != "input" || at == nil || len(at.Unset) > 0 {
			continue
		}
		switch valueOf(s, "name") {
		case "kmsg", "head", "serial":
		case "tail":
			path := s.Find("path")
			if path == nil || len(path.Unset) > 0 || valueOf(s, "parser") != "" { // which may find the container in the line
				continue
			}
			at, hint = path, "a multiline.parser of the input joins them"
			// The tag has the path, and the path or the tag may hold the id of the container.
			if strings.Contains(valueOf(s, "path")+valueOf(s, "tag"), "containers") || s.Find("tag_regex") != nil {
				continue
			}
		default:
			continue
		}
		r.entry(s, at, Warning, CodeNotJoined, "the records of this input name no container, so records.join leaves their lines as they are: those of several writers would mix", hint)
	}
}
