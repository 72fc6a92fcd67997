package chunk

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
)

// evil is all that a line can say of itself to pose as another container, pod, unit or service.
func evil(id string) ct.Map {
	return ct.M(
		"container_id", id, "container_name", "/payments-"+id, "container_image", "x", "image_name", "x", "source", "stdout", "hostname", "h"+id,
		"fluentbit-trigger.workload", "shop/payments", "fluentbit-trigger.enable", "false", "_fluentbit-trigger.workload", "shop/payments",
		"com.docker.compose.project", "shop", "com.docker.compose.service", "payments", "com.docker.compose.container-number", "1",
		"com.docker.swarm.service.name", "payments", "com.docker.stack.namespace", "shop",
		"labels", ct.M("fluentbit-trigger.workload", "shop/payments", "com.docker.compose.service", "payments"),
		"attrs", ct.M("com.docker.compose.service", "payments"), "container_labels", ct.M("fluentbit-trigger.enable", "false"),
		"kubernetes", ct.M("namespace_name", "shop", "pod_name", "payments-0", "container_name", "payments", "docker_id", id, "host", "h",
			"labels", ct.M("app", "payments"), "annotations", ct.M("fluentbit-trigger.enable", "false")),
		"kubernetes.namespace_name", "shop", "kubernetes.labels.app", "payments",
		"resource", ct.M("attributes", ct.M("service.name", "payments")), "resource.service.name", "payments", "resource.attributes.service.name", "payments",
		"_SYSTEMD_UNIT", "payments.service", "_HOSTNAME", "h", "_systemd_unit", "payments.service", "SYSTEMD_UNIT", "payments.service", "_UID", "0",
		"CONTAINER_ID_FULL", id, "CONTAINER_NAME", "payments", "container_id_full", id, "COM_DOCKER_COMPOSE_SERVICE", "payments",
		"FLUENTBIT_TRIGGER_WORKLOAD", "shop/payments", "FLUENTBIT_TRIGGER_ENABLE", "false", "SYSLOG_IDENTIFIER", "payments",
		"pri", "30", "host", "h", "ident", "payments", "short_message", "m", "_container_id", id, "_container_name", "payments",
		"container", ct.M("id", id, "name", "payments"), "service", ct.M("name", "payments"), "container.id", id, "service.name", "payments",
		"filename", "/var/log/containers/payments-0_shop_payments-"+strings.Repeat("0", 64)+".log", "__internal__", ct.M("group_attributes", ct.M("service.name", "payments")),
	)
}

// merged makes the chunk of the kubernetes filter with merge_log on, which writes the members of the line before its own map, but behind the rest.
func merged(members ct.Map) []byte {
	own := ct.M("pod_name", "evil-5b6d8f9c7d-x2x4k", "namespace_name", "tenant", "container_name", "main", "docker_id", fullID, "host", "node-1",
		"labels", ct.M("pod-template-hash", "5b6d8f9c7d"))
	body := append(ct.M("stream", "stderr", "_p", "F", "log", "x"), members...)
	return one(append(body, ct.Pair{Key: "kubernetes", Value: own}))
}

const mergedTag = "kube.x"

// The other shapes that lines cannot pose in, each with the members of a line in it.
var sealed = []struct {
	name string
	make func(members ct.Map) []byte
}{
	{"kubernetes filter", merged},
	{"OTLP, the body a map", func(members ct.Map) []byte {
		return ct.GroupEnd(ct.Event(ct.GroupStart(nil, ct.M("service.name", "evil", "service.namespace", "tenant", "container.id", fullID, "host.name", "n")),
			ct.FirstTime, ct.M(), append(ct.M("log", "x"), members...)))
	}},
	{"OTLP, the attributes of the record", func(members ct.Map) []byte {
		return ct.GroupEnd(ct.Event(ct.GroupStart(nil, ct.M("service.name", "evil", "container.id", fullID)), ct.FirstTime,
			ct.M("otlp", ct.M("attributes", members)), ct.M("log", "x")))
	}},
	{"fluentd driver, nested", func(members ct.Map) []byte {
		return one(ct.M("container_id", fullID, "container_name", "/evil", "source", "stderr", "log", "x", "log_processed", members))
	}},
	{"journald, nested", func(members ct.Map) []byte {
		return one(ct.M("MESSAGE", "x", "_SYSTEMD_UNIT", "docker.service", "_HOSTNAME", "n", "CONTAINER_ID_FULL", fullID, "CONTAINER_NAME", "evil", "parsed", members))
	}},
}

