// Package main writes the references of the admin API and of its metrics, api.md and metrics.md, into a folder.
package main

import (
	"bytes"
	"cmp"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/metrics"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/openapi"
)

func main() {
	log.SetFlags(0)
	for name, text := range map[string][]byte{"api.md": api(admin.Operations()), "metrics.md": metricTable(metrics.List())} {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// api returns the page of all operations, those of a section together.
func api(all []openapi.Operation) []byte {
	place := map[string]int{}
	for i := range all {
		if _, known := place[sectionOf(all[i].Path)]; !known {
			place[sectionOf(all[i].Path)] = i
		}
	}
	slices.SortStableFunc(all, func(a, b openapi.Operation) int { return place[sectionOf(a.Path)] - place[sectionOf(b.Path)] })
	var b bytes.Buffer
	b.WriteString("# The admin API: reference\n\n<!-- Generated from the routes by go generate: change internal/admin/routes.go instead. -->\n\n" +
		"[admin.md](admin.md) has the concepts, the login and examples. A running instance describes the same operations at `/api/v1/openapi.json`. `?instance=ID`\n" +
		"selects an instance if the listener serves several. Errors are problem details (RFC 9457).\n")
	section := ""
	for i := range all {
		op := &all[i]
		if s := sectionOf(op.Path); s != section {
			section = s
			fmt.Fprintf(&b, "\n## %s\n", section)
		}
		fmt.Fprintf(&b, "\n### `%s %s`\n\n%s", op.Method, op.Path, op.Summary)
		if op.Open {
			b.WriteString(" Needs no token.")
		}
		if op.Match {
			b.WriteString(" Needs `If-Match`.")
		}
		b.WriteString("\n")
		if len(op.Params) > 0 {
			b.WriteString("\n| Query | |\n|---|---|\n")
			for _, p := range op.Params {
				fmt.Fprintf(&b, "| `%s` | %s |\n", p.Name, strings.ReplaceAll(p.Meaning, "|", `\|`))
			}
		}
		var notes []string
		if fields := openapi.Fields(op.Body); fields != "" {
			notes = append(notes, "Body: "+fields+".")
		}
		switch fields := openapi.Fields(op.Answer); {
		case op.Kind != "":
			notes = append(notes, "Response: `"+op.Kind+"`.")
		case op.Answer == nil:
			notes = append(notes, "Response: 204.")
		case fields != "":
			notes = append(notes, fmt.Sprintf("Response: %d, %s.", cmp.Or(op.Status, http.StatusOK), fields))
		}
		if len(op.Problems) > 0 {
			var problems []string
			for _, status := range slices.Compact(slices.Sorted(slices.Values(op.Problems))) {
				problems = append(problems, strconv.Itoa(status)+" "+http.StatusText(status))
			}
			notes = append(notes, "Errors of its own: "+strings.Join(problems, ", ")+".")
		}
		if len(notes) > 0 {
			b.WriteString("\n" + strings.Join(notes, "\n\n") + "\n")
		}
	}
	return b.Bytes()
}

// sectionOf returns the heading for a path: the name of the collection in plain words.
func sectionOf(path string) string {
	rest, isAPI := strings.CutPrefix(path, "/api/v1/")
	first, _, _ := strings.Cut(rest, "/")
	if !isAPI || slices.Contains([]string{"openapi.json", "login-codes", "instances", "stats"}, first) {
		return "The instance"
	}
	first = strings.ReplaceAll(first, "-", " ")
	return strings.ToUpper(first[:1]) + first[1:]
}

// metricTable returns the page of all metrics, in the order in which they are defined.
func metricTable(all []metrics.Metric) []byte {
	var b bytes.Buffer
	b.WriteString("# Metrics: reference\n\n<!-- Generated from the metrics by go generate: change internal/admin/metrics instead. -->\n\n" +
		"`GET /metrics` has these for Prometheus, with the prefix `" + metrics.Namespace + "` and the label `id`, the instance's, besides those of Go and of the\n" +
		"process. Names that end in `_total` are counters. [examples/monitoring](../examples/monitoring) has alerting rules and a dashboard.\n\n" +
		"| Metric | |\n|---|---|\n")
	for _, m := range all {
		labels := ""
		if len(m.Labels) > 0 {
			labels = "{" + strings.Join(m.Labels, ", ") + "}"
		}
		fmt.Fprintf(&b, "| `%s%s` | %s |\n", m.Name, labels, m.Help)
	}
	return b.Bytes()
}
