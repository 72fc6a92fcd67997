package top

import (
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
)

// TestTopFits gives views of all sizes to terminals of all sizes.
func TestTopFits(t *testing.T) {
	for _, rules := range []int{0, 1, 5, 100} {
		for _, workloads := range []int{0, 1, 5, 100} {
			for _, other := range []int64{0, 7} {
				s := &adminapi.StatsResponse{Instance: "i", Rules: make([]adminapi.RuleStats, rules), Workloads: adminapi.BusiestWorkloads{Busiest: make([]adminapi.WorkloadStats, workloads)}}
				s.Workloads.Other.Lines = other
				for height := 12; height < 60; height += 7 {
					var text strings.Builder
					v := view{stats: s, by: "hits", width: 40}
					v.fit(height, 0)
					if err := writeTop(&command.Env{Out: &text}, &v); err != nil {
						t.Fatal(err)
					}
					lines := strings.Count(text.String(), "\n")
					if lines > height-2 || rules > 90 && workloads > 90 && lines < height-4 {
						t.Errorf("%d rules, %d workloads and %d others take %d lines of %d", rules, workloads, other, lines, height)
					}
				}
			}
		}
	}
}
