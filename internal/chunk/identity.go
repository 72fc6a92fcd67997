package chunk

import (
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// maxName bounds the length of each name that is kept of an origin. Names of containers, pods and images are far shorter.
const maxName = 512

// identity gathers what a record tells about where it comes from, before it is weighed.
type identity struct {
	id, name, image, host        string
	label                        string // fluentbit-trigger.workload
	disabled                     bool   // fluentbit-trigger.enable=false
	project, service             string // compose
	swarm                        string
	namespace, app, pod          string // Kubernetes; app from the labels or the owner
	kubeContainer                string
	unit                         string
	serviceNamespace, serviceOTL string
	ident                        string
}

// describe makes the Source of a record out of the bytes that tell where it comes from. What the record's own keys say goes before the
// kubernetes map, that before the resource of the group, and these before the path and the tag.
func describe(b []byte, spans []span, tag, defaultHost string) originValue {
	var id identity
	for _, wanted := range [...]role{roleNone, roleKubernetes, roleResource, rolePath} {
		for _, sp := range spans {
			if sp.role == wanted || wanted == roleNone && sp.role != roleKubernetes && sp.role != roleResource && sp.role != rolePath {
				id.take(b, sp)
			}
		}
	}
	id.takeTag(tag)
	v := originValue{excluded: id.disabled, source: engine.Source{
		Kind: "log", Workload: id.workload(tag), Host: id.host, Tag: bounded(tag),
		Container: engine.Container{ID: id.id, Name: id.name, Image: id.image},
	}}
	if v.source.Host == "" {
		v.source.Host = defaultHost
	}
	return v
}

// textAt returns a copy of the text at i, "" when there is none.
func textAt(b []byte, i int) string {
	start, end, ok := text(b, i)
	if !ok {
		return ""
	}
	return string(b[start:min(end, start+maxName)])
}

// bounded returns a copy of s that is no longer than a name may be.
func bounded(s string) string { return strings.Clone(s[:min(len(s), maxName)]) }

// set gives a name its value unless it has one.
func set(name *string, value string) {
	if *name == "" {
		*name = value
	}
}

func (id *identity) take(b []byte, sp span) {
	switch sp.role {
	case roleContainerID, roleJournalID:
		set(&id.id, containerID(textAt(b, sp.start)))
	case roleJournalIDFull:
		if full := containerID(textAt(b, sp.start)); full != "" {
			id.id = full
		}
	case roleContainerName, roleJournalName:
		set(&id.name, strings.TrimPrefix(textAt(b, sp.start), "/"))
	case roleImage:
		set(&id.image, textAt(b, sp.start))
	case roleHost, roleSyslogHost:
		set(&id.host, textAt(b, sp.start))
	case roleSyslogIdent, roleIdentifier:
		set(&id.ident, textAt(b, sp.start))
	case roleUnit:
		set(&id.unit, textAt(b, sp.start))
	case roleKubernetes:
		id.takeKubernetes(b, sp.start)
	case roleResource:
		if at, ok := child(b, sp.start, "attributes"); ok {
			id.takeResource(b, at)
		}
	case rolePath:
		id.takePath(textAt(b, sp.start))
	case roleLabels:
		eachPair(b, sp.start, id.takeLabel)
	case roleWorkload:
		id.takeLabel(b, labelWorkload, sp.start)
	case roleEnable:
		id.takeLabel(b, labelEnable, sp.start)
	case roleComposeProject:
		id.takeLabel(b, labelComposeProject, sp.start)
	case roleComposeService:
		id.takeLabel(b, labelComposeService, sp.start)
	case roleSwarmService:
		id.takeLabel(b, labelSwarmService, sp.start)
	}
}

// eachPair calls fn for every pair of the map at i whose key is text and no longer than a name; value is the value's position.
func eachPair(b []byte, i int, fn func(b []byte, key string, value int)) {
	pairs, i, ok := mapAt(b, i)
	if !ok {
		return
	}
	for ; pairs > 0; pairs-- {
		start, end, isText := text(b, i)
		value, ok := skip(b, i)
		if !ok {
			return
		}
		if i, ok = skip(b, value); !ok {
			return
		}
		if isText && end-start <= maxName {
			fn(b, string(b[start:end]), value)
		}
	}
}

// takeLabel takes a label of a container, whether of Docker, Podman or Kubernetes.
func (id *identity) takeLabel(b []byte, key string, value int) {
	switch key {
	case labelWorkload:
		set(&id.label, textAt(b, value))
	case labelEnable:
		if b[value] == mpFalse || strings.EqualFold(textAt(b, value), "false") {
			id.disabled = true
		}
	case labelComposeProject:
		set(&id.project, textAt(b, value))
	case labelComposeService:
		set(&id.service, textAt(b, value))
	case labelSwarmService:
		set(&id.swarm, textAt(b, value))
	}
}

// takeKubernetes takes what Fluent Bit's kubernetes filter adds.
func (id *identity) takeKubernetes(b []byte, i int) {
	eachPair(b, i, func(b []byte, key string, value int) {
		switch key {
		case "pod_name":
			set(&id.pod, textAt(b, value))
		case "namespace_name":
			set(&id.namespace, textAt(b, value))
		case "container_name":
			set(&id.kubeContainer, textAt(b, value))
		case "docker_id", "container_id":
			set(&id.id, containerID(textAt(b, value)))
		case "container_image":
			set(&id.image, textAt(b, value))
		case "host", "node_name":
			set(&id.host, textAt(b, value))
		case "labels":
			id.app = appLabel(b, value)
			eachPair(b, value, id.takeLabel)
		case "annotations":
			eachPair(b, value, id.takeLabel)
		}
	})
}

// appLabel returns the label that names the application of a pod: the recommended one, else the customary ones.
func appLabel(b []byte, labels int) string {
	for _, name := range [...]string{"app.kubernetes.io/name", "app", "k8s-app"} {
		if at, ok := child(b, labels, name); ok {
			if app := textAt(b, at); app != "" {
				return app
			}
		}
	}
	return ""
}

// takeResource takes the attributes of an OTLP resource, named as in OpenTelemetry's semantic conventions.
func (id *identity) takeResource(b []byte, i int) {
	tag := ""
	var owners [5]string
	eachPair(b, i, func(b []byte, key string, value int) {
		switch key {
		case "container.id":
			set(&id.id, containerID(textAt(b, value)))
		case "container.name":
			set(&id.name, strings.TrimPrefix(textAt(b, value), "/"))
		case "container.image.name":
			set(&id.image, textAt(b, value))
		case "container.image.tag":
			tag = textAt(b, value)
		case "container.image.tags":
			if n, first, ok := arrayAt(b, value); ok && n > 0 {
				tag = textAt(b, first)
			}
		case "host.name", "k8s.node.name":
			set(&id.host, textAt(b, value))
		case "service.name":
			set(&id.serviceOTL, textAt(b, value))
		case "service.namespace":
			set(&id.serviceNamespace, textAt(b, value))
		case "k8s.namespace.name":
			set(&id.namespace, textAt(b, value))
		case "k8s.pod.name":
			set(&id.pod, textAt(b, value))
		case "k8s.container.name":
			set(&id.kubeContainer, textAt(b, value))
		case "k8s.deployment.name":
			owners[0] = textAt(b, value)
		case "k8s.statefulset.name":
			owners[1] = textAt(b, value)
		case "k8s.daemonset.name":
			owners[2] = textAt(b, value)
		case "k8s.cronjob.name":
			owners[3] = textAt(b, value)
		case "k8s.job.name":
			owners[4] = textAt(b, value)
		default:
			id.takeLabel(b, key, value)
		}
	})
	if tag != "" && id.image != "" && !strings.Contains(id.image, "@") {
		id.image += ":" + tag
	}
	for _, owner := range owners {
		set(&id.app, owner)
	}
}

// workload weighs what is known; see the table in the package comment.
func (id *identity) workload(tag string) string {
	set(&id.name, id.kubeContainer)
	app := id.app
	set(&app, id.kubeContainer)
	set(&app, podOwner(id.pod))
	unit := id.unit
	if id.id != "" || id.name != "" {
		unit = "" // of the container engine, not of the container
	}
	switch {
	case id.label != "":
		return id.label
	case id.service != "":
		return join(id.project, id.service)
	case id.swarm != "":
		return id.swarm
	case id.namespace != "" && app != "":
		return join(id.namespace, app)
	case unit != "":
		return unit
	case id.serviceOTL != "":
		return join(id.serviceNamespace, id.serviceOTL)
	case id.name != "":
		return id.name
	case id.ident != "":
		return id.ident
	case tag != "":
		return bounded(tag)
	}
	return "unknown"
}

func join(group, name string) string {
	if group == "" {
		return name
	}
	return group + "/" + name
}
