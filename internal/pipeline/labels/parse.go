package labels

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// prefix is the beginning of labels that define rules: fluentbit-trigger.rule.NAME.KEY.
const prefix = root + "rule."

const root = "fluentbit-trigger."

// maxOfContainer bounds the rules that the labels of one container make.
const maxOfContainer = 16

// parse reads the rules that a container's labels make: the settings of a rule, in the form of flat parameters. A problem breaks only
// its rule; its origin is the label and the container.
func parse(container string, labels map[string]string) ([]engine.RuleSettings, []config.Problem) {
	var problems []config.Problem
	names := map[string]bool{}
	// Sorted, so that the same rules are within the bound each time.
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		rest, ok := strings.CutPrefix(label, prefix)
		if !ok {
			continue
		}
		name, key, ok := strings.Cut(rest, ".")
		message := ""
		switch {
		case !ok || key == "" || !isName(name):
			message = "must be " + prefix + "NAME.KEY, where NAME is made of letters, digits, _ and -"
		case !names[name] && len(names) == maxOfContainer:
			message = fmt.Sprintf("a container's labels make at most %d rules", maxOfContainer)
		default:
			names[name] = true
			continue
		}
		problems = append(problems, config.Problem{Place: placeOf(label, container), Message: message})
	}
	if len(names) == 0 {
		return nil, problems
	}
	asked := map[string]bool{}
	result := config.Load(config.Sources{Params: func(key string) string {
		if key == "rules" {
			return strings.Join(slices.Sorted(maps.Keys(names)), " ")
		}
		if !strings.HasPrefix(key, "rule.") {
			return ""
		}
		asked[root+key] = true
		return labels[root+key]
	}})
	for _, p := range result.Problems {
		p.Place = placeOf(root+p.Origin.Name, container)
		problems = append(problems, p)
	}
	broken := map[string]bool{}
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		rest, ok := strings.CutPrefix(label, prefix)
		name, key, _ := strings.Cut(rest, ".")
		if !ok || !names[name] || asked[label] {
			continue
		}
		// A rule with an unknown key may not do as its author intends, so it is left out.
		broken[name] = true
		problems = append(problems, config.Problem{Place: placeOf(label, container), Value: quoted(labels[label]), Message: "unknown key " + quoted(key),
			Hint: setting.DidYouMean(key, keysOf(asked, name))})
	}
	rules := slices.DeleteFunc(result.Settings.Rules, func(r engine.RuleSettings) bool { return broken[r.Name] })
	return rules, problems
}

func placeOf(label, container string) config.Place {
	if label == root+"rules" {
		label = prefix + "*"
	}
	return config.Place{Origin: config.Origin{Kind: config.FromLabel, Name: label, Container: container}}
}

// keysOf lists the keys that a rule has, out of the labels that were asked for.
func keysOf(asked map[string]bool, name string) (keys []string) {
	for _, label := range slices.Sorted(maps.Keys(asked)) {
		if key, ok := strings.CutPrefix(label, prefix+name+"."); ok && !strings.HasSuffix(key, ".1") && !strings.HasSuffix(key, ".2") {
			keys = append(keys, key)
		}
	}
	return keys
}

func isName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
}

// maxShown bounds how much of a label a problem shows, in bytes.
const maxShown = 80

func quoted(text string) string { return strconv.Quote(safetext.Shorten(text, maxShown)) }
