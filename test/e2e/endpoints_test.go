package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// endpoint is one call of the administration: a route of its document, and what stands in it.
type endpoint struct {
	route   string // method and path, as in the document
	path    string // with what stands for the parameters; "": as in the route
	body    string
	missing bool // what is asked for is not there: 404
	want    int  // the status, if it is neither 2xx nor 404
	either  bool // the standalone program has it, the plugin answers 404
}

// endpoints calls every route of the document, in an order in which what is made is there when it is asked for.
func endpoints(target string) []endpoint {
	all := []endpoint{
		{route: "GET /healthz"}, {route: "GET /readyz"}, {route: "GET /metrics"}, {route: "GET /api/v1/openapi.json"},
		{route: "GET /api/v1/instances"}, {route: "GET /api/v1/stats"}, {route: "POST /-/reload"},
		{route: "POST /login", body: `{"token":"a-token-of-the-tests"}`}, {route: "POST /logout"}, {route: "POST /api/v1/login-codes"},
		{route: "GET /api/v1/alerts"}, {route: "GET /api/v1/alerts/{id}", path: "/api/v1/alerts/al_none", missing: true},
		{route: "GET /api/v1/problems"}, {route: "GET /api/v1/deliveries"}, {route: "GET /api/v1/dead-letters"},
		{route: "GET /api/v1/dead-letters/{trigger}/{alert}", path: "/api/v1/dead-letters/hook/al_none", missing: true},
		{route: "GET /api/v1/alerts/stream"}, {route: "GET /api/v1/tap"},
		{route: "GET /api/v1/workloads"}, {route: "GET /api/v1/containers", either: true}, {route: "GET /api/v1/workloads/{workload}/effective-rules", path: "/api/v1/workloads/shop%2Fapi/effective-rules"},
		{route: "POST /api/v1/explain", body: `{"line":"boom","workload":"shop/api"}`},
		{route: "POST /api/v1/rules/test", body: `{"name":"boom","lines":["boom 1","all is well"]}`},
		{route: "POST /api/v1/rules/draft", body: `{"line":"boom 1"}`}, {route: "POST /api/v1/rules/backtest", body: `{"name":"boom"}`},
		{route: "POST /api/v1/triggers/{name}/test", path: "/api/v1/triggers/hook/test"},
		{route: "GET /api/v1/triggers/{name}/digest", path: "/api/v1/triggers/hook/digest"},
		{route: "GET /api/v1/workloads/{workload}/deploy", path: "/api/v1/workloads/shop%2Fapi/deploy"},
		{route: "POST /api/v1/workloads/{workload}/deploy", path: "/api/v1/workloads/shop%2Fapi/deploy"},
		{route: "PUT /api/v1/workloads/{workload}/disabled/{rule}", path: "/api/v1/workloads/shop%2F*/disabled/boom"},
		{route: "DELETE /api/v1/workloads/{workload}/disabled/{rule}", path: "/api/v1/workloads/shop%2F*/disabled/boom"},
		{route: "POST /api/v1/dead-letters/redeliver", body: `{"all":true}`}, {route: "POST /api/v1/dead-letters/drop", body: `{"all":true}`},
		{route: "POST /api/v1/silences", body: fmt.Sprintf(`{"rule":"boom","workload":"none","until":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))}, {route: "GET /api/v1/silences"},
		{route: "DELETE /api/v1/silences/{id}", path: "/api/v1/silences/{id}"},
		// Without public_url; internal/admin calls them with one.
		{route: "POST /silence/look", body: `{"link":"none"}`, want: http.StatusForbidden}, {route: "POST /silence", body: `{"link":"none"}`, want: http.StatusForbidden},
		{route: "POST /api/v1/links/rotate", want: http.StatusConflict},
		// Without [fleet]; test/fleet/nodes calls them with one.
		{route: "GET /api/v1/fleet", missing: true}, {route: "GET /api/v1/fleet/windows", missing: true},
		{route: "POST /api/v1/fleet/windows/{key}/close", path: "/api/v1/fleet/windows/9f86d081884c7d659a2feaa0c55ad015/close", missing: true},
	}
	for _, c := range []struct{ route, path, name, create, change string }{
		{"/api/v1/rules", "/api/v1/rules", "tour", `{"name":"tour","keywords":["tour"]}`, `{"cooldown":"1h"}`},
		{"/api/v1/triggers", "/api/v1/triggers", "tour", fmt.Sprintf(`{"name":"tour","url":%q}`, target), `{"severity":["critical"]}`},
		{"/api/v1/workloads/{workload}/rules", "/api/v1/workloads/shop%2F*/rules", "own", `{"name":"own","keywords":["own"]}`, `{"cooldown":"1h"}`},
		{"/api/v1/workloads/{workload}/overrides", "/api/v1/workloads/shop%2F*/overrides", "boom", `{"rule":"boom","cooldown":"1h"}`, `{"cooldown":"2h"}`},
	} {
		one, route := c.path+"/"+c.name, c.route+"/{name}"
		all = append(all, endpoint{route: "POST " + c.route, path: c.path, body: c.create}, endpoint{route: "GET " + c.route, path: c.path},
			endpoint{route: "GET " + route, path: one}, endpoint{route: "PATCH " + route, path: one, body: c.change},
			endpoint{route: "DELETE " + route, path: one})
	}
	return append(all, endpoint{route: "GET /api/v1/audit"})
}

// tour calls every route that the document of an administration lists, with and without the token.
func tour(t *testing.T, socket, token, target string) {
	t.Helper()
	client := socketClient(socket)
	call := func(e endpoint, path, token string) (int, map[string]any) {
		method, route, _ := strings.Cut(e.route, " ")
		if path == "" {
			path = route
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel() // which ends a stream
		r, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, strings.NewReader(e.body))
		if err != nil {
			t.Fatal(err)
		}
		if e.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if method == http.MethodPatch || method == http.MethodDelete {
			r.Header.Set("If-Match", "*")
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", e.route, err)
		}
		defer func() { _ = resp.Body.Close() }()
		out := map[string]any{}
		if kind := resp.Header.Get("Content-Type"); strings.HasSuffix(kind, "json") {
			text, err := io.ReadAll(resp.Body)
			if err == nil {
				err = json.Unmarshal(text, &out)
			}
			if err != nil {
				t.Errorf("%s: %v", e.route, err)
			}
		}
		return resp.StatusCode, out
	}
	_, document := call(endpoint{route: "GET /api/v1/openapi.json"}, "", token)
	called := map[string]bool{}
	id := ""
	for _, e := range endpoints(target) {
		called[e.route] = true
		path := strings.ReplaceAll(e.path, "{id}", id)
		want := http.StatusUnauthorized
		switch {
		case strings.HasSuffix(e.route, "z") || e.route == "POST /login": // health, and what takes the token in its body
			want = http.StatusOK
		case strings.HasPrefix(e.route, "POST /silence"): // links need no token
			want = e.want
		}
		if status, _ := call(e, path, ""); status != want {
			t.Errorf("%s without a token: %d, want %d", e.route, status, want)
		}
		status, answer := call(e, path, token)
		if e.either && status == http.StatusNotFound {
			continue
		}
		if e.missing && status != http.StatusNotFound || e.want != 0 && status != e.want || !e.missing && e.want == 0 && status/100 != 2 {
			t.Errorf("%s: %d %v", e.route, status, answer)
		}
		if text, ok := answer["id"].(string); ok {
			id = text
		}
	}
	paths, _ := document["paths"].(map[string]any)
	if len(paths) == 0 {
		t.Fatal("the document lists no paths")
	}
	for path, methods := range paths {
		for method := range methods.(map[string]any) {
			if route := strings.ToUpper(method) + " " + path; method != "parameters" && !called[route] {
				t.Errorf("%s is in the document and was not called", route)
			}
		}
	}
}

// TestEveryEndpoint calls every route of the administration in the plugin's hosts.
func TestEveryEndpoint(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		s := single(t, document(server, simple("boom", "boom"))+fmt.Sprintf("\n[[trigger]]\nname = \"closed\"\nurl = %q\n", server.URL("/refuses")))
		socket := filepath.Join(s.dir, "admin.sock")
		s.instances[0]["admin.listen"] = "unix://" + socket
		s.instances[0]["admin.token_file"] = writeFile(t, s.dir, "tokens", "ops:a-token-of-the-tests\n")
		h := start(s)
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(tail(h.log()))
			}
		})
		ways(t, h, asker(t, h, socket, "a-token-of-the-tests"), server)
		tour(t, socket, "a-token-of-the-tests", server.URL("/tour"))
		h.stop()
	})
}

// ways follows alerts through the administration: to the trigger "hook", which takes them, and to "closed", whose dead letters are sent again and dropped.
func ways(t *testing.T, h running, ask ask, server *receiver.Server) {
	t.Helper()
	var takes atomic.Bool
	server.SetBehaviour(receiver.BehaviourFunc(func(r receiver.Request) receiver.Reply {
		if r.Path == "/refuses" && !takes.Load() {
			return receiver.Reply{Status: http.StatusBadRequest}
		}
		return receiver.Reply{Status: http.StatusOK}
	}))
	do := func(method, path, body string) map[string]any {
		t.Helper()
		status, answer := ask(method, path, body)
		if status != http.StatusOK {
			t.Fatalf("%s %s: %d %v", method, path, status, answer)
		}
		return answer
	}
	list := func(path, key string) (all []map[string]any) {
		t.Helper()
		for _, item := range do("GET", path, "")[key].([]any) {
			all = append(all, item.(map[string]any))
		}
		return all
	}
	counted := func(want int, query string) {
		t.Helper()
		eventually(t, h, fmt.Sprintf("%d deliveries of %s", want, query), func() bool { return len(list("/api/v1/deliveries?rule=boom&"+query, "deliveries")) == want })
	}
	h.feed("boom 1", "quiet", "boom 2")
	counted(2, "trigger=hook&state=delivered")
	counted(2, "trigger=closed&state=dead")
	alerts := list("/api/v1/alerts?rule=boom", "alerts") // an alert of the program's own reports the dead letters
	if len(alerts) != 2 {
		t.Fatalf("%d alerts", len(alerts))
	}
	for i, message := range []string{"boom 2", "boom 1"} {
		alert := alerts[i]["alert"].(map[string]any)
		if alert["message"] != message || alert["rule"] != "boom" {
			t.Errorf("alert %d is %v, want that of %s", i, alert, message)
		}
		for _, name := range []any{alert["id"], fmt.Sprint(int(alerts[i]["seq"].(float64)))} {
			one := do("GET", fmt.Sprint("/api/v1/alerts/", name), "")
			if fmt.Sprint(one["alert"]) != fmt.Sprint(alert) || len(one["deliveries"].([]any)) != 2 {
				t.Errorf("the alert %v is %v", name, one)
			}
		}
	}
	if found := list("/api/v1/alerts?text=boom%201", "alerts"); len(found) != 1 || found[0]["seq"] != alerts[1]["seq"] {
		t.Errorf("the alerts with a text are %v", found)
	}
	letters := list("/api/v1/dead-letters", "dead_letters")
	if len(letters) != 2 {
		t.Fatalf("%d dead letters", len(letters))
	}
	for _, l := range letters {
		one := do("GET", fmt.Sprint("/api/v1/dead-letters/closed/", l["alert_id"]), "")
		if l["trigger"] != "closed" || !strings.Contains(fmt.Sprint(l["reason"]), "400") || one["alert"].(map[string]any)["id"] != l["alert_id"] {
			t.Errorf("a dead letter is %v, alone %v", l, one)
		}
	}
	takes.Store(true)
	first := letters[0]["alert_id"]
	if answer := do("POST", "/api/v1/dead-letters/redeliver", fmt.Sprintf(`{"alert_id":%q,"trigger":"closed"}`, first)); answer["redelivered"] != 1.0 {
		t.Errorf("sent again: %v", answer)
	}
	counted(1, "trigger=closed&state=delivered")
	arrived := slices.ContainsFunc(server.Requests(), func(r receiver.Request) bool {
		return r.Path == "/refuses" && r.Accepted && strings.Contains(string(r.Body), fmt.Sprint(first))
	})
	if !arrived {
		t.Error("what was sent again is marked as delivered, and did not arrive")
	}
	if answer := do("POST", "/api/v1/dead-letters/drop", `{"all":true}`); answer["dropped"] != 1.0 {
		t.Errorf("dropped: %v", answer)
	}
	counted(1, "trigger=closed&state=removed")
	if left := list("/api/v1/dead-letters", "dead_letters"); len(left) != 0 {
		t.Errorf("dead letters that are left: %v", left)
	}
	stats := do("GET", "/api/v1/stats", "")
	if stats["lines"] != 3.0 || stats["hits"] != 2.0 || stats["alerts"] != 2.0 {
		t.Errorf("the stats are %v", stats)
	}
	for _, item := range stats["triggers"].([]any) {
		trigger := item.(map[string]any)
		if trigger["name"] != "closed" {
			continue
		}
		if got := [3]any{trigger["delivered"], trigger["dead"], trigger["removed"]}; got != [3]any{1.0, 0.0, 1.0} {
			t.Errorf("were delivered, are dead, were removed %v", got)
		}
	}
	said := map[string]int{}
	for _, change := range list("/api/v1/audit", "audit") {
		said[fmt.Sprint(change["who"], " ", change["action"])]++
	}
	if said["ops redeliver"] != 1 || said["ops drop"] != 1 {
		t.Errorf("the audit says %v", said)
	}
}

// TestEveryEndpointStandalone calls every route of docker-fluentbit run. No engine answers it meanwhile.
func TestEveryEndpointStandalone(t *testing.T) {
	server, dir := receiver.New(t), t.TempDir()
	socket, binary := filepath.Join(dir, "admin.sock"), filepath.Join(dir, "docker-fluentbit")
	if out, err := exec.Command("go", "build", "-o", binary, "../../docker-fluentbit").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	top := fmt.Sprintf("store = %q\n[admin]\nlisten = %q\ntoken_file = %q\n", filepath.Join(dir, "store.db"), "unix://"+socket,
		writeFile(t, dir, "tokens", "ops:a-token-of-the-tests\n"))
	config := writeFile(t, dir, "rules.toml", top+document(server, simple("boom", "boom")))
	log := &await.Log{}
	cmd := exec.Command(binary, "run", "-c", config, "-H", "unix://"+filepath.Join(dir, "no-engine.sock"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended where all is well
	client := socketClient(socket)
	await.That(t, patience, "the administration answers", func() bool {
		resp, err := client.Get("http://admin/healthz")
		return err == nil && resp.Body.Close() == nil
	}, log)
	tour(t, socket, "a-token-of-the-tests", server.URL("/tour"))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended badly: %v\n%s", err, log)
	}
}
