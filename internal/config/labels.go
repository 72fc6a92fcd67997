package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// LabelPrefix is the beginning of labels that define rules: fluentbit-trigger.rule.NAME.KEY.
const LabelPrefix = labelRoot + "rule."

const labelRoot = "fluentbit-trigger."

// MaxLabelRules bounds the rules that the labels of one container make.
const MaxLabelRules = 16

// LabelRules reads the rules that a container's labels make: the settings of a rule, in the form of flat parameters. A problem breaks only
// its rule; its origin is the label and the container.
func LabelRules(container string, labels map[string]string) ([]engine.RuleSettings, []Problem) {
	var problems []Problem
	names := map[string]bool{}
	// Sorted, so that the same rules are within the bound each time.
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		rest, ok := strings.CutPrefix(label, LabelPrefix)
		if !ok {
			continue
		}
		name, key, ok := strings.Cut(rest, ".")
		message := ""
		switch {
		case !ok || key == "" || !isLabelName(name):
			message = "must be " + LabelPrefix + "NAME.KEY, where NAME is made of letters, digits, _ and -"
		case !names[name] && len(names) == MaxLabelRules:
			message = fmt.Sprintf("a container's labels make at most %d rules", MaxLabelRules)
		default:
			names[name] = true
			continue
		}
		problems = append(problems, Problem{Place: labelPlace(label, container), Message: message})
	}
	if len(names) == 0 {
		return nil, problems
	}
	asked := map[string]bool{}
	result := Load(Sources{Params: func(key string) string {
		if key == "rules" {
			return strings.Join(slices.Sorted(maps.Keys(names)), " ")
		}
		if !strings.HasPrefix(key, "rule.") {
			return ""
		}
		asked[labelRoot+key] = true
		return labels[labelRoot+key]
	}})
	for _, p := range result.Problems {
		p.Place = labelPlace(labelRoot+p.Origin.Name, container)
		problems = append(problems, p)
	}
	broken := map[string]bool{}
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		rest, ok := strings.CutPrefix(label, LabelPrefix)
		name, key, _ := strings.Cut(rest, ".")
		if !ok || !names[name] || asked[label] {
			continue
		}
		// A rule with an unknown key may not do as its author intends, so it is left out.
		broken[name] = true
		problems = append(problems, Problem{Place: labelPlace(label, container), Value: quoted(labels[label]), Message: "unknown key " + quoted(key),
			Hint: setting.DidYouMean(key, labelKeys(asked, name))})
	}
	rules := slices.DeleteFunc(result.Settings.Rules, func(r engine.RuleSettings) bool { return broken[r.Name] })
	return rules, problems
}

func labelPlace(label, container string) Place {
	if label == labelRoot+"rules" {
		label = LabelPrefix + "*"
	}
	return Place{Origin: Origin{Kind: FromLabel, Name: label, Container: container}}
}

// labelKeys lists the keys that a rule has, out of the labels that were asked for.
func labelKeys(asked map[string]bool, name string) (keys []string) {
	for _, label := range slices.Sorted(maps.Keys(asked)) {
		if key, ok := strings.CutPrefix(label, LabelPrefix+name+"."); ok && !strings.HasSuffix(key, ".1") && !strings.HasSuffix(key, ".2") {
			keys = append(keys, key)
		}
	}
	return keys
}

func isLabelName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
}
