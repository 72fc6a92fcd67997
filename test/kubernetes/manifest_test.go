package kubernetes

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

const examples = "../../examples/kubernetes"

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// strict decodes a document, and fails for a field that the type does not have.
func strict(t *testing.T, document []byte, value any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(document, value); err != nil {
		t.Errorf("%v in\n%s", err, document)
	}
}

// documents returns those of a file, each with its kind. Comments alone are none.
func documents(t *testing.T, text []byte) (all []document) {
	t.Helper()
	for part := range bytes.SplitSeq(append([]byte("\n"), text...), []byte("\n---\n")) {
		var head struct{ Kind string }
		if err := yaml.Unmarshal(part, &head); err != nil {
			t.Fatalf("%v in\n%s", err, part)
		}
		if head.Kind != "" {
			all = append(all, document{head.Kind, part})
		}
	}
	return all
}

type document struct {
	kind string
	text []byte
}

// types has an empty value for each kind that the examples and the chart use.
func types() map[string]any {
	return map[string]any{
		"Namespace": &corev1.Namespace{}, "ServiceAccount": &corev1.ServiceAccount{}, "Secret": &corev1.Secret{}, "ConfigMap": &corev1.ConfigMap{},
		"Service": &corev1.Service{}, "ClusterRole": &rbacv1.ClusterRole{}, "ClusterRoleBinding": &rbacv1.ClusterRoleBinding{},
		"DaemonSet": &appsv1.DaemonSet{}, "NetworkPolicy": &networkingv1.NetworkPolicy{},
	}
}

// decoded reads every document with its type, and returns the values by kind. Each kind is there once.
func decoded(t *testing.T, text []byte) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, d := range documents(t, text) {
		value, ok := types()[d.kind]
		if !ok || all[d.kind] != nil {
			t.Fatalf("the kind %q is unknown here, or twice", d.kind)
		}
		strict(t, d.text, value)
		all[d.kind] = value
	}
	return all
}

func TestManifest(t *testing.T) {
	all := decoded(t, read(t, filepath.Join(examples, "daemonset.yaml")))
	set, _ := all["DaemonSet"].(*appsv1.DaemonSet)
	if len(all) != 7 || set == nil {
		t.Fatalf("kinds: %v", all)
	}
	checkPod(t, set.Spec.Template.Spec)
	for key, value := range set.Spec.Selector.MatchLabels {
		if set.Spec.Template.Labels[key] != value {
			t.Errorf("the set selects %s=%s, and its pods have %v", key, value, set.Spec.Template.Labels)
		}
	}
}

// TestFleetManifest reads every document of the fleet with its type. Its pod mounts what it has, and the claim.
func TestFleetManifest(t *testing.T) {
	var set *appsv1.StatefulSet
	kinds := types()
	kinds["StatefulSet"] = &appsv1.StatefulSet{}
	all := documents(t, read(t, filepath.Join(examples, "fleet.yaml")))
	for _, d := range all {
		if kinds[d.kind] == nil {
			t.Fatalf("the kind %q is unknown here", d.kind)
		}
		strict(t, d.text, kinds[d.kind])
		if s, ok := kinds[d.kind].(*appsv1.StatefulSet); ok {
			set = s
		}
	}
	if len(all) != 6 || set == nil || len(set.Spec.VolumeClaimTemplates) != 1 || len(set.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("%d documents, the set is %+v", len(all), set)
	}
	volumes := map[string]bool{set.Spec.VolumeClaimTemplates[0].Name: true}
	for _, v := range set.Spec.Template.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range set.Spec.Template.Spec.Containers[0].VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("%s is no volume", m.Name)
		}
	}
	for key, value := range set.Spec.Selector.MatchLabels {
		if set.Spec.Template.Labels[key] != value {
			t.Errorf("the set selects %s=%s, and its pods have %v", key, value, set.Spec.Template.Labels)
		}
	}
}

func TestNetworkPolicy(t *testing.T) {
	policy, _ := decoded(t, read(t, filepath.Join(examples, "networkpolicy.yaml")))["NetworkPolicy"].(*networkingv1.NetworkPolicy)
	if policy == nil || len(policy.Spec.PolicyTypes) != 2 || len(policy.Spec.Ingress) != 1 || len(policy.Spec.Ingress[0].From) != 1 {
		t.Fatalf("the policy is %+v", policy)
	}
}

// checkPod looks at all that a kubelet would refuse: mounts without a volume, a path that is mounted twice, probes of a port without a name.
func checkPod(t *testing.T, pod corev1.PodSpec) {
	t.Helper()
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		if volumes[v.Name] {
			t.Errorf("the volume %s is there twice", v.Name)
		}
		volumes[v.Name] = true
	}
	used := map[string]bool{}
	for _, c := range append(append([]corev1.Container{}, pod.InitContainers...), pod.Containers...) {
		paths := map[string]bool{}
		for _, m := range c.VolumeMounts {
			path := strings.TrimSuffix(m.MountPath, "/")
			if !volumes[m.Name] || paths[path] {
				t.Errorf("%s mounts %s at %s, which is no volume, or mounted twice", c.Name, m.Name, path)
			}
			used[m.Name], paths[path] = true, true
		}
	}
	for name := range volumes {
		if !used[name] {
			t.Errorf("nothing mounts the volume %s", name)
		}
	}
	if len(pod.Containers) != 1 || len(pod.InitContainers) != 1 {
		t.Fatalf("%d containers, %d init containers", len(pod.Containers), len(pod.InitContainers))
	}
	c := pod.Containers[0]
	ports := map[string]bool{}
	for _, port := range c.Ports {
		ports[port.Name] = port.ContainerPort == 2021
	}
	for path, probe := range map[string]*corev1.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || !ports[probe.HTTPGet.Port.StrVal] {
			t.Errorf("the probe of %s is %+v, ports %v", path, probe, c.Ports)
		}
	}
	if memory := c.Resources.Limits.Memory(); memory.IsZero() || c.Resources.Requests.Memory().Cmp(*memory) > 0 {
		t.Errorf("resources %+v", c.Resources)
	}
	if s := pod.InitContainers[0].SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot {
		t.Errorf("the init container has the rights %+v", s)
	}
}
