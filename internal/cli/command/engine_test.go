package command

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
)

func environment(pairs map[string]string) func(string) string {
	return func(key string) string { return pairs[key] }
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
		{env: map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "none"}, refused: `docker context "none": not found in`},
		{env: map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "empty"}, refused: "has no engine"},
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
	env := envFor(t, t.Output())
	for host, reached := range map[string]bool{"": true, "unix://" + filepath.Join(dir, "missing.sock"): false} {
		c, err := env.EngineAt(host)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Ping(t.Context()); (err == nil) != reached {
			t.Errorf("%q: %v", host, err)
		}
		_ = c.Close() // it was read from only
	}
}
