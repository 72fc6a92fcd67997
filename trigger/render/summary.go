package render

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// SuppressedText returns how many hits were suppressed and why: "+312 since 14:02 (cooldown 300, rate limit 12)", or "" for none. Times are UTC.
func SuppressedText(a *trigger.Alert) string {
	if a.Suppressed.Total <= 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "+%d", a.Suppressed.Total)
	if since := a.Suppressed.Since; since != nil {
		layout := "15:04"
		if a.Time.Sub(*since).Abs().Hours() >= 20 {
			layout = "2006-01-02 15:04"
		}
		b.WriteString(" since " + since.UTC().Format(layout))
	}
	reasons := slices.Sorted(maps.Keys(a.Suppressed.By))
	sort.SliceStable(reasons, func(i, j int) bool { return a.Suppressed.By[reasons[i]] > a.Suppressed.By[reasons[j]] })
	var parts []string
	for _, reason := range reasons {
		if n := a.Suppressed.By[reason]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", strings.ReplaceAll(reason, "_", " "), n))
		}
	}
	if len(parts) > 0 {
		b.WriteString(" (" + strings.Join(parts, ", ") + ")")
	}
	return b.String()
}
