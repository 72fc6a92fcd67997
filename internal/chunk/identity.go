package chunk

import (
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
	"github.com/tinyforge/fluentbit-trigger/internal/naming"
)

// maxName bounds the length of each name of an origin. Names of containers, pods and images are far shorter.
const maxName = naming.MaxName

// identity collects the names of a record's origin, before the source is chosen from them.
type identity struct {
	naming.Facts
	image, host string
	imageID     string // digest
	disabled    bool   // fluentbit-trigger.enable=false

	// The names in the tag, which no line can forge. A kubernetes map or an id that contradicts them comes from the line.
	tagged naming.Facts
}

// describe returns the Source of a record. For each name the first of these counts: the keys that the scan kept, which are all of one originator, the
// path, the tag, the fields of applications.
func describe(b []byte, spans []span, tag string, s *originSettings) originValue {
	var id identity
	id.addTag(tag)
	const resource, filter, path = 1 << roleResource, 1 << roleKubernetes, 1 << rolePath
	const claims = 1<<roleClaimedID | 1<<roleClaimedName | 1<<roleClaimedImage | 1<<roleClaimedService
	id.addSpans(b, spans, resource)
	id.addSpans(b, spans, filter)
	if !id.foreign(b, spans) {
		id.addSpans(b, spans, ^uint64(resource|filter|path|claims))
	}
	id.addSpans(b, spans, path)
	named := id.ID != "" || id.Name != ""
	id.fill(&id.tagged)
	if id.ID == "" && id.Name == "" && id.Pod == "" {
		id.addSpans(b, spans, claims)
		named = id.ID != "" || id.Name != ""
	}
	id.Tag = bounded(tag)
	workload, refused := id.Workload(s.anyWorkload)
	v := originValue{excluded: id.disabled, refused: refused, source: engine.Source{
		Kind: "log", Workload: workload, Host: id.host, Tag: id.Tag,
		Container: engine.Container{ID: id.ID, Name: id.Container(), Image: id.image, ImageID: id.imageID},
	}}
	// Only keys at the top of the record name the container: if JSON is merged over them, a line can name another one.
	v.unproven = named && v.source.Container.ID != id.tagged.ID && !proven(spans)
	if v.source.Host == "" {
		v.source.Host = s.host
	}
	return v
}

// proven reports whether the spans are of an originator that no line can imitate.
func proven(spans []span) bool {
	for _, sp := range spans {
		if sp.in&inAnyone == 0 || sp.role == roleResource {
			return true
		}
	}
	return false
}

// foreign reports whether the keys at the top of the record name another container than the tag: then they come from the line.
func (id *identity) foreign(b []byte, spans []span) bool {
	for _, sp := range spans {
		if (sp.role == roleContainerID || sp.role == roleJournalID) && contradicts(id.tagged.ID, containerID(textAt(b, sp.start))) {
			return true
		}
	}
	return false
}

// addSpans takes the spans of some roles.
func (id *identity) addSpans(b []byte, spans []span, roles uint64) {
	for _, sp := range spans {
		if roles&(1<<sp.role) != 0 {
			id.addSpan(b, sp)
		}
	}
}

// textAt returns a copy of the text at i, or "".
func textAt(b []byte, i int) string {
	start, end, ok := msgpack.Text(b, i)
	if !ok {
		return ""
	}
	return string(b[start:min(end, start+maxName)])
}

// bounded returns a copy of s that is no longer than a name may be.
func bounded(s string) string { return strings.Clone(s[:min(len(s), maxName)]) }

// set sets a name unless it is set.
func set(name *string, value string) {
	if *name == "" {
		*name = value
	}
}

