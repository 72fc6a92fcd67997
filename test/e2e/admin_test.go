package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// socketClient speaks HTTP over a unix socket.
func socketClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
}

// ask sends a request, whose headers come in pairs, and returns the status of its answer and what is in it, if that is JSON.
type ask func(method, path, body string, header ...string) (int, map[string]any)

// asker asks over a unix socket, with a token; without one, with that which the instance made.
func asker(t *testing.T, h running, socket, token string) ask {
	client := socketClient(socket)
	return func(method, path, body string, header ...string) (int, map[string]any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://admin"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		with := token
		if with == "" {
			with = listen.Find("unix://" + socket)
		}
		r.Header.Set("Authorization", "Bearer "+with)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", method, path, err, tail(h.log()))
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]any{}
		_ = json.Unmarshal(text, &out) // metrics are no JSON
		return resp.StatusCode, out
	}
}

// TestAdministration asks the plugin in its host over a unix socket: a rule made there alerts, and is there after a hot reload, which finds the
// address free, and leaves one listener.
func TestAdministration(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		s := single(t, document(server, simple("boom", "boom")))
		socket := filepath.Join(s.dir, "admin.sock")
		s.instances[0]["admin.listen"] = "unix://" + socket
		h := start(s)
		client := socketClient(socket)
		ask := asker(t, h, socket, "")
		arrived := func(message string) {
			t.Helper()
			eventually(t, h, "an alert of "+message, func() bool {
				return slices.ContainsFunc(server.Alerts(), func(a trigger.Alert) bool { return a.Message == message })
			})
		}
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/", "/api/v1/openapi.json", "/api/v1/instances", "/api/v1/rules", "/api/v1/triggers"} {
			if status, _ := ask("GET", path, ""); status != 200 {
				t.Errorf("GET %s: %d", path, status)
			}
		}
		if status, answer := ask("POST", "/api/v1/rules", `{"name":"made","keywords":["made"],"cooldown":"0s"}`); status != 201 {
			t.Fatalf("making a rule: %d %v", status, answer)
		}
		h.feed("boom 1", "made 1")
		arrived("boom 1")
		arrived("made 1")
		for n := range 3 {
			h.reload()
			if status, answer := ask("GET", "/api/v1/rules/made", ""); status != 200 || answer["origin"] != "runtime" {
				t.Fatalf("after hot reload %d: %d %v", n+1, status, answer)
			}
			h.feed(fmt.Sprint("made after reload ", n))
			arrived(fmt.Sprint("made after reload ", n))
		}
		if _, answer := ask("GET", "/api/v1/stats", ""); len(answer["problems"].([]any)) != 0 || answer["instance"] != "one" {
			t.Errorf("stats: %v", answer)
		}
		if status, _ := ask("DELETE", "/api/v1/rules/made", "", "If-Match", "*"); status != 204 {
			t.Errorf("deleting the rule: %d", status)
		}
		if took := h.stop(); took > 3*time.Second {
			t.Errorf("the exit took %s", took)
		}
		if resp, err := client.Get("http://admin/healthz"); err == nil {
			_ = resp.Body.Close()
			t.Error("the administration answers after the end")
		}
	})
}

// TestOneListenerOfTwoInstances asks two outputs of one host behind one address: each by its id, together where nobody is meant, and after a hot reload.
func TestOneListenerOfTwoInstances(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		s := single(t, document(server, simple("a", "alpha")))
		s.instances = append(s.instances, parameters(s.dir, "two", writeFile(t, s.dir, "two.toml", document(server, simple("b", "beta")))))
		socket := filepath.Join(s.dir, "admin.sock")
		for _, p := range s.instances {
			p["admin.listen"] = "unix://" + socket
			p["admin.token_file"] = writeFile(t, s.dir, "tokens", "ops:a-token-of-the-tests\n")
		}
		h := start(s)
		ask := asker(t, h, socket, "a-token-of-the-tests")
		names := func(path, list, key string) (all []string) {
			t.Helper()
			status, answer := ask("GET", path, "")
			if status != 200 {
				t.Fatalf("GET %s: %d %v", path, status, answer)
			}
			for _, item := range answer[list].([]any) {
				all = append(all, fmt.Sprint(item.(map[string]any)[key]))
			}
			return all
		}
		check := func(when string) {
			t.Helper()
			if got := names("/api/v1/instances", "instances", "id"); !slices.Equal(got, []string{"one", "two"}) {
				t.Errorf("%s the instances are %q", when, got)
			}
			for id, want := range map[string][]string{"one": {"a"}, "two": {"b", "own"}} {
				if got := names("/api/v1/rules?instance="+id, "rules", "name"); !slices.Equal(got, want) {
					t.Errorf("%s the rules of %s are %q", when, id, got)
				}
				if _, answer := ask("GET", "/api/v1/stats?instance="+id, ""); answer["instance"] != id || len(answer["problems"].([]any)) != 0 {
					t.Errorf("%s the stats of %s are %v", when, id, answer)
				}
			}
			if status, answer := ask("GET", "/api/v1/rules", ""); status != 404 || !strings.Contains(fmt.Sprint(answer["detail"]), "instance") {
				t.Errorf("%s nobody in particular: %d %v", when, status, answer)
			}
		}
		if status, answer := ask("POST", "/api/v1/rules?instance=two", `{"name":"own","keywords":["gamma"],"cooldown":"0s"}`); status != 201 {
			t.Fatalf("making a rule of two: %d %v", status, answer)
		}
		check("at first")
		h.feed("alpha 1", "beta 1", "gamma 1")
		expect(t, h, server, []string{"alpha 1", "beta 1", "gamma 1"})
		for id, want := range map[string][]string{"one": {"a"}, "two": {"own", "b"}} {
			got := names("/api/v1/deliveries?instance="+id, "deliveries", "rule")
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("the deliveries of %s are of the rules %q", id, got)
			}
		}
		h.reload()
		check("after a hot reload")
		h.stop()
	})
}
