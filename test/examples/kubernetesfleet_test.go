package examples

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	redigo "github.com/gomodule/redigo/redis"
	"go.yaml.in/yaml/v3"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
)

// fleetObject is what the tests look at in a document of fleet.yaml.
type fleetObject struct {
	Kind       string
	Metadata   struct{ Name, Namespace string }
	StringData map[string]string `yaml:"stringData"`
	Data       map[string]string
	Spec       struct {
		Selector map[string]any
		Ports    []struct {
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Containers []container
				Volumes    []struct {
					Name      string
					ConfigMap struct{ Name string } `yaml:"configMap"`
					Secret    struct {
						Name  string `yaml:"secretName"`
						Items []struct{ Key, Path string }
					}
				}
			}
		}
	}
}

// fleetManifest returns the documents of fleet.yaml by kind and name.
func fleetManifest(t *testing.T) map[string]*fleetObject {
	t.Helper()
	all := map[string]*fleetObject{}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "examples/kubernetes/fleet.yaml")))
	for {
		o := &fleetObject{}
		err := decoder.Decode(o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if o.Metadata.Namespace != "fluentbit-trigger" {
			t.Errorf("%s %s is in the namespace %q", o.Kind, o.Metadata.Name, o.Metadata.Namespace)
		}
		all[o.Kind+" "+o.Metadata.Name] = o
	}
	for _, name := range []string{
		"Secret fleet", "ConfigMap fleet", "ConfigMap fleet-engine", "Service fleet-engine", "NetworkPolicy fleet-engine", "StatefulSet fleet-engine",
	} {
		if all[name] == nil {
			t.Fatalf("the manifest has no %s", name)
		}
	}
	return all
}

// TestKubernetesFleet follows the paths of fleet.yaml to what holds them, and runs the DaemonSet's Fluent Bit with it, over a server that has the manifest's
// configuration and users.
func TestKubernetesFleet(t *testing.T) {
	t.Parallel()
	d, all := manifest(t), fleetManifest(t)
	secret := all["Secret fleet"].StringData
	checkFleetMounts(t, all, &d.pod)
	if acl := documentedACL(t); !strings.Contains(secret["users.acl"], strings.Replace(acl, ">PASSWORD", ">"+secret["password"], 1)) {
		t.Errorf("the users are not those of docs/fleet.md with the password of the nodes:\n%s\nwant\n%s", secret["users.acl"], acl)
	}

	acl := filepath.Join(t.TempDir(), "users.acl")
	write(t, acl, secret["users.acl"])
	var args []string
	for line := range strings.Lines(all["ConfigMap fleet-engine"].Data["valkey.conf"]) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "dir": // Start has a folder of its own
			continue
		case "aclfile":
			value = acl
		}
		args = append(args, "--"+key, value)
	}
	server := redis.Start(t, args, redigo.DialUsername("fluentbit-trigger"), redigo.DialPassword(secret["password"]))

	d.files["fleet.toml"] = strings.Replace(all["ConfigMap fleet"].Data["fleet.toml"], "fleet-engine.fluentbit-trigger.svc:6379", server.Addr, 1)
	d.files["secrets/fleet_password"] = secret["password"]
	d.allow = ", " + strings.Replace(server.Addr, ":", "/32:", 1)
	s := inCluster(t, d)
	file := podLog(t, s, "checkout-7d9c5b6f4-x2x9z")
	s.run(t, tailing, func() {
		await.That(t, patience, "the node has written to the engine", func() bool {
			epoch, err := redigo.String(server.Do("GET", "ft1:{cluster}:epoch"), nil)
			return err == nil && epoch != ""
		})
		appendTo(t, file, `2026-01-02T03:04:05.000000002Z stdout F dial tcp 10.0.0.7:5432: connection refused`)
	}, bodyHolds("db-down", "shop/checkout", "connection refused"))
	open := false
	for shard := range fleet.Shards {
		n, err := redigo.Int(server.Do("ZCOUNT", "ft1:{cluster."+strconv.Itoa(shard)+"}:win", "-inf", "+inf"), nil)
		open = open || err == nil && n == 1
	}
	if !open {
		t.Error("the engine has no window of the incident: the alert left without it")
	}
}

// documentedACL is the line of the user in docs/fleet.md, without what a cluster alone needs.
func documentedACL(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(read(t, "docs/fleet.md")) {
		if strings.HasPrefix(line, "user fluentbit-trigger ") {
			return strings.TrimSuffix(strings.TrimSpace(line), " +cluster|slots")
		}
	}
	t.Fatal("docs/fleet.md has no user")
	return ""
}

func checkFleetMounts(t *testing.T, all map[string]*fleetObject, nodes *pod) {
	t.Helper()
	set, service := all["StatefulSet fleet-engine"], all["Service fleet-engine"]
	pod := set.Spec.Template.Spec
	if len(pod.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Containers))
	}
	engine := pod.Containers[0]
	config := engine.Command[len(engine.Command)-1]
	for path, want := range map[string]string{config: "config", "/etc/valkey-secrets/users.acl": "users", "/data/appendonlydir": "data"} {
		if got := engine.mountOf(path).Name; got != want {
			t.Errorf("%s is in the volume %q, want %q", path, got, want)
		}
	}
	conf := all["ConfigMap fleet-engine"].Data[filepath.Base(config)]
	if !strings.Contains(conf, "aclfile /etc/valkey-secrets/users.acl\n") || !strings.Contains(conf, "dir /data\n") {
		t.Errorf("%s holds not what is mounted:\n%s", config, conf)
	}
	for _, v := range pod.Volumes {
		switch v.Name {
		case "config":
			if v.ConfigMap.Name != "fleet-engine" {
				t.Errorf("volume %+v", v)
			}
		case "users":
			if v.Secret.Name != "fleet" || len(v.Secret.Items) != 1 || v.Secret.Items[0].Key != "users.acl" || v.Secret.Items[0].Path != "users.acl" {
				t.Errorf("volume %+v", v)
			}
		}
	}
	for key, value := range service.Spec.Selector {
		if set.Spec.Template.Metadata.Labels[key] != value {
			t.Errorf("the Service selects %s=%v, which the pods are not", key, value)
		}
	}
	if p := service.Spec.Ports; len(p) != 1 || p[0].Port != 6379 || p[0].TargetPort != "valkey" {
		t.Errorf("ports: %+v", p)
	}

	// The DaemonSet has places for the ConfigMap and the password, which may be missing.
	var sources []source
	for _, v := range nodes.Volumes {
		sources = append(sources, v.Projected.Sources...)
	}
	if !slices.ContainsFunc(sources, func(s source) bool { return s.ConfigMap != nil && s.ConfigMap.Name == "fleet" && s.ConfigMap.Optional }) {
		t.Error("the DaemonSet has no place for the ConfigMap fleet")
	}
	if !slices.ContainsFunc(sources, func(s source) bool {
		return s.Secret != nil && s.Secret.Name == "fleet" && s.Secret.Optional && len(s.Secret.Items) == 1 && s.Secret.Items[0].Key == "password" && s.Secret.Items[0].Path == "fleet_password"
	}) {
		t.Error("the DaemonSet has no place for the password of the Secret fleet")
	}
	if got := nodes.Containers[0].mountOf("/etc/fluentbit-trigger-secrets/fleet_password").Name; got != "secrets" {
		t.Errorf("the password is in the volume %q", got)
	}
	if got := nodes.Containers[0].mountOf("/etc/fluentbit-trigger/fleet.toml").Name; got != "config" {
		t.Errorf("fleet.toml is in the volume %q", got)
	}
}
