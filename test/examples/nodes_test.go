package examples

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// anyPod answers as the API server does for every pod of a namespace: all are of one workload.
func anyPod(t *testing.T, namespace, app string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// An error means that Fluent Bit has gone, which the test sees.
		_ = json.NewEncoder(w).Encode(map[string]any{
			"kind": "Pod", "apiVersion": "v1",
			"metadata": map[string]any{
				"name": path.Base(r.URL.Path), "namespace": namespace, "uid": "6f1c0000-0000-0000-0000-000000000000",
				"labels": map[string]string{"app.kubernetes.io/name": app},
			},
			"spec":   map[string]any{"containers": []any{map[string]string{"name": "app", "image": "shop/login:1"}}},
			"status": map[string]any{"podIP": "10.0.0.9"},
		})
	}))
	t.Cleanup(server.Close)
	return server
}

// node is a Fluent Bit that runs examples/nodes/node.yaml.
type node struct {
	file string // of its pod
	log  *pluginhost.Log
}

// startNode starts one beside the hub.
func startNode(t *testing.T, hub *shipped, api, name string) *node {
	t.Helper()
	dir := t.TempDir()
	logs := filepath.Join(dir, "containers")
	n := &node{
		file: filepath.Join(logs, "login-"+name+"_shop_app-4f5e0c2d1b3a00112233445566778899aabbccddeeff00112233445566778899.log"),
		log:  pluginhost.NewLog(),
	}
	write(t, n.file, "")
	s := &shipped{dir: dir, name: "node.yaml", files: map[string]string{"node.yaml": read(t, "examples/nodes/node.yaml"), "token": "not a real token"}}
	s.replace(t, "/var/lib/fluent-bit", dir)
	s.replace(t, "/var/log/containers/", logs+"/")
	s.replace(t, "fluent-bit-hub.logging.svc", "127.0.0.1")
	s.replace(t, "24224", fmt.Sprint(hub.port))
	prefix := "kube." + strings.ReplaceAll(strings.TrimPrefix(logs, "/"), "/", ".") + "."
	for key, value := range map[string]string{"kube_url": api, "kube_tag_prefix": prefix, "kube_token_file": filepath.Join(dir, "token")} {
		s.replace(t, "merge_log: on", "merge_log: on\n      "+key+": "+value)
	}
	for file, text := range s.files {
		write(t, filepath.Join(dir, file), text)
	}
	cmd := exec.Command("fluent-bit", "-c", s.name)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HUB_KEY=a shared key", "NODE_NAME="+name)
	cmd.Stdout, cmd.Stderr = n.log, n.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // what it holds is not wanted any more
		_ = cmd.Wait()
	})
	return n
}

// TestNodesForwardToOnePlugin counts over two nodes: neither has enough failed logins, and both together do.
func TestNodesForwardToOnePlugin(t *testing.T) {
	t.Parallel()
	hub := ship(t, "hub.yaml", map[string]string{"hub.yaml": read(t, "examples/nodes/hub.yaml")})
	hub.replace(t, installed, plugin(t))
	hub.replace(t, state, hub.dir)
	hub.replace(t, "0.0.0.0", "127.0.0.1")
	hub.replace(t, "24224", fmt.Sprint(hub.port))
	hub.env = []string{"OPS_WEBHOOK_URL=" + hub.server.URL("/ops"), "HUB_KEY=a shared key"}
	hub.write(t)
	hub.load(t)
	hub.run(t, hub.listening, func() {
		api := anyPod(t, "shop", "login")
		a, b := startNode(t, hub, api.URL, "a"), startNode(t, hub, api.URL, "b")
		for deadline := time.Now().Add(patience); !tailing(a.log) || !tailing(b.log); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the nodes do not read\n%s\n%s", a.log, b.log)
			}
		}
		line := func(user string) string {
			return time.Now().UTC().Format(time.RFC3339Nano) + " stdout F login failed for " + user
		}
		appendTo(t, a.file, line("ann"), line("ann"), line("ann"))
		appendTo(t, b.file, line("bob"), line("bob"))
	}, func(r receiver.Request) error {
		alerts, err := r.Alerts()
		if err != nil {
			return err
		}
		if a := alerts[0]; a.Rule != "login-storm" || a.Source.Workload != "shop/login" || int64(a.Count)+a.Suppressed.Total != 5 {
			return fmt.Errorf("rule %q, workload %q, hits %d", a.Rule, a.Source.Workload, int64(a.Count)+a.Suppressed.Total)
		}
		return nil
	})
}
