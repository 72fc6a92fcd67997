package where

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Check adds the fault of one condition, and reports whether the condition is valid. field is the name of the setting, such as "where.level".
func Check(fs *setting.Faults, field, name, value string) bool {
	_, err := Parse(name, value)
	if err != nil {
		fs.Add(field, value, err.Message, err.Hint)
	}
	return err == nil
}

// properties are those of the alert as a whole, and whether they depend on the record's source and the rule alone.
var properties = []struct {
	name     string
	ofSource bool
}{
	{"rule", true}, {"workload", true}, {"severity", false}, {"kind", false}, {"source", true}, {"host", true}, {"container", true}, {"image", true},
	{"stream", false}, {"tag", true},
}

// The prefixes of the properties that differ from rule to rule.
const (
	labelPrefix   = "label."
	capturePrefix = "capture."
	fieldPrefix   = "field."
)

// Properties returns the properties of an alert that conditions may name, beside label.NAME, capture.NAME and field.PATH.
func Properties() []string {
	var names []string
	for i := range properties {
		names = append(names, properties[i].name)
	}
	return names
}

// OfSource reports whether a property depends on the rule and the record's source alone, so that it is the same for all of their alerts.
func OfSource(name string) bool {
	for i := range properties {
		if properties[i].name == name {
			return properties[i].ofSource
		}
	}
	return false
}

// Part is the kind of a property.
type Part uint8

// The parts.
const (
	Whole   Part = iota // one of Properties
	Label               // label.NAME
	Capture             // capture.NAME
	Field               // field.PATH
	NoPart              // not a property of an alert
)

// Split returns which part of an alert a property is, and its name in it: Label and "team" for label.team.
func Split(property string) (Part, string) {
	for part, prefix := range [...]string{Label: labelPrefix, Capture: capturePrefix, Field: fieldPrefix} {
		if name, ok := strings.CutPrefix(property, prefix); ok && prefix != "" && name != "" {
			return Part(part), name
		}
	}
	if slices.Contains(Properties(), property) {
		return Whole, property
	}
	return NoPart, property
}

// maxEntries bounds the conditions of one where.
const maxEntries = 100

// Words has the texts of those properties that have no others, such as severity, by their names.
type Words map[string][]string

// CheckAlert adds the faults of conditions on the properties of an alert. field is the name of the table, such as "where" or "source.where".
func CheckAlert(fs *setting.Faults, field string, entries map[string]string, words Words) {
	fs.Length(field, len(entries), maxEntries, "entries")
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		at := field + "." + name
		if part, _ := Split(name); part == NoPart {
			*fs = append(*fs, setting.Fault{Field: at, Code: setting.Unknown, Message: "an alert has no such property", Hint: propertyHint(name)})
			continue
		}
		c, err := Parse(name, entries[name])
		if err != nil {
			if err.Hint == "" && len(words[name]) > 1 {
				err.Hint = "several words: /" + strings.Join(words[name][len(words[name])-2:], "|") + "/"
			}
			fs.Add(at, entries[name], err.Message, err.Hint)
			continue
		}
		if words[name] != nil && (c.op == opEqual || c.op == opNotEqual) {
			fs.OneOf(at, c.text, words[name])
		}
	}
}

// propertyHint suggests a property.
func propertyHint(name string) string {
	switch name {
	case "message", "summary", "line":
		return `message = '…' beside where matches the line`
	}
	if head, rest, ok := strings.Cut(name, "."); ok && rest != "" {
		if word := setting.Nearest(head, []string{"label", "capture", "field"}); word != "" && word != head {
			return setting.DidYouMean(name, []string{word + "." + rest})
		}
	}
	if hint := setting.DidYouMean(name, Properties()); hint != "" {
		return hint
	}
	return "it has " + strings.Join(Properties(), ", ") + ", label.NAME, capture.NAME and field.PATH"
}

// MatchAll reports whether all conditions are true of an alert, whose properties property returns.
func MatchAll(all []Condition, property func(name string) (string, bool)) bool {
	for i := range all {
		value, ok := property(all[i].Name)
		if !all[i].Matches([]byte(value), ok) {
			return false
		}
	}
	return true
}

// String returns the condition as a configuration writes it.
func (c *Condition) String() string { return fmt.Sprintf("%s = %q", c.Name, c.value) }
