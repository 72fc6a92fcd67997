package examples

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

const (
	installed = "/usr/local/lib/fluent-bit/out_trigger.so"
	state     = "/var/lib/fluentbit-trigger"
)

// tailing says whether the tail input watches its file.
func tailing(log *pluginhost.Log) bool { return log.Count("inotify_fs_add()") > 0 }

// alertOf wants a generic alert of a rule and a workload.
func alertOf(rule, workload, summary string) func(receiver.Request) error {
	return func(r receiver.Request) error {
		alerts, err := r.Alerts()
		if err != nil {
			return err
		}
		a := alerts[0]
		if a.Rule != rule || a.Source.Workload != workload || a.Summary != summary {
			return fmt.Errorf("rule %q, workload %q, summary %q", a.Rule, a.Source.Workload, a.Summary)
		}
		return nil
	}
}

// bodyHolds wants a payload of another format.
func bodyHolds(texts ...string) func(receiver.Request) error {
	return func(r receiver.Request) error {
		for _, text := range texts {
			if !strings.Contains(string(r.Body), text) {
				return fmt.Errorf("the body does not hold %q: %s", text, r.Body)
			}
		}
		return nil
	}
}

func appendTo(t *testing.T, path string, lines ...string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestClassicWithFlatParameters(t *testing.T) {
	t.Parallel()
	const id = "4f5e0c2d1b3a00112233445566778899aabbccddeeff00112233445566778899"
	s := ship(t, "fluent-bit.conf", map[string]string{
		"fluent-bit.conf": read(t, "examples/fluent-bit/fluent-bit.conf"),
		"plugins.conf":    read(t, "examples/fluent-bit/plugins.conf"),
	})
	logs := filepath.Join(s.dir, "containers")
	file := filepath.Join(logs, id, id+"-json.log")
	write(t, file, "")
	s.replace(t, installed, plugin(t))
	s.replace(t, state, s.dir)
	s.replace(t, "/var/lib/docker/containers", logs)
	s.env = []string{"OPS_WEBHOOK_URL=" + s.server.URL("/ops")}
	s.write(t)
	s.load(t)
	s.run(t, tailing, func() {
		appendTo(t, file,
			`{"log":"panic: on the wrong stream\n","stream":"stdout","time":"2026-01-02T03:04:05.000000001Z"}`,
			`{"log":"GET / duration=2700ms\n","stream":"stdout","time":"2026-01-02T03:04:05.000000002Z"}`,
			`{"log":"panic: nil map\n","stream":"stderr","time":"2026-01-02T03:04:05.000000003Z"}`)
	}, func(r receiver.Request) error {
		alerts, err := r.Alerts()
		if err != nil {
			return err
		}
		if alerts[0].Source.Container.ID != id {
			return fmt.Errorf("container %q", alerts[0].Source.Container.ID)
		}
		return alertOf("panic", "docker.4f5e0c2d1b3a", "docker.4f5e0c2d1b3a panicked: nil map")(r)
	})
	if n := s.server.Len(); n != 1 {
		t.Errorf("%d alerts, want the one that the trigger lets through", n)
	}
}

func TestYAMLWithInlineRules(t *testing.T) {
	t.Parallel()
	s := ship(t, "fluent-bit.yaml", map[string]string{"fluent-bit.yaml": read(t, "examples/fluent-bit/fluent-bit.yaml")})
	s.replace(t, installed, plugin(t))
	s.replace(t, state, s.dir)
	s.replace(t, "24224", fmt.Sprint(s.port))
	s.env = []string{"OPS_WEBHOOK_URL=" + s.server.URL("/ops")}
	s.write(t)
	s.load(t)
	s.run(t, s.listening, func() { s.forward(t, line("api", "stderr", "panic: nil map")) },
		alertOf("go-panic", "shop/api", "shop/api panicked: nil map"))
}

func TestRulesInFiles(t *testing.T) {
	t.Parallel()
	s := ship(t, "fluent-bit-files.yaml", map[string]string{
		"fluent-bit-files.yaml": read(t, "examples/fluent-bit/fluent-bit-files.yaml"),
		"rules/rules.toml":      read(t, "examples/fluent-bit/rules.toml"),
	})
	s.files["ops_url"] = s.server.URL("/ops")
	s.replace(t, installed, plugin(t))
	s.replace(t, state, s.dir)
	s.replace(t, "/etc/fluentbit-trigger/rules\n", filepath.Join(s.dir, "rules")+"\n")
	s.replace(t, "/run/secrets/ops_url", filepath.Join(s.dir, "ops_url"))
	s.replace(t, "24224", fmt.Sprint(s.port))
	s.write(t)
	s.load(t)
	s.run(t, s.listening, func() {
		s.forward(t,
			line("web", "stdout", `10.0.0.1 - - "GET /healthz HTTP/1.1" 503 0`), line("web", "stdout", `10.0.0.1 - - "GET /cart HTTP/1.1" 502 0`))
	}, alertOf("http-5xx", "shop/web", `http-5xx in shop/web: 10.0.0.1 - - "GET /cart HTTP/1.1" 502 0`))
}

// composeFile is what the tests look at in the compose file.
type composeFile struct {
	Services map[string]struct {
		Entrypoint []string
		Ports      []string
		Volumes    []string
		Build      struct{ Context, Dockerfile, Target string }
		Logging    struct {
			Driver  string
			Options map[string]string
		}
	}
	Volumes map[string]any
}

func TestCompose(t *testing.T) {
	t.Parallel()
	var file composeFile
	if err := yaml.Unmarshal([]byte(read(t, "examples/compose/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	fluentBit := file.Services["fluent-bit"]
	api := file.Services["api"].Logging
	for key, want := range map[string]string{"fluentd-async": "true", "fluentd-request-ack": "true", "fluentd-sub-second-precision": "true"} {
		if api.Options[key] != want {
			t.Errorf("%s is %q", key, api.Options[key])
		}
	}
	if api.Driver != "fluentd" || len(fluentBit.Ports) != 1 || !strings.HasPrefix(fluentBit.Ports[0], api.Options["fluentd-address"]+":") {
		t.Errorf("the services log to %s at %q, Fluent Bit listens at %v", api.Driver, api.Options["fluentd-address"], fluentBit.Ports)
	}
	build := fluentBit.Build
	dockerfile := read(t, filepath.Join("examples/compose", build.Context, build.Dockerfile))
	if !strings.Contains(dockerfile, " AS "+build.Target+"\n") || !strings.Contains(dockerfile, " "+installed+"\n") {
		t.Errorf("the Dockerfile has no target %s that installs %s", build.Target, installed)
	}

	// The mounts say where the files of this folder are in the container.
	configs := map[string]string{}
	for _, volume := range fluentBit.Volumes {
		from, rest, _ := strings.Cut(volume, ":")
		to, _, _ := strings.Cut(rest, ":")
		if !strings.HasPrefix(from, "./") {
			if _, known := file.Volumes[from]; !known || to != state {
				t.Errorf("volume %s", volume)
			}
			continue
		}
		paths, err := filepath.Glob(filepath.Join(root, "examples/compose", from, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			configs[filepath.Join(to, filepath.Base(path))] = read(t, filepath.Join("examples/compose", from, filepath.Base(path)))
		}
	}
	name := fluentBit.Entrypoint[len(fluentBit.Entrypoint)-1]
	if configs[name] == "" {
		t.Fatalf("the entry point reads %s, which is not mounted", name)
	}
	s := ship(t, strings.TrimPrefix(name, "/"), map[string]string{})
	for path, text := range configs {
		s.files[strings.TrimPrefix(path, "/")] = text
	}
	s.replace(t, installed, plugin(t))
	s.replace(t, state, s.dir)
	s.replace(t, "config_file: /", "config_file: "+s.dir+"/")
	s.replace(t, "24224", fmt.Sprint(s.port))
	s.replace(t, "listen: 0.0.0.0", "listen: 127.0.0.1")
	s.replace(t, "http://ntfy/", s.server.URL("/"))
	s.write(t)
	s.load(t)
	s.run(t, s.listening, func() {
		s.forward(t,
			line("chatter", "stderr", "panic: only joking", chunktest.Pair{Key: "fluentbit-trigger.enable", Value: "false"}),
			line("api", "stderr", "panic: no connection to the database"))
	}, bodyHolds(`"topic":"alerts"`, "shop/api panicked: no connection to the database"))
	if n := s.server.Len(); n != 1 {
		t.Errorf("%d messages, want one: the container with the label is left out", n)
	}
}

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
		if err := decoder.Decode(&document); err != nil {
			break // the end, or a document that the caller misses
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
