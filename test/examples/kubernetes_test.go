package examples

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// kubernetesAPI answers as the API server does when the kubernetes filter looks a pod up.
func kubernetesAPI(t *testing.T, namespace, pod string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/namespaces/"+namespace+"/pods/"+pod) {
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

// manifest returns the data of the ConfigMap, and every document by kind.
func manifest(t *testing.T) (data map[string]string, kinds map[string]map[string]any) {
	t.Helper()
	kinds = map[string]map[string]any{}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "examples/kubernetes/daemonset.yaml")))
	for {
		document := map[string]any{}
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _ := document["kind"].(string)
		kinds[kind] = document
	}
	data = map[string]string{}
	entries, _ := kinds["ConfigMap"]["data"].(map[string]any)
	for name, text := range entries {
		data[name], _ = text.(string)
	}
	for _, kind := range []string{"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Secret", "ConfigMap", "DaemonSet"} {
		if kinds[kind] == nil {
			t.Fatalf("the manifest has no %s", kind)
		}
	}
	return data, kinds
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	data, kinds := manifest(t)
	checkMounts(t, kinds, data)
	const pod, namespace = "checkout-7d9c5b6f4-x2x9z", "shop"
	s := ship(t, "fluent-bit.yaml", data)
	logs := filepath.Join(s.dir, "containers")
	file := filepath.Join(logs, pod+"_"+namespace+"_app-4f5e0c2d1b3a00112233445566778899aabbccddeeff00112233445566778899.log")
	write(t, file, "")
	api := kubernetesAPI(t, namespace, pod)
	secret, _ := kinds["Secret"]["stringData"].(map[string]any)
	if secret["slack_url"] == nil {
		t.Error("the Secret has no slack_url, which the trigger reads")
	}
	s.files["secrets/slack_url"] = s.server.URL("/services/T0/B0/x") + "\n"
	s.replace(t, "/plugins/out_trigger.so", plugin(t))
	s.replace(t, state, s.dir)
	s.replace(t, "/etc/fluentbit-trigger/rules.toml", filepath.Join(s.dir, "rules.toml"))
	s.replace(t, "/etc/fluentbit-trigger-secrets", filepath.Join(s.dir, "secrets"))
	s.replace(t, "http_port: 2020", fmt.Sprintf("http_port: %d", s.port))
	s.replace(t, "http_listen: 0.0.0.0", "http_listen: 127.0.0.1")
	s.replace(t, "/var/log/containers/", logs+"/")
	// The prefix that the filter takes from the tag names the folder.
	prefix := "kube." + strings.ReplaceAll(strings.TrimPrefix(logs, "/"), "/", ".") + "."
	s.files["token"] = "not a real token"
	for key, value := range map[string]string{"kube_url": api.URL, "kube_tag_prefix": prefix, "kube_token_file": filepath.Join(s.dir, "token")} {
		s.replace(t, "merge_log: on", "merge_log: on\n      "+key+": "+value)
	}
	s.replace(t, "group_by = ", "group_wait = \"100ms\"\n    group_by = ")
	s.write(t)
	s.load(t)
	s.run(t, tailing, func() {
		appendTo(t, file,
			`2026-01-02T03:04:05.000000001Z stdout F {"level":"info","msg":"fine"}`,
			`2026-01-02T03:04:05.000000002Z stdout F {"level":"error","msg":"charge failed","order":7}`)
	}, bodyHolds("error-in-shop", "shop/checkout", "charge failed"))
}

// daemonSet is what the tests look at in the DaemonSet.
type daemonSet struct {
	Spec struct {
		Template struct {
			Spec struct {
				ServiceAccountName string      `yaml:"serviceAccountName"`
				InitContainers     []container `yaml:"initContainers"`
				Containers         []container
				Volumes            []struct {
					Name      string
					ConfigMap struct{ Name string } `yaml:"configMap"`
					Secret    struct {
						Name string `yaml:"secretName"`
					}
				}
			}
		}
	}
}

type container struct {
	Command      []string
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		SubPath   string `yaml:"subPath"`
	} `yaml:"volumeMounts"`
}

// mountOf returns the name of the volume that holds a path, "" if no volume does.
func (c *container) mountOf(path string) string {
	for _, m := range c.VolumeMounts {
		if m.SubPath == "" && strings.HasPrefix(path, m.MountPath+"/") {
			return m.Name
		}
	}
	return ""
}

// checkMounts follows every path of the configuration to the object that holds it.
func checkMounts(t *testing.T, kinds map[string]map[string]any, data map[string]string) {
	t.Helper()
	var set daemonSet
	text, err := yaml.Marshal(kinds["DaemonSet"])
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	pod := set.Spec.Template.Spec
	if len(pod.Containers) != 1 || len(pod.InitContainers) != 1 {
		t.Fatalf("%d containers, %d init containers", len(pod.Containers), len(pod.InitContainers))
	}
	main, plugin := pod.Containers[0], pod.InitContainers[0]
	name := func(kind string) string {
		metadata, _ := kinds[kind]["metadata"].(map[string]any)
		return fmt.Sprint(metadata["name"])
	}
	if pod.ServiceAccountName != name("ServiceAccount") {
		t.Errorf("service account %q", pod.ServiceAccountName)
	}
	config, rules := main.Command[len(main.Command)-1], "/etc/fluentbit-trigger/rules.toml"
	if !strings.Contains(data["fluent-bit.yaml"], "config_file: "+rules+"\n") || data[filepath.Base(config)] == "" || data[filepath.Base(rules)] == "" {
		t.Errorf("the ConfigMap holds not what is read: %s, %s", config, rules)
	}
	for path, want := range map[string]string{
		config: "config", rules: "config", "/etc/fluentbit-trigger-secrets/slack_url": "secrets", "/plugins/out_trigger.so": "plugins",
		"/var/log/containers/x.log": "logs", state + "/alerts.db": "store", state + "/tail.db": "store",
	} {
		if got := main.mountOf(path); got != want {
			t.Errorf("%s is in the volume %q, want %q", path, got, want)
		}
	}
	if target := plugin.Command[len(plugin.Command)-1]; plugin.mountOf(target+"out_trigger.so") != "plugins" {
		t.Errorf("the init container copies to %s, which is not shared", target)
	}
	for _, v := range pod.Volumes {
		if v.Name == "config" && v.ConfigMap.Name != name("ConfigMap") || v.Name == "secrets" && v.Secret.Name != name("Secret") {
			t.Errorf("volume %s: ConfigMap %q, Secret %q", v.Name, v.ConfigMap.Name, v.Secret.Name)
		}
	}
}
