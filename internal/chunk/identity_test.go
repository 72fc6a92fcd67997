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
			source{Workload: "shop/web", Container: container("", "shop/web/1", "")}},
		{"compose, a name of its own", "t", ct.M("container_name", "/front", "com.docker.compose.project", "shop", "com.docker.compose.service", "web",
			"com.docker.compose.container-number", "2"), nil, source{Workload: "shop/web", Container: container("", "shop/web/2", "")}},
		{"compose service without project", "t", ct.M("com.docker.compose.service", "web"), nil, source{Workload: "web"}},
		{"compose project without service", "t", ct.M("container_name", "x", "com.docker.compose.project", "shop"), nil,
			source{Workload: "x", Container: container("", "x", "")}},
		{"compose in a labels map", "t", ct.M("container_labels", ct.M("com.docker.compose.project", "shop", "com.docker.compose.service", "web")), nil,
			source{Workload: "shop/web"}},
		{"swarm", "t", ct.M("container_name", "x", "labels", ct.M("com.docker.swarm.service.name", "stack_web")), nil,
			source{Workload: "stack_web", Container: container("", "x", "")}},
		{"workload label", "t", ct.M("fluentbit-trigger.workload", "mine", "com.docker.compose.project", "shop", "com.docker.compose.service", "web"), nil,
			source{Workload: "shop/mine"}},
		{"workload label of another project", "t", ct.M("fluentbit-trigger.workload", "bank/payments", "com.docker.compose.project", "shop",
			"com.docker.compose.service", "web"), nil, source{Workload: "shop/web"}},
		{"the attrs of docker's json-file", "t", ct.M("attrs", ct.M("tag", "x", "com.docker.compose.project", "shop", "com.docker.compose.service", "api")), nil,
			source{Workload: "shop/api"}},
		{"workload label in a labels map", "t", ct.M("labels", ct.M("fluentbit-trigger.workload", "shop/mine", "com.docker.compose.project", "shop")), nil,
			source{Workload: "shop/mine"}},
		{"swarm task", "t", ct.M("container_name", "/stack_web.2.qx3u1n0k8a7v6b5m4c3x2z1l0", "com.docker.swarm.service.name", "stack_web"), nil,
			source{Workload: "stack_web", Container: container("", "stack_web.2", "")}},
		{"workload label in Kubernetes labels", "t", ct.M("kubernetes", kube("labels", ct.M("app", "a", "fluentbit-trigger.workload", "mine"))), nil,
			source{Workload: "shop/mine", Container: container("", "shop/api-5b6d8f9c7d-x2x4k", "")}},
		{"workload label in Kubernetes annotations", "t", ct.M("kubernetes", kube("annotations", ct.M("fluentbit-trigger.workload", "shop/mine"))), nil,
			source{Workload: "shop/mine", Container: container("", "shop/api-5b6d8f9c7d-x2x4k", "")}},
		{"an engine's labels on a pod", "t", ct.M("kubernetes", kube("labels", ct.M("com.docker.compose.project", "bank", "com.docker.compose.service", "payments"))), nil,
			source{Workload: "shop/api", Container: container("", "shop/api-5b6d8f9c7d-x2x4k", "")}},
		{"the owner of a pod", "t", ct.M("kubernetes", kube("container_name", "c", "ownerReferences", []any{ct.M("kind", "ReplicaSet", "name", "front-5b6d8f9c7d")})), nil,
			source{Workload: "shop/front", Container: container("", "shop/api-5b6d8f9c7d-x2x4k/c", "")}},
		{"the job of a cron job", "t", ct.M("kubernetes", ct.M("pod_name", "backup-28934560-x2x4k", "namespace_name", "shop", "container_name", "c",
			"labels", ct.M("batch.kubernetes.io/job-name", "backup-28934560"))), nil,
			source{Workload: "shop/backup", Container: container("", "shop/backup-28934560-x2x4k/c", "")}},
		{"a static pod", "t", ct.M("kubernetes", ct.M("pod_name", "etcd-node-1", "namespace_name", "kube-system", "container_name", "main", "host", "node-1")), nil,
			source{Workload: "kube-system/etcd", Host: "node-1", Container: container("", "kube-system/etcd-node-1/main", "")}},
		{"Kubernetes, recommended label", "t", ct.M("kubernetes", kube("labels", ct.M("app", "a", "app.kubernetes.io/name", "api"), "host", "node-1",
			"container_name", "main", "docker_id", fullID, "container_image", "api:1")), nil,
			source{Workload: "shop/api", Host: "node-1", Container: container(fullID, "shop/api-5b6d8f9c7d-x2x4k/main", "api:1")}},
		{"Kubernetes, app", "t", ct.M("kubernetes", kube("labels", ct.M("k8s-app", "k", "app", "a"))), nil,
			source{Workload: "shop/a", Container: container("", "shop/api-5b6d8f9c7d-x2x4k", "")}},
		{"Kubernetes, k8s-app", "t", ct.M("kubernetes", kube("labels", ct.M("k8s-app", "k"), "container_name", "c")), nil,
			source{Workload: "shop/k", Container: container("", "shop/api-5b6d8f9c7d-x2x4k/c", "")}},
		{"Kubernetes, container", "t", ct.M("kubernetes", kube("container_name", "c")), nil,
			source{Workload: "shop/api", Container: container("", "shop/api-5b6d8f9c7d-x2x4k/c", "")}},
		{"Kubernetes, pod", "t", ct.M("kubernetes", kube()), nil, source{Workload: "shop/api", Container: container("", "shop/api-5b6d8f9c7d-x2x4k", "")}},
		{"Kubernetes in the tag", kubeTag, nil, nil, source{Workload: "prod/web", Container: container(fullID, "prod/web-0/nginx", "")}},
		{"Kubernetes in a short tag", "kube.web-0_prod_nginx-" + fullID + ".log", nil, nil, source{Workload: "prod/web", Container: container(fullID, "prod/web-0/nginx", "")}},
		{"Kubernetes in the path", "t", ct.M("path", "/var/log/containers/web-0_prod_nginx-"+fullID+".log"), nil,
			source{Workload: "prod/web", Container: container(fullID, "prod/web-0/nginx", "")}},
		{"Kubernetes in the path of the pods", "t", ct.M("file", "/var/log/pods/prod_web-0_0c1d2e3f-4a5b/nginx/0.log"), nil,
			source{Workload: "prod/web", Container: container("", "prod/web-0/nginx", "")}},
		{"Docker in the path", "t", ct.M("filename", "/var/lib/docker/containers/"+fullID+"/"+fullID+"-json.log"), nil,
			source{Workload: "t", Container: container(fullID, "", "")}},
		{"Docker in the tag", "docker.var.lib.docker.containers." + fullID + "." + fullID + "-json.log", nil, nil,
			source{Workload: "docker.var.lib.docker.containers." + fullID + "." + fullID + "-json.log", Container: container(fullID, "", "")}},
		{"short id as tag", "4f1c9a0d2b7e", nil, nil, source{Workload: "4f1c9a0d2b7e", Container: container("4f1c9a0d2b7e", "", "")}},
		{"record before path", "t", ct.M("container_id", "4f1c9a0d2b7e", "path", "/x/"+otherID+"/"+otherID+"-json.log"), nil,
			source{Workload: "t", Container: container("4f1c9a0d2b7e", "", "")}},
		{"record before tag", kubeTag, ct.M("container_id", fullID[:12], "container_name", "x"), nil,
			source{Workload: "prod/web", Container: container(fullID[:12], "prod/web-0/nginx", "")}},
		{"a record of another container than its tag", kubeTag, ct.M("container_id", otherID, "container_name", "x", "com.docker.compose.service", "y"), nil,
			source{Workload: "prod/web", Container: container(fullID, "prod/web-0/nginx", "")}},
		{"a path of another container than its tag", kubeTag, ct.M("path", "/x/"+otherID+"/"+otherID+"-json.log"), nil,
			source{Workload: "prod/web", Container: container(fullID, "prod/web-0/nginx", "")}},
		{"a kubernetes map of another pod than its tag", kubeTag, ct.M("kubernetes", kube("docker_id", fullID)), nil,
			source{Workload: "prod/web", Container: container(fullID, "prod/web-0/nginx", "")}},
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
			"k8s.container.name", "c", "k8s.node.name", "n"), source{Workload: "shop/api", Host: "n", Container: container("", "shop/p/c", "")}},
		{"OTLP labels", "t", ct.M(), ct.M("k8s.namespace.name", "shop", "k8s.pod.name", "p", "k8s.pod.labels.fluentbit-trigger.workload", "mine"),
			source{Workload: "shop/mine", Container: container("", "shop/p", "")}},
		{"OTLP application", "t", ct.M(), ct.M("k8s.namespace.name", "shop", "k8s.pod.name", "p", "k8s.pod.label.app", "api"),
			source{Workload: "shop/api", Container: container("", "shop/p", "")}},
		{"OTLP, a container of compose", "t", ct.M(), ct.M("container.name", "shop-web-1", "container.label.com.docker.compose.project", "shop",
			"container.label.com.docker.compose.service", "web"), source{Workload: "shop/web", Container: container("", "shop/web/1", "")}},
		{"OTLP alone", "t", ct.M("kubernetes", kube("container_name", "k", "host", "k"), "container_name", "r"),
			ct.M("container.name", "o", "host.name", "o", "container.id", otherID), source{Workload: "o", Host: "o", Container: container(otherID, "o", "")}},
		{"OTLP, the host alone", "t", ct.M("container_name", "r", "hostname", "h"), ct.M("host.name", "o"),
			source{Workload: "r", Host: "o", Container: container("", "r", "")}},
		{"Kubernetes alone", "t", ct.M("container_name", "r", "container_id", otherID, "fluentbit-trigger.workload", "shop/x", "_SYSTEMD_UNIT", "u",
			"hostname", "h", "kubernetes", kube("container_name", "k", "host", "n"), "com.docker.compose.service", "s"), nil,
			source{Workload: "shop/api", Host: "n", Container: container("", "shop/api-5b6d8f9c7d-x2x4k/k", "")}},
		{"journald alone", "t", ct.M("container_name", "r", "hostname", "h", "_SYSTEMD_UNIT", "nginx.service", "_HOSTNAME", "node1", "container_id", otherID), nil,
			source{Workload: "nginx.service", Host: "node1"}},
		{"journald, a program that poses as an engine", "t", ct.M("CONTAINER_NAME", "r", "CONTAINER_ID_FULL", otherID, "COM_DOCKER_COMPOSE_SERVICE", "s",
			"_SYSTEMD_UNIT", "nginx.service", "_HOSTNAME", "node1", "_UID", "33", "_COMM", "nginx"), nil, source{Workload: "nginx.service", Host: "node1"}},
		{"journald, rootless Podman", "t", ct.M("CONTAINER_NAME", "r", "CONTAINER_ID_FULL", otherID, "_SYSTEMD_UNIT", "user@1000.service", "_UID", "1000",
			"_COMM", "conmon"), nil, source{Workload: "r", Container: container(otherID, "r", "")}},
		{"journald without underscores", "t", ct.M("SYSTEMD_UNIT", "nginx.service", "HOSTNAME", "node1"), nil, source{Workload: "nginx.service", Host: "node1"}},
		{"journald in lower case", "t", ct.M("_systemd_unit", "docker.service", "_hostname", "node1", "_uid", "0", "container_name", "web", "container_id", fullID[:12],
			"container_id_full", fullID, "image_name", "web:1", "com_docker_compose_project", "shop", "com_docker_compose_service", "web"), nil,
			source{Workload: "shop/web", Host: "node1", Container: container(fullID, "web", "web:1")}},
		{"journald in lower case, a unit", "t", ct.M("_systemd_unit", "nginx.service", "_hostname", "node1", "container_name", "web"), nil,
			source{Workload: "nginx.service", Host: "node1"}},
		{"journald in lower case without underscores", "t", ct.M("systemd_unit", "nginx.service", "hostname", "node1"), nil,
			source{Workload: "nginx.service", Host: "node1"}},
		{"GELF", "t", ct.M("version", "1.1", "host", "node1", "short_message", "m", "_container_id", fullID, "_container_name", "web", "_image_name", "web:1",
			"_com.docker.compose.project", "shop", "_com.docker.compose.service", "web", "_com.docker.compose.container-number", "1"), nil,
			source{Workload: "shop/web", Host: "node1", Container: container(fullID, "shop/web/1", "web:1")}},
		{"ECS, objects", "t", ct.M("host", ct.M("name", "node1"), "container", ct.M("id", fullID, "name", "web", "image", ct.M("name", "web:1")),
			"service", ct.M("name", "checkout")), nil, source{Workload: "checkout", Host: "node1", Container: container(fullID, "web", "web:1")}},
		{"ECS, dotted", "t", ct.M("host.name", "node1", "container.id", fullID, "service.name", "checkout"), nil,
			source{Workload: "checkout", Host: "node1", Container: container(fullID, "", "")}},
		{"ECS beside a container", "t", ct.M("container_name", "/web", "service", ct.M("name", "payments"), "container", ct.M("id", otherID, "name", "payments")), nil,
			source{Workload: "web", Container: container("", "web", "")}},
		{"ECS in a log of Kubernetes", kubeTag, ct.M("service.name", "payments", "container.name", "payments"), nil,
			source{Workload: "prod/web", Container: container(fullID, "prod/web-0/nginx", "")}},
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