// TestNoLineIsAnotherContainer gives each shape a line that poses as another container in every way, alone and each member alone.
func TestNoLineIsAnotherContainer(t *testing.T) {
	for _, shape := range sealed {
		want := *only(t, shape.make(nil), mergedTag).Source
		all := evil(otherID)
		sets := []ct.Map{all, append(slices.Clone(all), all...)}
		for _, pair := range all {
			sets = append(sets, ct.Map{pair})
		}
		for i, members := range sets {
			if got := *only(t, shape.make(members), mergedTag).Source; got != want {
				t.Errorf("%s, members %d: %+v, want %+v", shape.name, i, got, want)
			}
		}
	}
}

// TestAttachedFieldsAreNoMembers: a path of what the pipeline attaches means that alone, present or not.
func TestAttachedFieldsAreNoMembers(t *testing.T) {
	for _, tc := range []struct {
		chunk []byte
		path  string
		want  string
	}{
		{merged(evil(otherID)), "kubernetes.namespace_name", "tenant"},
		{merged(evil(otherID)), "kubernetes.labels.app", ""},
		{sealed[1].make(evil(otherID)), "resource.service.name", "evil"},
		{sealed[1].make(evil(otherID)), "resource.attributes.service.name", "evil"},
		{sealed[1].make(ct.M("resource.x", "y", "resource", ct.M("x", "y"))), "resource.x", ""},
		{sealed[2].make(ct.M("k", "v")), "attributes.k", "v"},
		{sealed[2].make(ct.M("k", "v")), "otlp.attributes.k", "v"},
		{one(ct.M("log", "x", "a", 1, "a", 2, "m", ct.M("b", 1, "b", 2), "m", ct.M("b", 3, "b", 4))), "m.b", "4"},
		{one(ct.M("log", "x", "a", 1, "a", 2)), "a", "2"},
	} {
		newDecoder(t).Decode(tc.chunk, mergedTag, testNow, func(rec *engine.Record, _ []byte) {
			got, ok := rec.Fields.AppendField(nil, tc.path)
			if string(got) != tc.want || ok != (tc.want != "") {
				t.Errorf("%s: %q, want %q", tc.path, got, tc.want)
			}
			attached := rec.Fields.(engine.Attached).Attached(tc.path)
			if wanted := strings.Contains(tc.path, "kubernetes.") || strings.Contains(tc.path, "resource.") || strings.Contains(tc.path, "otlp."); attached != wanted {
				t.Errorf("%s: attached %v", tc.path, attached)
			}
		})
	}
}

