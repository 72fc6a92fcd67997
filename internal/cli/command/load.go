package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/lint"
)

// LoadOne reads the one configuration that files are: TOML files, or that of Fluent Bit with one output of this plugin. Where there are several,
// that is a problem.
func LoadOne(files []string) *config.Result {
	results := lint.Load(files, nil)
	if len(results) == 1 {
		return results[0]
	}
	// Faults of the form of a file come as a result of their own.
	var problems []config.Problem
	for _, r := range results {
		problems = append(problems, r.Problems...)
	}
	if !slices.ContainsFunc(problems, func(p config.Problem) bool { return p.Unusable }) {
		problems = append(problems, config.Problem{
			Place: config.Place{Origin: config.FileOrigin(strings.Join(files, ", "))}, Unusable: true, Message: fmt.Sprintf("have %d configurations, each with rules of its own", len(results)),
			Hint: "name one file of rules, or a Fluent Bit configuration with one output of the plugin",
		})
	}
	return &config.Result{Problems: problems}
}