func (id *identity) addSpan(b []byte, sp span) {
	switch sp.role {
	case roleContainerID, roleJournalID, roleClaimedID:
		set(&id.ID, containerID(textAt(b, sp.start)))
	case roleJournalIDFull:
		if full := containerID(textAt(b, sp.start)); full != "" {
			id.ID = full
		}
	case roleContainerName, roleJournalName, roleClaimedName:
		set(&id.Name, strings.TrimPrefix(textAt(b, sp.start), "/"))
	case roleImage, roleClaimedImage:
		set(&id.image, textAt(b, sp.start))
	case roleHost, roleSyslogHost:
		set(&id.host, textAt(b, sp.start))
	case roleSyslogIdent, roleIdentifier:
		set(&id.Ident, textAt(b, sp.start))
	case roleClaimedService:
		set(&id.ServiceName, textAt(b, sp.start))
	case roleUnit:
		set(&id.Unit, textAt(b, sp.start))
	case roleKubernetes:
		id.addKubernetes(b, sp.start)
	case roleResource:
		if at, ok := msgpack.Child(b, sp.start, "attributes"); ok {
			id.addResource(b, at)
		}
	case rolePath:
		id.addPath(textAt(b, sp.start))
	case roleLabels:
		eachPair(b, sp.start, id.addLabel)
	default:
		if sp.role >= roleLabel {
			id.addLabel(b, countingLabels[sp.role-roleLabel], sp.start)
		}
	}
}

// contradicts reports whether two ids, of which one may be short, are of different containers.
func contradicts(known, id string) bool {
	return known != "" && id != "" && !strings.HasPrefix(known, id) && !strings.HasPrefix(id, known)
}

// eachPair calls fn for every pair of the map at i whose key is text and no longer than a name; value is the value's position.
func eachPair(b []byte, i int, fn func(b []byte, key string, value int)) {
	pairs, i, ok := msgpack.Map(b, i)
	if !ok {
		return
	}
	for ; pairs > 0; pairs-- {
		start, end, isText := msgpack.Text(b, i)
		value, ok := msgpack.Skip(b, i)
		if !ok {
			return
		}
		if i, ok = msgpack.Skip(b, value); !ok {
			return
		}
		if isText && end-start <= maxName {
			fn(b, string(b[start:end]), value)
		}
	}
}

// addLabel takes a label of a container of an engine.
func (id *identity) addLabel(b []byte, key string, value int) {
	if !id.setEnabled(b, key, value) {
		id.SetLabel(key, textAt(b, value))
	}
}

// setEnabled takes the label fluentbit-trigger.enable.
func (id *identity) setEnabled(b []byte, key string, value int) bool {
	if key != naming.LabelEnable {
		return false
	}
	id.disabled = b[value] == msgpack.False || strings.EqualFold(textAt(b, value), "false")
	return true
}

// addPodLabel takes a label or an annotation of a pod. Those of engines have no meaning there: everyone who may start a pod may write them.
func (id *identity) addPodLabel(b []byte, key string, value int) {
	switch {
	case id.setEnabled(b, key, value):
	case key == naming.LabelWorkload:
		id.Label = textAt(b, value)
	default:
		id.SetPodLabel(key, textAt(b, value))
	}
}

// addKubernetes adds the map of Fluent Bit's kubernetes filter. If the map is of another pod than the tag, it comes from the line and is ignored.
func (id *identity) addKubernetes(b []byte, i int) {
	var got identity
	var labels, annotations int
	var owner [2]string
	eachPair(b, i, func(b []byte, key string, value int) {
		switch key {
		case "pod_name":
			got.Pod = textAt(b, value)
		case "namespace_name":
			got.Namespace = textAt(b, value)
		case "container_name":
			got.PodContainer = textAt(b, value)
		case "docker_id", "container_id":
			got.ID = containerID(textAt(b, value))
		case "container_image":
			got.image = textAt(b, value)
		case "container_hash":
			got.imageID = textAt(b, value)
		case "host", "node_name":
			got.host = textAt(b, value)
		case "labels":
			labels = value
		case "annotations":
			annotations = value
		case "ownerReferences":
			owner = ownerAt(b, value)
		}
	})
	if t := &id.tagged; contradicts(t.ID, got.ID) || t.Namespace != "" && got.Namespace != t.Namespace {
		return
	}
	set(&id.ID, got.ID)
	set(&id.image, got.image)
	set(&id.imageID, got.imageID)
	set(&id.host, got.host)
	set(&id.Pod, got.Pod)
	set(&id.Namespace, got.Namespace)
	set(&id.PodContainer, got.PodContainer)
	set(&id.Node, got.host)
	if owner[1] != "" && id.Owner == "" {
		id.SetOwner(owner[0], owner[1])
	}
	if labels != 0 {
		set(&id.App, appLabel(b, labels))
		eachPair(b, labels, id.addPodLabel)
	}
	if annotations != 0 {
		eachPair(b, annotations, id.addPodLabel)
	}
}

