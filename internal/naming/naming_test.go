package naming

import "testing"

func TestContainer(t *testing.T) {
	compose := func(name, number string) Facts {
		return Facts{Name: name, Project: "shop", Service: "api", Number: number}
	}
	oneOff := compose("jolly_fox", "1")
	oneOff.OneOff = true
	for _, tc := range []struct {
		name  string
		facts Facts
		want  string
	}{
		{"nothing", Facts{}, ""},
		{"an id alone", Facts{ID: "4f1c9a0d2b7e"}, ""},
		{"a name", Facts{Name: "job"}, "job"},
		{"Kubernetes", Facts{Name: "api", Namespace: "shop", Pod: "api-0", PodContainer: "main"}, "shop/api-0/main"},
		{"Kubernetes without the container", Facts{Namespace: "shop", Pod: "api-0"}, "shop/api-0"},
		{"Kubernetes without the pod", Facts{Namespace: "shop", PodContainer: "main"}, "main"},
		{"compose", compose("shop-api-3", "3"), "shop/api/3"},
		{"compose, a name of its own", compose("front", "1"), "shop/api/1"},
		{"compose without the label, version 2", compose("shop-api-12", ""), "shop/api/12"},
		{"compose without the label, version 1", compose("shop_api_1", ""), "shop/api/1"},
		{"compose without label and number", compose("front", ""), "front"},
		{"compose run, by its label", oneOff, "jolly_fox"},
		{"compose run, by its name", compose("shop-api-run-0a1b2c3d4e5f", "1"), "shop-api-run-0a1b2c3d4e5f"},
		{"compose run, version 1", compose("shop_api_run_0a1b2c3d4e5f", "1"), "shop_api_run_0a1b2c3d4e5f"},
		{"swarm", Facts{Name: "web_api.2.qx3u1n0k8a7v6b5m4c3x2z1l0", SwarmService: "web_api"}, "web_api.2"},
		{"swarm, another name", Facts{Name: "x", SwarmService: "web_api"}, "x"},
		{"swarm, no slot", Facts{Name: "web_api.2", SwarmService: "web_api"}, "web_api.2"},
	} {
		if got := tc.facts.Container(); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestPodOwner(t *testing.T) {
	for _, tc := range []struct {
		facts Facts
		want  string
	}{
		{Facts{Pod: "api-5b6d8f9c7d-x2x4k"}, "api"},
		{Facts{Pod: "fluent-bit-x2x4k"}, "fluent-bit"},
		{Facts{Pod: "db-0"}, "db"},
		{Facts{Pod: "api-7c9d"}, "api-7c9d"},
		{Facts{Pod: "api"}, "api"},
		{Facts{}, ""},
		{Facts{Pod: "-0"}, "-0"},
		{Facts{Pod: "shop-api-server-abcde"}, "shop-api-server-abcde"},
		{Facts{Pod: "backup-28934560-x2x4k"}, "backup"},
		{Facts{Pod: "backup-1719400200-x2x4k"}, "backup"},
		{Facts{Pod: "migrate-x2x4k"}, "migrate"},
		{Facts{Pod: "kube-apiserver-node-1", Node: "node-1"}, "kube-apiserver"},
		{Facts{Pod: "api-55555-x2x4k", TemplateHash: "55555"}, "api"},
		{Facts{Pod: "x-api-0", Owner: "api"}, "api"},
	} {
		if got := tc.facts.podOwner(); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.facts, got, tc.want)
		}
	}
}

func TestSetOwner(t *testing.T) {
	for _, tc := range []struct{ kind, name, want string }{
		{"ReplicaSet", "api-5b6d8f9c7d", "api"}, {"ReplicaSet", "api-old", "api-old"}, {"StatefulSet", "db", "db"}, {"Job", "backup-28934560", "backup"},
		{"Job", "migrate-7", "migrate-7"}, {"Node", "node-1", ""},
	} {
		var f Facts
		if f.SetOwner(tc.kind, tc.name); f.Owner != tc.want {
			t.Errorf("%s %s: %q, want %q", tc.kind, tc.name, f.Owner, tc.want)
		}
	}
}

// TestLabelStaysInItsGroup: a label can name only a workload of its container's own project, stack or namespace.
func TestLabelStaysInItsGroup(t *testing.T) {
	for _, tc := range []struct {
		name    string
		facts   Facts
		want    string
		refused bool
	}{
		{"compose, a name", Facts{Label: "front", Project: "shop", Service: "web"}, "shop/front", false},
		{"compose, the project and a name", Facts{Label: "shop/front", Project: "shop", Service: "web"}, "shop/front", false},
		{"compose, another project", Facts{Label: "bank/payments", Project: "shop", Service: "web"}, "shop/web", true},
		{"compose, a project that begins alike", Facts{Label: "shopping/payments", Project: "shop", Service: "web"}, "shop/web", true},
		{"compose, the project alone", Facts{Label: "shop/", Project: "shop", Service: "web"}, "shop/web", true},
		{"compose, a stack's form", Facts{Label: "shop_front", Project: "shop", Service: "web"}, "shop/shop_front", false},
		{"Kubernetes, a name", Facts{Label: "front", Namespace: "shop", Pod: "web-0"}, "shop/front", false},
		{"Kubernetes, another namespace", Facts{Label: "bank/payments", Namespace: "shop", Pod: "web-0"}, "shop/web", true},
		{"swarm", Facts{Label: "web_front", SwarmService: "web_api", Stack: "web"}, "web_front", false},
		{"swarm, another stack", Facts{Label: "bank/payments", SwarmService: "web_api", Stack: "web"}, "web_api", true},
		{"a container of no group", Facts{Label: "front", Name: "web"}, "web", true},
		{"a container of no group, a slash", Facts{Label: "shop/payments", Name: "web"}, "web", true},
		{"none", Facts{Name: "web"}, "web", false},
	} {
		if got, refused := tc.facts.Workload(false); got != tc.want || refused != tc.refused {
			t.Errorf("%s: %q, refused %v, want %q, %v", tc.name, got, refused, tc.want, tc.refused)
		}
		if got, refused := tc.facts.Workload(true); tc.facts.Label != "" && got != tc.facts.Label || refused {
			t.Errorf("%s, any label: %q, refused %v", tc.name, got, refused)
		}
	}
}
