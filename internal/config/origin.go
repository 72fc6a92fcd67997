package config

import (
	"cmp"
	"fmt"
	"strconv"
)

// OriginKind is the kind of source that a setting comes from.
type OriginKind int

// The kinds of sources.
const (
	FromFile      OriginKind = iota // a TOML file
	FromParameter                   // a flat parameter, or the document in one
	FromRuntime                     // a runtime object
	FromLabel                       // a label of a container
)

// Origin is the source of a setting. The zero value is no origin. Origins are comparable.
type Origin struct {
	Kind      OriginKind
	Name      string     // the path of the file, the key of the parameter, or the label
	Runtime   RuntimeKey // the runtime object
	Container string     // the container of the label
}

// FileOrigin returns the origin of the settings in a file.
func FileOrigin(path string) Origin { return Origin{Name: path} }

// parameterOrigin returns the origin of a flat parameter.
func parameterOrigin(key string) Origin { return Origin{Kind: FromParameter, Name: key} }

// String returns the origin in words: "rules.toml", "parameter rule.oom.cooldown", `runtime rule "oom"`.
func (o Origin) String() string {
	switch o.Kind {
	case FromParameter:
		return "parameter " + o.Name
	case FromRuntime:
		return "runtime " + o.Runtime.String()
	case FromLabel:
		return "container " + o.Container + ": label " + o.Name
	}
	return o.Name
}

// Place is where something is written. Line and Column count from 1, in characters; both are 0 where the source has no lines.
type Place struct {
	Origin       Origin
	Line, Column int
}

// String returns the origin with the line, as in "rules.toml:12".
func (p Place) String() string {
	if p.Line == 0 {
		return p.Origin.String()
	}
	return p.Origin.String() + ":" + strconv.Itoa(p.Line)
}

// comparePlaces orders places by origin, line and column.
func comparePlaces(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Origin.String(), b.Origin.String()), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// RuntimeKind is the kind of a runtime object.
type RuntimeKind string

// The kinds of runtime objects.
const (
	RuntimeRule     RuntimeKind = "rule"     // a global rule, or with a scope one of the workloads that it matches
	RuntimeOverride RuntimeKind = "override" // settings of the global rule Name that are different in the scope
	RuntimeDisable  RuntimeKind = "disable"  // the global rule Name does not apply in the scope
	RuntimeTrigger  RuntimeKind = "trigger"

	runtimeWorkload RuntimeKind = "workload" // the block of all objects of a scope
)

// RuntimeKey identifies a runtime object.
type RuntimeKey struct {
	Kind  RuntimeKind
	Scope string // the glob of the workloads; "" for a global object
	Name  string
}

// Origin returns the origin of the object's settings.
func (k RuntimeKey) Origin() Origin { return Origin{Kind: FromRuntime, Runtime: k} }

// String returns the object in words. It is different for each object.
func (k RuntimeKey) String() string {
	switch {
	case k.Kind == runtimeWorkload:
		return fmt.Sprintf("workload %q", k.Scope)
	case k.Kind == RuntimeOverride:
		return fmt.Sprintf("override of %q for workload %q", k.Name, k.Scope)
	case k.Kind == RuntimeDisable:
		return fmt.Sprintf("exception from %q for workload %q", k.Name, k.Scope)
	case k.Scope != "":
		return fmt.Sprintf("%s %q of workload %q", k.Kind, k.Name, k.Scope)
	}
	return fmt.Sprintf("%s %q", k.Kind, k.Name)
}
