package examples

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

// kubernetesAPI answers as the API server does when the kubernetes filter looks a pod of a namespace up.
func kubernetesAPI(t *testing.T, namespace string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pod, found := strings.Cut(r.URL.Path, "/namespaces/"+namespace+"/pods/")
		if !found {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// An error means that Fluent Bit has gone, which the test sees.
		_ = json.NewEncoder(w).Encode(map[string]any{
			"kind": "Pod", "apiVersion": "v1",
			"metadata": map[string]any{
				"name": pod, "namespace": namespace, "uid": "6f1c0000-0000-0000-0000-000000000000",
				"labels": map[string]string{"app.kubernetes.io/name": "checkout"},
			},
			"spec":   map[string]any{"nodeName": "node-1", "containers": []any{map[string]string{"name": "app", "image": "shop/checkout:1"}}},
			"status": map[string]any{"podIP": "10.0.0.9"},
		})
	}))
	t.Cleanup(server.Close)
	return server
}

// deployment is one of the ways to run Fluent Bit with the plugin in a cluster, as its example says it.
type deployment struct {
	name      string            // of the configuration's file
	files     map[string]string // the configuration and rules.toml
	arguments []string          // of Fluent Bit
	pod       pod
	allow     string // see shipped
}

type pod struct {
	ServiceAccountName string      `yaml:"serviceAccountName"`
	InitContainers     []container `yaml:"initContainers"`
	Containers         []container
	Volumes            []volume
}

type volume struct {
	Name      string
	ConfigMap struct{ Name string } `yaml:"configMap"`
	Secret    struct {
		Name string `yaml:"secretName"`
		Mode int    `yaml:"defaultMode"`
	}
	Projected struct {
		Mode    int `yaml:"defaultMode"`
		Sources []source
	}
	HostPath struct{ Path string } `yaml:"hostPath"`
	EmptyDir *struct{}             `yaml:"emptyDir"`
}

// source is a part of a projected volume.
type source struct {
	ConfigMap *sourceObject `yaml:"configMap"`
	Secret    *sourceObject
}

type sourceObject struct {
	Name     string
	Optional bool
	Items    []struct{ Key, Path string }
}

// flatten has the first part of a projected volume, the one that must be there, as if it were the whole.
func (v volume) flatten() volume {
	for _, s := range v.Projected.Sources[:min(1, len(v.Projected.Sources))] {
		switch {
		case s.ConfigMap != nil && !s.ConfigMap.Optional:
			v.ConfigMap.Name = s.ConfigMap.Name
		case s.Secret != nil && !s.Secret.Optional:
			v.Secret.Name, v.Secret.Mode = s.Secret.Name, v.Projected.Mode
		}
	}
	return v
}

