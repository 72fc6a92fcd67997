package config

import (
	"reflect"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

type silencePart struct {
	part
	settings engine.SilenceSettings
}

type inhibitPart struct {
	part
	settings engine.InhibitSettings
}

func (l *loader) silence(p part) {
	s := &silencePart{part: p}
	s.ok = l.table(scope{path: p.path}, p.node, reflect.ValueOf(&s.settings).Elem(), nil)
	l.silences = append(l.silences, s)
}

func (l *loader) inhibit(p part) {
	i := &inhibitPart{part: p, settings: engine.DefaultInhibit()}
	i.ok = l.table(scope{path: p.path}, p.node, reflect.ValueOf(&i.settings).Elem(), nil)
	l.inhibits = append(l.inhibits, i)
}

// checkMuting checks the silences and the inhibitions.
func (l *loader) checkMuting() {
	seen := map[string]Place{}
	for _, s := range l.silences {
		l.reportAll(&s.part, s.settings.Validate())
		if name := s.settings.Name; name != "" {
			if first, twice := seen[name]; twice {
				l.taken(&s.part, "name", name, first)
			} else {
				seen[name] = s.node.find("name", "").at
			}
		}
		if s.ok {
			l.settings.Silences = append(l.settings.Silences, s.settings)
			l.parts.Silences = append(l.parts.Silences, s.shown())
		}
	}
	for _, i := range l.inhibits {
		l.reportAll(&i.part, i.settings.Validate())
		if i.ok {
			l.settings.Inhibits = append(l.settings.Inhibits, i.settings)
			l.parts.Inhibits = append(l.parts.Inhibits, i.shown())
		}
	}
}