// TestAnyWorkload lets a label name a workload of another project, and counts it where it may not.
func TestAnyWorkload(t *testing.T) {
	chunk := one(ct.M("log", "x", "container_name", "/a", "com.docker.compose.project", "tenant", "com.docker.compose.service", "a",
		"fluentbit-trigger.workload", "shop/payments"))
	for _, any := range []bool{false, true} {
		s := DefaultSettings()
		s.AnyWorkload = any
		d, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		want, ignored := "tenant/a", int64(1)
		if any {
			want, ignored = "shop/payments", 0
		}
		if got := decodeAll(d, chunk, "t")[0].Source.Workload; got != want || d.Stats().LabelsIgnored != ignored {
			t.Errorf("any %v: workload %q, %d ignored", any, got, d.Stats().LabelsIgnored)
		}
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

// TestOriginsAreShared checks that one origin is one pointer: in a chunk, across chunks, and when records name it in other words.
func TestOriginsAreShared(t *testing.T) {
	d := newDecoder(t)
	a := ct.M("log", "x", "container_name", "/a")
	b := ct.M("log", "x", "container_name", "/b")
	chunk := append(append(append(one(a), one(b)...), one(a)...), one(append(a, ct.M("labels", ct.M("com.docker.x", "10.0.0.1"))...))...)
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
