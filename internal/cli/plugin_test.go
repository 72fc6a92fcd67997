package cli

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
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
		{args: "-H a --context b fluentbit run", getenv: called, want: "run", ok: true, refused: "cannot be used together"},
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
	if code := execute([]string{metadataWord}, &out, &errOut); code != command.Fine {
		t.Fatalf("code %d: %s", code, &errOut)
	}
	var m map[string]string
	if err := json.Unmarshal(out.Bytes(), &m); err != nil || m["SchemaVersion"] != "0.1.0" || m["Vendor"] == "" || m["Version"] != "test" {
		t.Errorf("%v, %v", m, err)
	}
}