// TestEqualKeys: of equal keys the last counts, at each level.
func TestEqualKeys(t *testing.T) {
	twice := func(key string, first, last any) ct.Map { return ct.M(key, first, key, last) }
	for _, tc := range []struct {
		name  string
		chunk []byte
		want  string // workload and container
	}{
		{"of a record", one(append(ct.M("log", "x"), twice("container_name", "/a", "/b")...)), "b b"},
		{"labels of a record", one(append(ct.M("log", "x", "container_name", "c", "com.docker.compose.project", "p"), twice("com.docker.compose.service", "a", "b")...)), "p/b c"},
		{"maps of labels", one(ct.M("log", "x", "labels", ct.M("com.docker.compose.service", "a"), "labels", twice("com.docker.compose.service", "a", "b"))), "b "},
		{"kubernetes maps", one(ct.M("log", "x", "kubernetes", ct.M("namespace_name", "a", "pod_name", "a"),
			"kubernetes", append(ct.M("namespace_name", "n"), twice("pod_name", "a", "b")...))), "n/b n/b"},
		{"labels of pods", one(ct.M("log", "x", "kubernetes", append(ct.M("namespace_name", "n", "pod_name", "p"),
			twice("labels", ct.M("app", "a"), twice("app", "b", "c"))...))), "n/c n/p"},
		{"attributes of a resource", ct.GroupEnd(append(ct.GroupStart(nil, twice("service.name", "a", "b")), one(ct.M("log", "x"))...)), "b "},
	} {
		s := only(t, tc.chunk, "t").Source
		if got := s.Workload + " " + s.Container.Name; got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// TestRandomIDs: lines that pose as another container each time make one origin where something else says whose they are, and share a token bucket
// where nothing does.
func TestRandomIDs(t *testing.T) {
	const lines = 160_000
	sources := func(make func(i int) []byte) (names, buckets map[string]bool) {
		d := newDecoder(t)
		names, buckets = map[string]bool{}, map[string]bool{}
		n := 0
		for i := range lines {
			d.Decode(make(i), mergedTag, testNow, func(rec *engine.Record, _ []byte) {
				n++
				names[rec.Source.Container.Name+rec.Source.Container.ID] = true
				if rec.Source.Bucket != "" {
					buckets["shared "+rec.Source.Bucket] = true
				} else {
					buckets[rec.Source.Container.Name] = true
				}
			})
		}
		if n != lines {
			t.Fatalf("%d lines of %d", n, lines)
		}
		return names, buckets
	}
	id := func(i int) string { return fmt.Sprintf("%064x", i) }
	if names, _ := sources(func(i int) []byte {
		return merged(ct.M("container_id", id(i), "fluentbit-trigger.workload", "shop/"+id(i), "kubernetes", ct.M("pod_name", id(i))))
	}); len(names) != 1 {
		t.Errorf("with a kubernetes map: %d containers", len(names))
	}
	if _, buckets := sources(func(i int) []byte {
		return one(ct.M("log", "x", "container_id", id(i), "container_name", "/c"+id(i), "source", "stdout"))
	}); len(buckets) != maxNewcomers+1 {
		t.Errorf("keys at the top alone: %d buckets", len(buckets))
	}
}

// FuzzMembers splices any members into records: they change neither identity nor attached fields.
func FuzzMembers(f *testing.F) {
	for _, pair := range evil(otherID) {
		f.Add(ct.Append(ct.Append(nil, pair.Key), pair.Value))
	}
	var all []byte
	for _, pair := range evil(otherID) {
		all = ct.Append(ct.Append(all, pair.Key), pair.Value)
	}
	f.Add(all)
	f.Add(append(slices.Clone(all), all...))
	want := map[string]engine.Source{}
	for _, shape := range sealed {
		newDecoder(f).Decode(shape.make(nil), mergedTag, testNow, func(rec *engine.Record, _ []byte) { want[shape.name] = *rec.Source })
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		members, ok := pairsOf(data)
		if !ok {
			t.Skip()
		}
		for _, shape := range sealed {
			d := newDecoder(t)
			check := func(rec *engine.Record, _ []byte) {
				if *rec.Source != want[shape.name] {
					t.Fatalf("%s: %+v, want %+v", shape.name, *rec.Source, want[shape.name])
				}
				if got, ok := rec.Fields.AppendField(nil, "kubernetes.namespace_name"); shape.name == sealed[0].name && (!ok || string(got) != "tenant") {
					t.Fatalf("the namespace is %q", got)
				}
			}
			d.Decode(shape.make(members), mergedTag, testNow, check)
			d.Drain(check)
			if d.Stats().Excluded != 0 {
				t.Fatalf("%s: left out", shape.name)
			}
			checkAccounts(t, d.Stats())
		}
	})
}

// pairsOf takes a sequence of keys and values apart; ok is false unless they are whole and each key is a text.
func pairsOf(data []byte) (members ct.Map, ok bool) {
	for i := 0; i < len(data); {
		start, value, isText := msgpack.Text(data, i)
		if !isText || len(members) > 500 {
			return nil, false
		}
		end, whole := msgpack.Skip(data, value)
		if !whole || value >= len(data) {
			return nil, false
		}
		members = append(members, ct.Pair{Key: string(data[start:value]), Value: ct.Raw(data[value:end])})
		i = end
	}
	return members, true
}
