package config

import "testing"

// TestLabelsWorkload: the one setting is in force wherever containers get their names.
func TestLabelsWorkload(t *testing.T) {
	for text, any := range map[string]bool{"": false, "[labels]\nworkload = \"own\"\n": false, "[labels]\nworkload = \"any\"\n": true} {
		r := Load(Sources{Inline: text})
		if len(r.Problems) != 0 || r.Settings.Records.AnyWorkload != any || r.Settings.Docker.AnyWorkload != any {
			t.Errorf("%q: %v, records %v, docker %v", text, r.Problems, r.Settings.Records.AnyWorkload, r.Settings.Docker.AnyWorkload)
		}
	}
}
