package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

func environment(pairs map[string]string) func(string) string {
	return func(key string) string { return pairs[key] }
}

// TestFromDocker takes command lines apart, and hands on what stood before the plugin's word.
func TestFromDocker(t *testing.T) {
	called := environment(map[string]string{pluginVariable: "/usr/bin/docker"})
	for _, c := range []struct {
		args    string
		getenv  func(string) string
		want    string
		ok      bool
		env     map[string]string
		refused string
	}{
		{args: "run -c x", getenv: environment(nil), want: "run -c x"},
		{args: "run -c x", getenv: called, want: "run -c x"}, // an own program below the plugin
		{args: "fluentbit run -c x", getenv: environment(nil), want: "run -c x", ok: true},
		{args: "fluentbit run -c x", getenv: called, want: "run -c x", ok: true},
		{args: "-H tcp://a:1 --debug fluentbit run", getenv: called, want: "run", ok: true, env: map[string]string{"DOCKER_HOST": "tcp://a:1"}},
		{args: "--context=far -l info fluentbit run -H b", getenv: called, want: "run -H b", ok: true, env: map[string]string{"DOCKER_CONTEXT": "far", "DOCKER_HOST": ""}},
		{args: "--config /c fluentbit version", getenv: called, want: "version", ok: true, env: map[string]string{"DOCKER_CONFIG": "/c"}},
		{args: "__complete fluentbit qu", getenv: environment(nil), want: "__complete qu", ok: true},
		{args: "__complete qu", getenv: called, want: "__complete qu"},
		{args: "--tlscert x fluentbit run", getenv: called, want: "run", ok: true, refused: "DOCKER_CERT_PATH"},
		{args: "-H a --context b fluentbit run", getenv: called, want: "run", ok: true, refused: "exclude"},
		{args: "--host", getenv: called, refused: "needs a value"},
		{args: "", getenv: called},
	} {
		rest, flags, ok, err := fromDocker(strings.Fields(c.args), c.getenv)
		set := map[string]string{}
		if err == nil {
			err = flags.apply(func(key, value string) error { set[key] = value; return nil })
		}
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%q: %v, want an error about %q", c.args, err, c.refused)
			}
			continue
		}
		if err != nil || ok != c.ok || !slices.Equal(rest, strings.Fields(c.want)) || !maps.Equal(set, c.env) {
			t.Errorf("%q: %q, %t, %v, %v", c.args, rest, ok, set, err)
		}
	}
}

func TestMetadata(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := run([]string{metadataWord}, &out, &errOut); code != exitFine {
		t.Fatalf("code %d: %s", code, &errOut)
	}
	var m map[string]string
	if err := json.Unmarshal(out.Bytes(), &m); err != nil || m["SchemaVersion"] != "0.1.0" || m["Vendor"] == "" || m["Version"] != version {
		t.Errorf("%v, %v", m, err)
	}
}

// TestContextEndpoint finds the engine of a context as the Docker CLI keeps it.
func TestContextEndpoint(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id := func(name string) string {
		sum := sha256.Sum256([]byte(name))
		return hex.EncodeToString(sum[:])
	}
	put("contexts/meta/"+id("far")+"/meta.json", `{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:2376","SkipTLSVerify":false}}}`)
	put("contexts/tls/"+id("far")+"/docker/cert.pem", "")
	put("contexts/meta/"+id("empty")+"/meta.json", `{"Name":"empty"}`)
	put("config.json", `{"currentContext":"far"}`)
	far := endpoint{host: "tcp://far:2376", certPath: filepath.Join(dir, "contexts/tls", id("far"), "docker"), verify: true}
	for _, c := range []struct {
		env     map[string]string
		want    endpoint
		refused string
	}{
		{env: map[string]string{"DOCKER_CONFIG": dir}, want: far},
		{env: map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "far"}, want: far},
		{env: map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "default"}},
		{env: map[string]string{"DOCKER_CONFIG": dir, "DOCKER_HOST": "unix:///x"}},
		{env: map[string]string{"HOME": filepath.Join(dir, "nowhere")}},
		{env: map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "none"}, refused: `docker context "none": there is none`},
		{env: map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "empty"}, refused: "names no engine"},
	} {
		got, err := contextEndpoint(environment(c.env))
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%v: %v, want %q", c.env, err, c.refused)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%v: %+v, %v", c.env, got, err)
		}
	}
	set := map[string]string{}
	if err := far.apply(func(key, value string) error { set[key] = value; return nil }); err != nil || set["DOCKER_TLS_VERIFY"] != "1" || set["DOCKER_CERT_PATH"] != far.certPath {
		t.Errorf("%v, %v", set, err)
	}
}

// TestEngineOfTheContext reaches the engine that the Docker context in use names, unless another one is named.
func TestEngineOfTheContext(t *testing.T) {
	daemon, dir := dockertest.Start(t), t.TempDir()
	sum := sha256.Sum256([]byte("far"))
	meta := filepath.Join(dir, "contexts", "meta", hex.EncodeToString(sum[:]))
	if err := os.MkdirAll(meta, 0o700); err != nil {
		t.Fatal(err)
	}
	text := `{"Endpoints":{"docker":{"Host":"` + daemon.Host() + `"}}}`
	if err := os.WriteFile(filepath.Join(meta, "meta.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("DOCKER_CONTEXT", "far")
	for host, reached := range map[string]bool{"": true, "unix://" + filepath.Join(dir, "missing.sock"): false} {
		c, err := engineAt(host)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Ping(t.Context()); (err == nil) != reached {
			t.Errorf("%q: %v", host, err)
		}
		_ = c.Close() // it was read from only
	}
}

// TestMarkOfAnInstance is fresh, then old; another instance has none.
func TestMarkOfAnInstance(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.toml")
	text := "store = \"" + filepath.Join(dir, "store.db") + "\"\n[admin]\nlisten = \"off\"\n[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(pipeline.Options{
		ID: "docker", Sources: config.Sources{Files: []string{path}}, Stores: &store.Registry{}, LogTo: t.Output(), Origin: pipeline.StandaloneOrigin,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	defer func() { _ = p.Stop(t.Context()) }() // nothing waits
	settings := config.Load(config.Sources{Files: []string{path}}).Settings
	look := func(id string, at time.Time) error {
		_, err := lookAtMark(t.Context(), &settings, id, at, time.Minute)
		return err
	}
	if err := look("docker", time.Now()); err == nil {
		t.Error("healthy before the mark")
	}
	if err := p.MarkAlive(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := look("docker", time.Now()); err != nil {
		t.Error(err)
	}
	if err := look("docker", time.Now().Add(time.Hour)); err == nil {
		t.Error("healthy by an old mark")
	}
	if err := look("other", time.Now()); err == nil {
		t.Error("healthy by the mark of another")
	}
}