type container struct {
	Image        string
	Command      []string
	Args         []string
	VolumeMounts []mount `yaml:"volumeMounts"`
	Ports        []struct {
		Name string
		Port int `yaml:"containerPort"`
	}
	LivenessProbe   probe `yaml:"livenessProbe"`
	ReadinessProbe  probe `yaml:"readinessProbe"`
	SecurityContext struct {
		RunAsNonRoot             bool  `yaml:"runAsNonRoot"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		Capabilities             struct{ Drop []string }
		SeccompProfile           struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Resources struct{ Requests, Limits map[string]string }
}

type mount struct {
	Name      string
	MountPath string `yaml:"mountPath"`
	SubPath   string `yaml:"subPath"`
	ReadOnly  bool   `yaml:"readOnly"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// mountOf returns the mount that holds a path, the deepest one.
func (c *container) mountOf(path string) (found mount) {
	for _, m := range c.VolumeMounts {
		if m.SubPath == "" && strings.HasPrefix(path, m.MountPath+"/") && len(m.MountPath) > len(found.MountPath) {
			found = m
		}
	}
	return found
}

// resources decodes the documents of a file by kind and name.
func resources(t *testing.T, path string) map[string]yaml.Node {
	t.Helper()
	all := map[string]yaml.Node{}
	for decoder := yaml.NewDecoder(strings.NewReader(read(t, path))); ; {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var head struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := node.Decode(&head); err != nil {
			t.Fatal(err)
		}
		all[head.Kind+" "+head.Metadata.Name] = node
	}
}

func decode[T any](t *testing.T, all map[string]yaml.Node, name string) (value T) {
	t.Helper()
	node, ok := all[name]
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	if err := node.Decode(&value); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value
}

func manifest(t *testing.T) deployment {
	t.Helper()
	all := resources(t, "examples/kubernetes/daemonset.yaml")
	type config struct{ Data map[string]string }
	type set struct {
		Spec struct{ Template struct{ Spec pod } }
	}
	type secret struct {
		StringData map[string]string `yaml:"stringData"`
	}
	for _, name := range []string{"Namespace fluentbit-trigger", "ClusterRole fluentbit-trigger", "ClusterRoleBinding fluentbit-trigger"} {
		decode[map[string]any](t, all, name)
	}
	if decode[secret](t, all, "Secret webhooks").StringData["slack_url"] == "" {
		t.Error("the Secret has no slack_url, which the trigger reads")
	}
	d := deployment{name: "fluent-bit.yaml", files: decode[config](t, all, "ConfigMap fluent-bit").Data, pod: decode[set](t, all, "DaemonSet fluent-bit").Spec.Template.Spec}
	decode[map[string]any](t, all, "ServiceAccount "+d.pod.ServiceAccountName)
	d.arguments = d.pod.Containers[0].Command[1:]
	if d.files["rules.toml"] != read(t, "examples/kubernetes/rules.toml")[strings.Index(read(t, "examples/kubernetes/rules.toml"), "# The probes"):] {
		t.Error("the ConfigMap has other rules than rules.toml")
	}
	return d
}

// chart returns the pod and the configuration that the chart makes of the values. test/kubernetes compares them with the chart itself.
func chart(t *testing.T) deployment {
	t.Helper()
	var values struct {
		Args             []string
		InitContainers   []container `yaml:"initContainers"`
		Volumes          []volume    `yaml:"extraVolumes"`
		Mounts           []mount     `yaml:"extraVolumeMounts"`
		DaemonSetMounts  []mount     `yaml:"daemonSetVolumeMounts"`
		Config           struct{ Service, Inputs, Filters, Outputs string }
		MetricsPort      int   `yaml:"metricsPort"`
		LivenessProbe    probe `yaml:"livenessProbe"`
		ReadinessProbe   probe `yaml:"readinessProbe"`
		UpdateStrategy   any   `yaml:"updateStrategy"`
		Resources, Image yaml.Node
		SecurityContext  yaml.Node `yaml:"securityContext"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "examples/kubernetes/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	var main container
	if err := values.Resources.Decode(&main.Resources); err != nil {
		t.Fatal(err)
	}
	if err := values.SecurityContext.Decode(&main.SecurityContext); err != nil {
		t.Fatal(err)
	}
	main.LivenessProbe, main.ReadinessProbe, main.Args = values.LivenessProbe, values.ReadinessProbe, values.Args
	main.VolumeMounts = append(append([]mount{{Name: "config", MountPath: "/fluent-bit/etc/conf"}}, values.DaemonSetMounts...), values.Mounts...)
	main.Ports = append(main.Ports, struct {
		Name string
		Port int `yaml:"containerPort"`
	}{"http", values.MetricsPort})
	c := values.Config
	text := strings.Join([]string{c.Service, c.Inputs, c.Filters, c.Outputs}, "\n")
	if strings.Contains(text, "{{") {
		t.Error("the chart takes the configuration for a template")
	}
	return deployment{
		name: "fluent-bit.conf", files: map[string]string{"fluent-bit.conf": text, "rules.toml": read(t, "examples/kubernetes/rules.toml")}, arguments: values.Args,
		pod: pod{InitContainers: values.InitContainers, Containers: []container{main}, Volumes: append(values.Volumes, volume{Name: "config"}, volume{Name: "varlog"})},
	}
}

// operator returns the pod and the configuration that fluent-operator makes of its resources; the configuration is as its own code wrote it in test/kubernetes.
func operator(t *testing.T) deployment {
	t.Helper()
	all := resources(t, "examples/kubernetes/operator.yaml")
	type resource struct {
		Spec struct {
			Args              []string
			InitContainers    []container `yaml:"initContainers"`
			Volumes           []volume
			Mounts            []mount `yaml:"volumesMounts"`
			MetricsPort       int     `yaml:"metricsPort"`
			LivenessProbe     probe   `yaml:"livenessProbe"`
			ReadinessProbe    probe   `yaml:"readinessProbe"`
			Resources         yaml.Node
			ContainerSecurity yaml.Node `yaml:"containerSecurityContext"`
		}
	}
	spec := decode[resource](t, all, "FluentBit fluent-bit").Spec
	var main container
	if err := spec.Resources.Decode(&main.Resources); err != nil {
		t.Fatal(err)
	}
	if err := spec.ContainerSecurity.Decode(&main.SecurityContext); err != nil {
		t.Fatal(err)
	}
	main.LivenessProbe, main.ReadinessProbe, main.Args = spec.LivenessProbe, spec.ReadinessProbe, spec.Args
	main.VolumeMounts = append([]mount{{Name: "config", MountPath: "/fluent-bit/config"}, {Name: "varlogs", MountPath: "/var/log", ReadOnly: true}}, spec.Mounts...)
	main.Ports = append(main.Ports, struct {
		Name string
		Port int `yaml:"containerPort"`
	}{"metrics", spec.MetricsPort})
	return deployment{
		name:      "fluent-bit.conf",
		files:     map[string]string{"fluent-bit.conf": read(t, "test/kubernetes/testdata/operator.conf"), "rules.toml": read(t, "examples/kubernetes/rules.toml")},
		arguments: spec.Args,
		pod:       pod{InitContainers: spec.InitContainers, Containers: []container{main}, Volumes: append(spec.Volumes, volume{Name: "config"}, volume{Name: "varlogs"})},
	}
}

var deployments = map[string]func(*testing.T) deployment{"manifest": manifest, "chart": chart, "operator": operator}

// TestKubernetes runs the configuration of each way in Fluent Bit: a line of a pod becomes an alert, and the probes are answered without a token.
func TestKubernetes(t *testing.T) {
	for way, of := range deployments {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			runInCluster(t, of(t))
		})
	}
}

func runInCluster(t *testing.T, d deployment) {
	t.Helper()
	s := inCluster(t, d)
	file := podLog(t, s, "checkout-7d9c5b6f4-x2x9z")
	s.run(t, s.probed(t, d.pod.Containers[0]), func() {
		appendTo(t, file,
			`2026-01-02T03:04:05.000000001Z stdout F {"level":"info","msg":"fine"}`,
			`2026-01-02T03:04:05.000000002Z stdout F {"level":"error","msg":"charge failed","order":7}`)
	}, bodyHolds("error-in-shop", "shop/checkout", "charge failed"))
}

// namespace is that of all pods here.
const namespace = "shop"

// podLog makes the log file of a pod as a kubelet names it.
func podLog(t *testing.T, s *shipped, pod string) string {
	t.Helper()
	file := filepath.Join(s.dir, "containers", pod+"_"+namespace+"_app-4f5e0c2d1b3a00112233445566778899aabbccddeeff00112233445566778899.log")
	write(t, file, "")
	return file
}

// inCluster puts what is here in the place of what a node has: files, the API server, a free port, a receiver.
func inCluster(t *testing.T, d deployment) *shipped {
	t.Helper()
	s := ship(t, d.name, d.files)
	s.allow = d.allow
	logs := filepath.Join(s.dir, "containers")
	api := kubernetesAPI(t, namespace)
	s.files["secrets/slack_url"] = s.server.URL("/services/T0/B0/x") + "\n"
	if folder := "/etc/fluentbit-trigger # all *.toml in it"; strings.Contains(s.files[d.name], folder) {
		s.replace(t, folder, s.dir)
	} else {
		s.replace(t, "/etc/fluentbit-trigger/rules.toml", filepath.Join(s.dir, "rules.toml"))
	}
	s.replace(t, state, s.dir)
	s.replace(t, "/etc/fluentbit-trigger-secrets", filepath.Join(s.dir, "secrets"))
	s.replace(t, "0.0.0.0:2021", fmt.Sprintf("127.0.0.1:%d", s.port))
	s.replace(t, "/var/log/containers/*", logs+"/*")
	// The prefix that the filter takes from the tag names the folder.
	prefix := "kube." + strings.ReplaceAll(strings.TrimPrefix(logs, "/"), "/", ".") + "."
	s.files["token"] = "not a real token"
	filter := map[string]string{"kube_url": api.URL, "kube_tag_prefix": prefix, "kube_token_file": filepath.Join(s.dir, "token")}
	if filepath.Ext(d.name) == ".yaml" {
		s.replace(t, "/plugins/out_trigger.so", plugin(t))
		for key, value := range filter {
			s.replace(t, "merge_log: on", "merge_log: on\n      "+key+": "+value)
		}
	} else {
		if !slices.Contains(d.arguments, "--plugin=/plugins/out_trigger.so") && !slices.Equal(d.arguments, []string{"-e", "/plugins/out_trigger.so"}) {
			t.Errorf("Fluent Bit does not load the plugin: %q", d.arguments)
		}
		s.arguments = []string{"--plugin=" + plugin(t)}
		for _, name := range []string{"parsers.conf", "conf/custom_parsers.conf"} {
			s.files["etc/"+name] = ""
		}
		s.replace(t, "/fluent-bit/etc/", filepath.Join(s.dir, "etc")+"/")
		for key, value := range filter {
			s.files[d.name] = mergeLog.ReplaceAllString(s.files[d.name], "${1}${2}\n${1}"+key+" "+value)
		}
	}
	s.replace(t, "group_by = ", "group_wait = \"100ms\"\ngroup_by = ")
	s.write(t)
	s.load(t)
	return s
}

// probed says whether the tail input watches its files and the probes of a container succeed.
func (s *shipped) probed(t *testing.T, main container) func(*pluginhost.Log) bool {
	return func(log *pluginhost.Log) bool {
		if !tailing(log) {
			return false
		}
		for _, path := range []string{main.LivenessProbe.HTTPGet.Path, main.ReadinessProbe.HTTPGet.Path} {
			if status(t, fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path)) != http.StatusOK {
				return false
			}
		}
		if got := status(t, fmt.Sprintf("http://127.0.0.1:%d/api/v1/stats", s.port)); got != http.StatusUnauthorized {
			t.Errorf("without a token the stats answer %d", got)
		}
		return true
	}
}

// mergeLog is the line of the kubernetes filter that others are added to.
var mergeLog = regexp.MustCompile(`(?m)^([ \t]*)(Merge_Log[ \t]+(?:On|true))$`)

func status(t *testing.T, address string) int {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// TestKubernetesPods follows every path of each way's configuration to the volume that holds it, and looks at rights, probes and bounds.
func TestKubernetesPods(t *testing.T) {
	for way, of := range deployments {
		t.Run(way, func(t *testing.T) {
			d := of(t)
			if len(d.pod.Containers) != 1 || len(d.pod.InitContainers) != 1 {
				t.Fatalf("%d containers, %d init containers", len(d.pod.Containers), len(d.pod.InitContainers))
			}
			main, first := d.pod.Containers[0], d.pod.InitContainers[0]
			volumes := map[string]volume{}
			for _, v := range d.pod.Volumes {
				volumes[v.Name] = v.flatten()
			}
			at := func(path string, c *container) volume {
				name := c.mountOf(path).Name
				if v, ok := volumes[name]; ok {
					return v
				}
				t.Errorf("nothing is mounted where %s is", path)
				return volume{}
			}
			if v := at("/plugins/out_trigger.so", &main); v.EmptyDir == nil || at("/plugins/out_trigger.so", &first).Name != v.Name {
				t.Error("the init container and Fluent Bit share no folder for the plugin")
			}
			rules := at("/etc/fluentbit-trigger/rules.toml", &main).ConfigMap.Name
			if want := map[string]string{"manifest": "fluent-bit"}[way]; rules != cmp.Or(want, "alert-rules") {
				t.Errorf("the rules are in the ConfigMap %q", rules)
			}
			if v := at("/etc/fluentbit-trigger-secrets/slack_url", &main); v.Secret.Name != "webhooks" || v.Secret.Mode != 0o400 {
				t.Errorf("the address is in the Secret %q with mode %o", v.Secret.Name, v.Secret.Mode)
			}
			if v := at(state+"/alerts.db", &main); v.HostPath.Path != state || main.mountOf(state+"/alerts.db").ReadOnly {
				t.Errorf("the store is in %q", v.HostPath.Path)
			}
			at("/var/log/containers/x.log", &main)
			for _, m := range main.VolumeMounts {
				if !m.ReadOnly && m.MountPath != state && m.Name != "config" {
					t.Errorf("%s can be written", m.MountPath)
				}
			}
			if len(main.Ports) != 1 || main.Ports[0].Port != 2021 || main.LivenessProbe.HTTPGet.Port != main.Ports[0].Name || main.ReadinessProbe.HTTPGet.Port != main.Ports[0].Name {
				t.Errorf("ports %v, probes %v and %v", main.Ports, main.LivenessProbe, main.ReadinessProbe)
			}
			if !strings.Contains(d.files["rules.toml"], `listen = "0.0.0.0:2021"`) {
				t.Error("nothing listens where the probes ask")
			}
			if http := regexp.MustCompile(`(?i)http_server:?\s+(\S+)`).FindStringSubmatch(d.files[d.name]); http == nil || !slices.Contains([]string{"off", "false"}, strings.ToLower(http[1])) {
				t.Errorf("Fluent Bit's HTTP server is %v", http)
			}
			for _, c := range []container{main, first} {
				s := c.SecurityContext
				if !s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) || s.SeccompProfile.Type != "RuntimeDefault" {
					t.Errorf("rights %+v", s)
				}
				if c.Resources.Requests["memory"] == "" || c.Resources.Requests["cpu"] == "" || c.Resources.Limits["memory"] == "" || c.Resources.Limits["cpu"] != "" {
					t.Errorf("resources %v", c.Resources)
				}
			}
			if !first.SecurityContext.RunAsNonRoot {
				t.Error("the init container may run as root")
			}
			if want := "ghcr.io/tinyforge/fluentbit-trigger-plugin:"; !strings.HasPrefix(first.Image, want) || strings.HasSuffix(first.Image, ":latest") {
				t.Errorf("the image is %s", first.Image)
			}
		})
	}
}

// TestNetworkPolicyFitsThePods compares the policy with the labels and ports of the manifest, and of what chart and operator make.
func TestNetworkPolicyFitsThePods(t *testing.T) {
	type policy struct {
		Spec struct {
			PodSelector struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			} `yaml:"podSelector"`
			PolicyTypes []string `yaml:"policyTypes"`
			Ingress     []struct{ Ports []struct{ Port int } }
			Egress      []struct{ Ports []struct{ Port int } }
		}
	}
	spec := decode[policy](t, resources(t, "examples/kubernetes/networkpolicy.yaml"), "NetworkPolicy fluent-bit").Spec
	if !slices.Equal(spec.PolicyTypes, []string{"Ingress", "Egress"}) || len(spec.Ingress) != 1 || len(spec.Ingress[0].Ports) != 1 || spec.Ingress[0].Ports[0].Port != 2021 {
		t.Errorf("the policy is %+v", spec)
	}
	open := map[int]bool{}
	for _, rule := range spec.Egress {
		for _, port := range rule.Ports {
			open[port.Port] = true
		}
	}
	if !open[53] || !open[443] || !open[6443] {
		t.Errorf("names, receivers or the API server cannot be reached: %v", open)
	}
	type labelled struct {
		Metadata struct{ Labels map[string]string }
	}
	for file, name := range map[string]string{"daemonset.yaml": "DaemonSet fluent-bit", "operator.yaml": "FluentBit fluent-bit"} {
		labels := decode[labelled](t, resources(t, "examples/kubernetes/"+file), name).Metadata.Labels
		for key, value := range spec.PodSelector.MatchLabels {
			if labels[key] != value {
				t.Errorf("%s: the policy selects %s=%s, and %s has %v", file, key, value, name, labels)
			}
		}
	}
}
