package chunk

import (
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

const (
	fullID  = ct.ContainerID
	otherID = "00000000000000000000000000000000000000000000000000000000000000ff"
)

// TestIdentity has a row for every row of the table in the package comment, and for what takes precedence over what.
func TestIdentity(t *testing.T) {
	kube := func(more ...any) ct.Map {
		return append(ct.M("pod_name", "api-5b6d8f9c7d-x2x4k", "namespace_name", "shop"), ct.M(more...)...)
	}
	kubeTag := "kube.var.log.containers.web-0_prod_nginx-" + fullID + ".log"
	type source = engine.Source
	container := func(id, name, image string) engine.Container {
		return engine.Container{ID: id, Name: name, Image: image}
	}
	for _, tc := range []struct {
		name     string
		tag      string
		body     ct.Map
		resource ct.Map
		want     source
	}{
		{"tag alone", "app.web", nil, nil, source{Workload: "app.web"}},
		{"nothing", "", nil, nil, source{Workload: "unknown"}},
		{"container id and name", "t", ct.M("container_id", fullID, "container_name", "/web"), nil,
			source{Workload: "web", Container: container(fullID, "web", "")}},
		{"values as bin", "t", ct.M("container_id", ct.Bin(fullID), "container_name", ct.Bin("/web")), nil,
			source{Workload: "web", Container: container(fullID, "web", "")}},
		{"image", "t", ct.M("container_name", "web", "container_image", "web:1"), nil, source{Workload: "web", Container: container("", "web", "web:1")}},
		{"compose", "t", ct.M("container_name", "/shop-web-1", "com.docker.compose.project", "shop", "com.docker.compose.service", "web"), nil,
			source{Workload: "shop/web", Container: container("", "shop-web-1", "")}},
		{"compose service without project", "t", ct.M("com.docker.compose.service", "web"), nil, source{Workload: "web"}},
		{"compose project without service", "t", ct.M("container_name", "x", "com.docker.compose.project", "shop"), nil,
			source{Workload: "x", Container: container("", "x", "")}},
		{"compose in a labels map", "t", ct.M("container_labels", ct.M("com.docker.compose.project", "shop", "com.docker.compose.service", "web")), nil,
			source{Workload: "shop/web"}},
		{"swarm", "t", ct.M("container_name", "x", "labels", ct.M("com.docker.swarm.service.name", "stack_web")), nil,
			source{Workload: "stack_web", Container: container("", "x", "")}},
		{"workload label", "t", ct.M("fluentbit-trigger.workload", "mine", "com.docker.compose.service", "web"), nil, source{Workload: "mine"}},
		{"the attrs of docker's json-file", "t", ct.M("attrs", ct.M("tag", "x", "com.docker.compose.project", "shop", "com.docker.compose.service", "api")), nil,
			source{Workload: "shop/api"}},
		{"workload label in a labels map", "t", ct.M("labels", ct.M("fluentbit-trigger.workload", "mine")), nil, source{Workload: "mine"}},
		{"workload label in Kubernetes labels", "t", ct.M("kubernetes", kube("labels", ct.M("app", "a", "fluentbit-trigger.workload", "mine"))), nil,
			source{Workload: "mine"}},
		{"workload label in Kubernetes annotations", "t", ct.M("kubernetes", kube("annotations", ct.M("fluentbit-trigger.workload", "mine"))), nil,
			source{Workload: "mine"}},
		{"Kubernetes, recommended label", "t", ct.M("kubernetes", kube("labels", ct.M("app", "a", "app.kubernetes.io/name", "api"), "host", "node-1",
			"container_name", "main", "docker_id", fullID, "container_image", "api:1")), nil,
			source{Workload: "shop/api", Host: "node-1", Container: container(fullID, "main", "api:1")}},
		{"Kubernetes, app", "t", ct.M("kubernetes", kube("labels", ct.M("k8s-app", "k", "app", "a"))), nil, source{Workload: "shop/a"}},
		{"Kubernetes, k8s-app", "t", ct.M("kubernetes", kube("labels", ct.M("k8s-app", "k"), "container_name", "c")), nil,
			source{Workload: "shop/k", Container: container("", "c", "")}},
		{"Kubernetes, container", "t", ct.M("kubernetes", kube("container_name", "c")), nil, source{Workload: "shop/c", Container: container("", "c", "")}},
		{"Kubernetes, pod", "t", ct.M("kubernetes", kube()), nil, source{Workload: "shop/api"}},
		{"Kubernetes in the tag", kubeTag, nil, nil, source{Workload: "prod/nginx", Container: container(fullID, "nginx", "")}},
		{"Kubernetes in a short tag", "kube.web-0_prod_nginx-" + fullID + ".log", nil, nil, source{Workload: "prod/nginx", Container: container(fullID, "nginx", "")}},
		{"Kubernetes in the path", "t", ct.M("path", "/var/log/containers/web-0_prod_nginx-"+fullID+".log"), nil,
			source{Workload: "prod/nginx", Container: container(fullID, "nginx", "")}},
		{"Kubernetes in the path of the pods", "t", ct.M("file", "/var/log/pods/prod_web-0_0c1d2e3f-4a5b/nginx/0.log"), nil,
			source{Workload: "prod/nginx", Container: container("", "nginx", "")}},
		{"Docker in the path", "t", ct.M("filename", "/var/lib/docker/containers/"+fullID+"/"+fullID+"-json.log"), nil,
			source{Workload: "t", Container: container(fullID, "", "")}},
		{"Docker in the tag", "docker.var.lib.docker.containers." + fullID + "." + fullID + "-json.log", nil, nil,
			source{Workload: "docker.var.lib.docker.containers." + fullID + "." + fullID + "-json.log", Container: container(fullID, "", "")}},
		{"short id as tag", "4f1c9a0d2b7e", nil, nil, source{Workload: "4f1c9a0d2b7e", Container: container("4f1c9a0d2b7e", "", "")}},
		{"record before path before tag", kubeTag, ct.M("container_id", "4f1c9a0d2b7e", "path", "/x/"+otherID+"/"+otherID+"-json.log"), nil,
			source{Workload: "prod/nginx", Container: container("4f1c9a0d2b7e", "nginx", "")}},
		{"a path of a request is none", "t", ct.M("path", "/api/v1/users/17"), nil, source{Workload: "t"}},
		{"labels of another kind", "t", ct.M("labels", ct.M("env", "prod")), nil, source{Workload: "t"}},
		{"journald, Docker", "t", ct.M("_SYSTEMD_UNIT", "docker.service", "CONTAINER_ID", fullID[:12], "CONTAINER_ID_FULL", fullID,
			"CONTAINER_NAME", "web", "IMAGE_NAME", "web:1", "_HOSTNAME", "node1", "SYSLOG_IDENTIFIER", "x"), nil,
			source{Workload: "web", Host: "node1", Container: container(fullID, "web", "web:1")}},
		{"journald, compose labels", "t", ct.M("CONTAINER_NAME", "web", "COM_DOCKER_COMPOSE_PROJECT", "shop", "COM_DOCKER_COMPOSE_SERVICE", "web"), nil,
			source{Workload: "shop/web", Container: container("", "web", "")}},
		{"journald, unit", "t", ct.M("_SYSTEMD_UNIT", "nginx.service", "_HOSTNAME", "node1", "SYSLOG_IDENTIFIER", "nginx"), nil,
			source{Workload: "nginx.service", Host: "node1"}},
		{"journald, no unit", "t", ct.M("_HOSTNAME", "node1", "SYSLOG_IDENTIFIER", "kernel"), nil, source{Workload: "kernel", Host: "node1"}},
		{"syslog", "t", ct.M("pri", "30", "host", "host1", "ident", "sshd"), nil, source{Workload: "sshd", Host: "host1"}},
		{"host and ident without pri", "t", ct.M("host", "example.org", "ident", "x", "container_name", "web"), nil,
			source{Workload: "web", Container: container("", "web", "")}},
		{"hostname", "t", ct.M("hostname", "node9"), nil, source{Workload: "t", Host: "node9"}},
		{"OTLP service", "t", ct.M(), ct.M("service.name", "checkout", "service.namespace", "shop", "host.name", "h", "container.id", fullID,
			"container.name", "c", "container.image.name", "img", "container.image.tags", []any{"1", "2"}), source{Workload: "shop/checkout", Host: "h",
			Container: container(fullID, "c", "img:1")}},
		{"OTLP service without namespace", "t", ct.M(), ct.M("service.name", "checkout"), source{Workload: "checkout"}},
		{"OTLP Kubernetes", "t", ct.M(), ct.M("service.name", "x", "k8s.namespace.name", "shop", "k8s.deployment.name", "api", "k8s.pod.name", "p",
			"k8s.container.name", "c", "k8s.node.name", "n"), source{Workload: "shop/api", Host: "n", Container: container("", "c", "")}},
		{"OTLP label", "t", ct.M(), ct.M("service.name", "x", "fluentbit-trigger.workload", "mine"), source{Workload: "mine"}},
		{"record before Kubernetes before OTLP", "t", ct.M("kubernetes", kube("container_name", "k", "host", "k"), "container_name", "r"),
			ct.M("container.name", "o", "host.name", "o", "container.id", otherID),
			source{Workload: "shop/k", Host: "k", Container: container(otherID, "r", "")}},
		{"id with a scheme", "t", ct.M("kubernetes", ct.M("container_id", "containerd://"+fullID)), nil, source{Workload: "t", Container: container(fullID, "", "")}},
		{"odd values", "t", ct.M("container_id", 5, "container_name", nil, "kubernetes", "x", "_SYSTEMD_UNIT", ct.M()), nil, source{Workload: "t"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := append(ct.M("log", "line"), tc.body...)
			chunk := one(body)
			if tc.resource != nil {
				chunk = ct.GroupEnd(append(ct.GroupStart(nil, tc.resource), chunk...))
			}
			tc.want.Kind, tc.want.Tag = "log", tc.tag
			if got := *only(t, chunk, tc.tag).Source; got != tc.want {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestDefaultHost(t *testing.T) {
	s := DefaultSettings()
	s.Host = "here"
	d, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := decodeAll(d, one(ct.M("log", "x")), "t")[0].Source.Host; got != "here" {
		t.Errorf("host %q", got)
	}
	if got := decodeAll(d, one(ct.M("log", "x", "hostname", "there")), "t")[0].Source.Host; got != "there" {
		t.Errorf("host %q", got)
	}
}

func TestExcluded(t *testing.T) {
	for _, body := range []ct.Map{
		ct.M("log", "x", "fluentbit-trigger.enable", "false"), ct.M("log", "x", "fluentbit-trigger.enable", false),
		ct.M("log", "x", "labels", ct.M("fluentbit-trigger.enable", "False")),
		ct.M("log", "x", "FLUENTBIT_TRIGGER_ENABLE", "false"),
		ct.M("log", "x", "kubernetes", ct.M("annotations", ct.M("fluentbit-trigger.enable", "false"))),
	} {
		d := newDecoder(t)
		if lines := decodeAll(d, one(body), "t"); len(lines) != 0 || d.Stats().Excluded != 1 {
			t.Errorf("%v: %d lines, %+v", body, len(lines), d.Stats())
		}
		checkAccounts(t, d.Stats())
	}
	only(t, one(ct.M("log", "x", "fluentbit-trigger.enable", "true")), "t")
}

// TestOriginsAreShared checks that one origin is one pointer: in a chunk, across chunks, and when records tell the same in other words.
func TestOriginsAreShared(t *testing.T) {
	d := newDecoder(t)
	a := ct.M("log", "x", "container_name", "/a")
	b := ct.M("log", "x", "container_name", "/b")
	chunk := append(append(append(one(a), one(b)...), one(a)...), one(append(a, ct.M("kubernetes", ct.M("pod_ip", "10.0.0.1"))...))...)
	lines := append(decodeAll(d, chunk, "t"), decodeAll(d, chunk, "t")...)
	first, second := lines[0].Source, lines[1].Source
	if first == second {
		t.Fatal("two origins share a Source")
	}
	for i, want := range []*engine.Source{first, second, first, first, first, second, first, first} {
		if lines[i].Source != want {
			t.Errorf("line %d: got %+v", i, lines[i].Source)
		}
	}
	if other := decodeAll(d, chunk, "u")[0].Source; other == first || other.Tag != "u" {
		t.Errorf("another tag gives %+v", other)
	}
}

// TestManyOrigins interleaves more origins than are remembered, in a chunk and over all.
func TestManyOrigins(t *testing.T) {
	s := DefaultSettings()
	s.MaxOrigins = 300
	d, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	var chunk []byte
	var names []string
	for i := range 3000 {
		name := strings.Repeat("n", 1+i%20) + string(rune('a'+i%17)) + strings.Repeat("z", i%29)
		names = append(names, name)
		chunk = append(chunk, one(ct.M("log", name, "container_name", "/"+name, "container_id", otherID))...)
	}
	lines := decodeAll(d, chunk, "t")
	for i, l := range lines {
		if l.Source.Container.Name != names[i] || l.Text != names[i] {
			t.Fatalf("line %d: got %q of %q, want %q", i, l.Text, l.Source.Container.Name, names[i])
		}
	}
	if len(lines) != len(names) || d.Stats().OriginsEvicted == 0 {
		t.Errorf("%d lines, %+v", len(lines), d.Stats())
	}
}

func TestPodOwner(t *testing.T) {
	for pod, want := range map[string]string{
		"api-5b6d8f9c7d-x2x4k": "api", "fluent-bit-x2x4k": "fluent-bit", "db-0": "db", "api-7c9d": "api-7c9d", "api": "api", "": "", "-0": "-0",
		"shop-api-server-abcde": "shop-api-server-abcde", "backup-28934560-x2x4k": "backup-28934560",
	} {
		if got := podOwner(pod); got != want {
			t.Errorf("podOwner(%q) = %q, want %q", pod, got, want)
		}
	}
}

// TestNamesOutliveTheChunk overwrites chunk and tag after decoding, as the host does.
func TestNamesOutliveTheChunk(t *testing.T) {
	d := newDecoder(t)
	chunk := ct.Kubernetes(ct.Lines("x")...)
	source := decodeAll(d, chunk, ct.CRITag)[0].Source
	before := *source
	for i := range chunk {
		chunk[i] = 'Z'
	}
	if *source != before || strings.Contains(source.Workload+source.Container.ID, "ZZ") {
		t.Errorf("the source changed to %+v", source)
	}
}
