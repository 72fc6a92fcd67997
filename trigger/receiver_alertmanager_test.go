package trigger

import (
	"regexp"
	"unicode/utf8"
)

func checkAlerts(p *checked) {
	p.Helper()
	var list []alertmanagerAlert
	p.decode(&list)
	for _, a := range list {
		for _, text := range a.Labels {
			if n := utf8.RuneCountInString(text); n > 500 {
				p.Errorf("alertmanager: a label of %d characters", n)
			}
		}
		if a.Labels["alertname"] == "" || (a.EndsAt != nil && a.StartsAt != nil && a.EndsAt.Before(*a.StartsAt)) {
			p.Errorf("alertmanager: %+v", a)
		}
		for name := range a.Labels {
			if !regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`).MatchString(name) {
				p.Errorf("alertmanager: label name %q", name)
			}
		}
	}
}
