package naming

import (
	"cmp"
	"strings"
)

// The container labels that SetLabel understands.
const (
	LabelWorkload       = "fluentbit-trigger.workload"
	LabelEnable         = "fluentbit-trigger.enable"
	LabelComposeProject = "com.docker.compose.project"
	LabelComposeService = "com.docker.compose.service"
	LabelComposeNumber  = "com.docker.compose.container-number"
	LabelComposeOneoff  = "com.docker.compose.oneoff"
	LabelSwarmService   = "com.docker.swarm.service.name"
	LabelStack          = "com.docker.stack.namespace"
	LabelPodNamespace   = "io.kubernetes.pod.namespace" // the kubelet's, on the containers of an engine
	LabelPodName        = "io.kubernetes.pod.name"
	LabelPodContainer   = "io.kubernetes.container.name"
)

// MaxName bounds each name, in bytes.
const MaxName = 512

// Facts are the known names of a container and its surroundings. Every part may be empty.
type Facts struct {
	ID   string
	Name string // the engine's, without the leading slash

	Label string // of LabelWorkload

	Project, Service, Number string // compose
	OneOff                   bool   // created by "compose run": its number does not count among the service's containers

	SwarmService, Stack string

	Namespace, Pod, PodContainer, Node string // Kubernetes
	App                                string // the pod's application, from its labels
	Owner                              string // the pod's owner, if a source names it
	TemplateHash                       string // label pod-template-hash: a part of the pod's name

	ServiceNamespace, ServiceName string // OpenTelemetry

	Unit  string // systemd
	Ident string // syslog
	Tag   string // Fluent Bit
}

// SetLabel sets the fact of a container label. It reports whether it understands the label.
func (f *Facts) SetLabel(key, value string) bool {
	switch key {
	case LabelWorkload:
		f.Label = value
	case LabelComposeProject:
		f.Project = value
	case LabelComposeService:
		f.Service = value
	case LabelComposeNumber:
		f.Number = value
	case LabelComposeOneoff:
		f.OneOff = strings.EqualFold(value, "true")
	case LabelSwarmService:
		f.SwarmService = value
	case LabelStack:
		f.Stack = value
	case LabelPodNamespace:
		f.Namespace = value
	case LabelPodName:
		f.Pod = value
	case LabelPodContainer:
		f.PodContainer = value
	default:
		return false
	}
	return true
}

// Container returns the container's name as people know it: namespace/pod/container, compose project/service/number, swarm service.slot, or
// the engine's name. It returns "" if only an id is known.
func (f *Facts) Container() string {
	name := f.Name
	switch {
	case f.Namespace != "" && f.Pod != "":
		name = f.Namespace + "/" + f.Pod
		if c := cmp.Or(f.PodContainer, f.Name); c != "" {
			name += "/" + c
		}
	case f.Project != "" && f.Service != "" && f.number() != "":
		name = f.Project + "/" + f.Service + "/" + f.number()
	case f.SwarmService != "" && strings.HasPrefix(f.Name, f.SwarmService+"."):
		if slot, task, ok := CutLast(f.Name, '.'); ok && len(slot) > len(f.SwarmService) && task != "" {
			name = slot // without the task's id, which changes with every new task
		}
	case name == "":
		name = f.PodContainer
	}
	return bounded(name)
}

// number returns the number of a compose service's container, from the label or else from the end of the name. It returns "" for a one-off container.
func (f *Facts) number() string {
	for _, sep := range [...]string{"-", "_"} {
		rest, ok := strings.CutPrefix(f.Name, f.Project+sep+f.Service+sep)
		if !ok {
			continue
		}
		if strings.HasPrefix(rest, "run"+sep) {
			return ""
		}
		if f.Number == "" && isDigits(rest) {
			return rest
		}
	}
	if f.OneOff {
		return ""
	}
	return f.Number
}

// Workload returns the container's workload, the first known of: its label, Kubernetes namespace/application, compose
// project/service, swarm service, systemd unit, OpenTelemetry service, the container's name, the syslog identifier, the tag. refused reports a label that is
// outside the container's own group, which is ignored; anyLabel allows every label.
func (f *Facts) Workload(anyLabel bool) (name string, refused bool) {
	label, ok := f.label(anyLabel)
	app := cmp.Or(f.App, f.podOwner(), f.PodContainer)
	unit := f.Unit
	if f.ID != "" || f.Name != "" {
		unit = "" // the unit of the container engine, not of the container
	}
	switch {
	case label != "":
		name = label
	case f.Namespace != "" && app != "": // has priority: an image may carry the labels of the cases below
		name = join(f.Namespace, app)
	case f.Service != "":
		name = join(f.Project, f.Service)
	case f.SwarmService != "":
		name = f.SwarmService
	case unit != "":
		name = unit
	case f.ServiceName != "":
		name = join(f.ServiceNamespace, f.ServiceName)
	default:
		name = cmp.Or(f.Name, f.PodContainer, f.Ident, f.Tag, "unknown")
	}
	return bounded(name), !ok
}

// label returns the workload that the container's label names, or "" without a label. ok is false for a label outside the container's own group.
// A name without a slash is a workload of the group.
func (f *Facts) label(anyLabel bool) (workload string, ok bool) {
	if f.Label == "" || anyLabel {
		return f.Label, true
	}
	group := cmp.Or(f.Namespace, f.Project, f.Stack)
	switch {
	case group == "":
		return "", false
	case f.Stack == group && strings.HasPrefix(f.Label, group+"_"): // the name of a service of the stack
		return f.Label, true
	case !strings.Contains(f.Label, "/"):
		return group + "/" + f.Label, true
	case strings.HasPrefix(f.Label, group+"/") && len(f.Label) > len(group)+1:
		return f.Label, true
	}
	return "", false
}

func join(group, name string) string {
	if group == "" {
		return name
	}
	return group + "/" + name
}

func bounded(s string) string { return s[:min(len(s), MaxName)] }

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// CutLast splits a name at its last separator. ok is false if it has none: before is then the whole name.
func CutLast(s string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
