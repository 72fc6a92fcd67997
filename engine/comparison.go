package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/tinyforge/fluentbit-trigger/engine/deploy"
)

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
