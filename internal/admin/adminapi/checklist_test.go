package adminapi

import (
	"fmt"
	"strings"
	"testing"
)

func TestChecklist(t *testing.T) {
	rule := []RuleStats{{Name: "a"}}
	for name, c := range map[string]struct {
		stats StatsResponse
		want  string
	}{
		"nothing, in the plugin":    {StatsResponse{}, "- records - rules - triggers - test"},
		"nothing, standalone":       {StatsResponse{Tails: map[string]int64{}}, "- containers - rules - triggers - test"},
		"unreadable and gone":       {StatsResponse{Tails: map[string]int64{"unreadable": 2, "gone": 1}}, "- containers - rules - triggers - test"},
		"a container that ended":    {StatsResponse{Tails: map[string]int64{"unreadable": 2, "parked": 1}, Rules: rule}, "containers rules - triggers - test"},
		"events alone":              {StatsResponse{ContainerEvents: 1}, "records - rules - triggers - test"},
		"a trigger of the past":     {StatsResponse{Triggers: []TriggerStats{{Name: "a", Delivered: 3}}}, "- records - rules - triggers - test"},
		"one of two is not tested":  {StatsResponse{Triggers: []TriggerStats{{Name: "a", Configured: true, Delivered: 3}, {Name: "b", Configured: true}}}, "- records - rules triggers - test b"},
		"one tested, one delivered": {StatsResponse{Triggers: []TriggerStats{{Name: "a", Configured: true, Delivered: 3}, {Name: "b", Configured: true, Tested: true}}}, "- records - rules triggers test"},
	} {
		var got []string
		for _, item := range NewChecklist(&c.stats) {
			if !item.Done {
				got = append(got, "-")
			}
			got = append(append(got, item.Name), item.Triggers...)
			if item.Detail == "" || item.Done && item.Hint != "" {
				t.Errorf("%s: %+v", name, item)
			}
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
	}
	many := StatsResponse{}
	for i := range 50 {
		many.Triggers = append(many.Triggers, TriggerStats{Name: fmt.Sprint("t", i), Configured: true})
	}
	if last := NewChecklist(&many)[3]; strings.Contains(last.Detail, "t10") || !strings.HasPrefix(last.Detail, "50 triggers ") || last.Hint != "docker-fluentbit triggers test t0" {
		t.Errorf("%+v", last)
	}
}