// ownerAt returns kind and name of the first of a pod's owner references.
func ownerAt(b []byte, i int) (owner [2]string) {
	if n, first, ok := msgpack.Array(b, i); ok && n > 0 {
		for k, name := range [...]string{"kind", "name"} {
			if at, ok := msgpack.Child(b, first, name); ok {
				owner[k] = textAt(b, at)
			}
		}
	}
	return owner
}

// appLabels are the labels that name the application of a pod: the recommended one, then the customary ones.
var appLabels = [...]string{"app.kubernetes.io/name", "app", "k8s-app"}

func appLabel(b []byte, labels int) string {
	for _, name := range appLabels {
		if at, ok := msgpack.Child(b, labels, name); ok {
			if app := textAt(b, at); app != "" {
				return app
			}
		}
	}
	return ""
}

// The prefixes of labels and annotations in OpenTelemetry.
var (
	podLabelPrefixes       = [...]string{"k8s.pod.label.", "k8s.pod.labels.", "k8s.pod.annotation.", "k8s.pod.annotations."}
	containerLabelPrefixes = [...]string{"container.label.", "container.labels."}
)

// addResource takes the attributes of an OTLP resource, named as in OpenTelemetry's semantic conventions.
func (id *identity) addResource(b []byte, i int) {
	tag := ""
	var owners [5]string
	var apps [len(appLabels)]string
	eachPair(b, i, func(b []byte, key string, value int) {
		switch key {
		case "container.id":
			id.ID = containerID(textAt(b, value))
		case "container.name":
			id.Name = strings.TrimPrefix(textAt(b, value), "/")
		case "container.image.name":
			id.image = textAt(b, value)
		case "container.image.id":
			id.imageID = textAt(b, value)
		case "container.image.tag":
			tag = textAt(b, value)
		case "container.image.tags":
			if n, first, ok := msgpack.Array(b, value); ok && n > 0 {
				tag = textAt(b, first)
			}
		case "host.name":
			id.host = textAt(b, value)
		case "k8s.node.name":
			id.Node = textAt(b, value)
		case "service.name":
			id.ServiceName = textAt(b, value)
		case "service.namespace":
			id.ServiceNamespace = textAt(b, value)
		case "k8s.namespace.name":
			id.Namespace = textAt(b, value)
		case "k8s.pod.name":
			id.Pod = textAt(b, value)
		case "k8s.container.name":
			id.PodContainer = textAt(b, value)
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
		case naming.LabelWorkload:
			id.Label = textAt(b, value)
		default:
			id.addPrefixed(b, key, value, &apps)
		}
	})
	if tag != "" && id.image != "" && !strings.Contains(id.image, "@") {
		id.image += ":" + tag
	}
	for _, owner := range owners {
		set(&id.Owner, owner)
	}
	for _, app := range apps {
		set(&id.App, app)
	}
	set(&id.host, id.Node)
}

// addPrefixed takes an attribute that is a label or an annotation.
func (id *identity) addPrefixed(b []byte, key string, value int, apps *[len(appLabels)]string) {
	if id.setEnabled(b, key, value) {
		return
	}
	for _, prefix := range podLabelPrefixes {
		if label, ok := strings.CutPrefix(key, prefix); ok {
			for i, name := range appLabels {
				if label == name {
					apps[i] = textAt(b, value)
				}
			}
			id.addPodLabel(b, label, value)
		}
	}
	for _, prefix := range containerLabelPrefixes {
		if label, ok := strings.CutPrefix(key, prefix); ok {
			id.addLabel(b, label, value)
		}
	}
}

// identifies reports whether the attributes of an OTLP resource, the map at i, name the container or service of its records.
func identifies(b []byte, i int) bool {
	pairs, i, ok := msgpack.Map(b, i)
	for ; ok && pairs > 0; pairs-- {
		start, end, isText := msgpack.Text(b, i)
		if isText {
			switch string(b[start:end]) {
			case "container.id", "container.name", "service.name", "k8s.pod.name", "k8s.container.name", "k8s.deployment.name", "k8s.statefulset.name",
				"k8s.daemonset.name", "k8s.cronjob.name", "k8s.job.name":
				return true
			}
		} else if end, ok = msgpack.Skip(b, i); !ok {
			return false
		}
		i, ok = msgpack.Skip(b, end)
	}
	return false
}
