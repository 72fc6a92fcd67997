package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestEveryChangeIsAudited makes each change that the API can make, and wants an event of each: who, what, before and after, and no secret.
func TestEveryChangeIsAudited(t *testing.T) {
	b := newBench(t, "")
	b.server.SetBehaviour(alwaysRefuses)
	b.flush("boom 1", "boom 2", "boom 3")
	b.eventually("all are dead letters", func() bool { return len(listOf(b.get("/api/v1/dead-letters"), "dead_letters")) == 3 })
	id := listOf(b.get("/api/v1/dead-letters"), "dead_letters")[0]["alert_id"].(string)
	until := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	silence := ""
	// Each step makes one change, or several that go together. before and after are parts of the JSON of its entry; "" means that the entry has none.
	for _, step := range []struct {
		method, path  string
		body          any
		what          []string
		before, after string
	}{
		{"POST", rulesPath, map[string]any{"name": "oom", "keywords": []string{"oom"}}, []string{"create rule  oom"}, "", `"keywords":["oom"]`},
		{"PATCH", rulesPath + "/oom", map[string]any{"severity": "info"}, []string{"change rule  oom"}, `{"keywords":["oom"]}`, `"severity":"info"`},
		{"POST", "/api/v1/workloads/a%2F*/overrides", map[string]any{"rule": "oom", "cooldown": "1h"}, []string{"create override a/* oom"}, "", `"cooldown":"1h"`},
		{"PUT", "/api/v1/workloads/b%2F*/disabled/oom", nil, []string{"create disable b/* oom"}, "", "{}"},
		{"DELETE", "/api/v1/workloads/b%2F*/disabled/oom", nil, []string{"delete disable b/* oom"}, "{}", ""},
		{"POST", "/api/v1/workloads/a%2F*/rules", map[string]any{"name": "own", "keywords": []string{"own"}}, []string{"create rule a/* own"}, "", `["own"]`},
		{"DELETE", rulesPath + "/oom", nil, []string{"delete override a/* oom", "delete rule  oom"}, `"cooldown":"1h"`, ""},
		{"POST", "/api/v1/triggers", map[string]any{"name": "two", "url": b.server.URL("/" + otherPath)}, []string{"create trigger  two"}, "", `{"url":"••••"}`},
		{"PATCH", "/api/v1/triggers/two", map[string]any{"severity": []string{"info"}}, []string{"change trigger  two"}, `{"url":"••••"}`, `"severity":["info"]`},
		{"POST", "/api/v1/triggers/two/test", nil, []string{"test trigger  two"}, "", `"status":400`},
		{"DELETE", "/api/v1/triggers/two", nil, []string{"delete trigger  two"}, `"severity":["info"]`, ""},
		{"POST", "/api/v1/dead-letters/drop", map[string]any{"alert_id": id}, []string{"drop dead letter  " + id}, `"reason":"answered 400 Bad Request"`, `"dropped":1`},
		{"POST", "/api/v1/dead-letters/redeliver", map[string]any{"all": true}, []string{"redeliver dead letter  "}, `{"dead_letters":2,"newest":[{"alert_id":"al_`, `"redelivered":2,"left":0`},
		{"POST", "/api/v1/silences", map[string]any{"rule": "boom", "until": until(time.Hour), "comment": "one"}, []string{"create silence  $"}, "", `"comment":"one"`},
		{"POST", "/api/v1/silences", map[string]any{"id": "$", "rule": "boom", "until": until(2 * time.Hour), "comment": "two"}, []string{"change silence  $"}, `"comment":"one"`, `"comment":"two"`},
		{"DELETE", "/api/v1/silences/$", nil, []string{"expire silence  $"}, `"until":"` + until(2 * time.Hour)[:13], `"until":"`},
		{"POST", "/-/reload", nil, []string{"reload configuration  "}, `{"rules":1,"workloads":1,"triggers":1,"problems":[]}`, `"rules":1,"workloads":1,"triggers":1,"applied":true`},
	} {
		text, err := json.Marshal(step.body)
		if err != nil {
			t.Fatal(err)
		}
		before := auditOf(b, "")
		r := b.do(step.method, strings.Replace(step.path, "$", silence, 1), strings.Replace(string(text), "$", silence, 1), "If-Match", "*")
		if r.status >= 300 {
			t.Fatalf("%s %s: %d %s", step.method, step.path, r.status, r.text)
		}
		if id, ok := r.body["id"].(string); ok {
			silence = id
		}
		now := auditOf(b, "")
		made := now[:len(now)-len(before)]
		var what []string
		for _, e := range made {
			what = append(what, describe(&e))
			if e.Who != "operator" || time.Since(e.Time) > patience {
				t.Errorf("%+v", e)
			}
		}
		for i := range step.what {
			step.what[i] = strings.Replace(step.what[i], "$", silence, 1)
		}
		if !slices.Equal(what, step.what) {
			t.Fatalf("%s %s: the audit has %q, want %q", step.method, step.path, what, step.what)
		}
		for _, side := range []struct {
			name, want string
			got        json.RawMessage
		}{{"before", step.before, made[0].Before}, {"after", step.after, made[0].After}} {
			if (side.want == "") != (side.got == nil) || !strings.Contains(string(side.got), side.want) {
				t.Errorf("%s %s: %s is %s, want %s", step.method, step.path, side.name, side.got, side.want)
			}
		}
	}
	whole, _ := json.Marshal(auditOf(b, ""))
	for _, secret := range []string{token, secretPath, otherPath} {
		if strings.Contains(string(whole), secret) {
			t.Errorf("the audit holds the secret %s", secret)
		}
	}
}

// TestAReloadIsAuditedWithItsErrors reads a configuration with a rule that is wrong, and one that cannot be read.
func TestAReloadIsAuditedWithItsErrors(t *testing.T) {
	b := newBench(t, "")
	b.writeRules("[[rule]]\nname = \"new\"\nkeywords = [\"new\"]\n[[rule]]\nname = \"bad\"\npattern = 'a(b'\n")
	b.want(200, "POST", "/-/reload", nil)
	b.write(b.rulesFile(), "this is not TOML")
	b.want(409, "POST", "/-/reload", nil)
	all := auditOf(b, "")
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	for i, want := range []string{`"rules":2,"workloads":0,"triggers":1,"applied":false`, `"added":["new"]`} {
		if after := string(all[i].After); !strings.Contains(after, want) || !strings.Contains(after, "rules.toml:") {
			t.Errorf("after is %s, want %s, and the problem", after, want)
		}
	}
	if before := string(all[0].Before); !strings.Contains(before, `"rules":2`) || !strings.Contains(before, "bad") {
		t.Errorf("before is %s", before)
	}
}

// TestWhatChangesNothingIsNotAudited asks for what is so already, and for what is refused.
func TestAChangeIsAuditedWhenItsClientIsGone(t *testing.T) {
	b := newBench(t, "")
	b.server.SetBehaviour(receiver.Always(receiver.Reply{Hang: true}))
	busy, idle := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	defer readers.Wait()
	defer idle()
	for range 4 { // so that the store is waited for
		readers.Go(func() {
			for busy.Err() == nil {
				_, _ = b.p.Store().Alerts(busy, 0, 1)
			}
		})
	}
	for n := 1; n <= 8; n++ {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		r, err := http.NewRequestWithContext(ctx, "POST", b.url+"/api/v1/triggers/ops/test", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		left := make(chan struct{})
		go func() {
			defer close(left)
			if resp, err := b.client.Do(r); err == nil {
				_ = resp.Body.Close()
				t.Error("the test was answered")
			}
		}()
		b.eventually("the receiver has the request", func() bool { return b.server.Len() == n })
		leave()
		<-left
		b.eventually("the test is in the audit", func() bool {
			all := auditOf(b, "")
			return len(all) == n && describe(&all[0]) == "test trigger  ops"
		})
	}
}

func TestWhatChangesNothingIsNotAudited(t *testing.T) {
	b := newBench(t, "")
	s := b.want(200, "POST", "/api/v1/silences", map[string]any{"rule": "boom", "until": time.Now().Add(time.Hour).Format(time.RFC3339)}).body["id"].(string)
	b.want(204, "PUT", "/api/v1/workloads/b%2F*/disabled/boom", nil)
	b.want(200, "DELETE", "/api/v1/silences/"+s, nil)
	b.want(201, "POST", rulesPath, map[string]any{"name": "oom", "keywords": []string{"oom"}, "severity": "info"})
	b.want(201, "POST", "/api/v1/triggers", map[string]any{"name": "two", "url": b.server.URL("/" + otherPath)})
	tag := b.want(200, "GET", rulesPath+"/oom", nil).header.Get("ETag")
	had := len(auditOf(b, ""))
	b.want(204, "PUT", "/api/v1/workloads/b%2F*/disabled/boom", nil)
	b.want(200, "DELETE", "/api/v1/silences/"+s, nil)
	b.want(200, "PATCH", rulesPath+"/oom", map[string]any{"severity": "info", "cooldown": nil}, "If-Match", tag)
	b.want(412, "PATCH", rulesPath+"/oom", map[string]any{"severity": "info"}, "If-Match", `"m1"`)
	if now := b.want(200, "GET", rulesPath+"/oom", nil).header.Get("ETag"); now != tag {
		t.Errorf("the rule is as it was, and its ETag was %s and is %s", tag, now)
	}
	b.want(200, "PATCH", "/api/v1/triggers/two", map[string]any{"url": "••••"}, "If-Match", "*")
	b.want(200, "POST", "/api/v1/dead-letters/redeliver", map[string]any{"all": true})
	b.want(200, "POST", "/api/v1/dead-letters/drop", map[string]any{"trigger": "ops"})
	b.want(422, "POST", rulesPath, map[string]any{"name": "bad", "pattern": "a("})
	b.want(409, "DELETE", rulesPath+"/boom", nil, "If-Match", "*")
	b.want(200, "POST", "/api/v1/explain", map[string]any{"line": "boom"})
	if now := auditOf(b, ""); len(now) != had {
		t.Errorf("the audit has %s", describe(&now[0]))
	}
}

// TestTheAuditIsFilteredAndPaged reads the audit in pages and in one answer, which must agree, and with each filter.
func TestTheAuditIsFilteredAndPaged(t *testing.T) {
	b := newBench(t, "")
	b.server.SetBehaviour(receiver.Always(receiver.Reply{Status: 200}))
	for i := range 5 {
		b.want(201, "POST", rulesPath, map[string]any{"name": fmt.Sprintf("r%d", i), "keywords": []string{"x"}})
	}
	b.want(201, "POST", "/api/v1/workloads/shop%2F*/rules", map[string]any{"name": "own", "keywords": []string{"own"}})
	b.flush("boom 1")
	for _, e := range listOf(b.get("/api/v1/alerts"), "alerts") {
		if e["alert"] == nil {
			t.Errorf("an alert is listed as %v", e)
		}
	}
	b.want(400, "GET", "/api/v1/alerts?kind=audit", nil)
	var paged []string
	for cursor := ""; ; {
		r := b.get("/api/v1/audit?limit=2&cursor=" + cursor)
		for _, e := range listOf(r, "audit") {
			paged = append(paged, fmt.Sprint(e["seq"], e["name"]))
		}
		if cursor = r["next"].(string); cursor == "" {
			break
		}
	}
	var listed []string
	for _, e := range listOf(b.get("/api/v1/audit"), "audit") {
		listed = append(listed, fmt.Sprint(e["seq"], e["name"]))
	}
	if len(paged) != 6 || !slices.Equal(paged, listed) {
		t.Errorf("in pages %q, in one answer %q", paged, listed)
	}
	for query, want := range map[string]int{
		"since=1h": 6, "since=2d": 6, "since=1w": 6, "until=1h": 0, "since=2100-01-01T00:00:00Z": 0, "workload=shop*": 1, "text=R3": 1, "text=operator": 6, "text=nobody": 0,
	} {
		if got := len(auditOf(b, "&"+query)); got != want {
			t.Errorf("%s: %d changes, want %d", query, got, want)
		}
	}
	for _, query := range []string{"kind=log", "severity=error", "rule=x", "container=x", "cursor=x", "since=x"} {
		b.want(400, "GET", "/api/v1/audit?"+query, nil)
	}
}

// auditOf returns the audit, newest first.
func auditOf(b *bench, query string) []adminapi.AuditEntry {
	b.t.Helper()
	var out adminapi.AuditResponse
	text := b.want(200, "GET", "/api/v1/audit?limit=1000"+query, nil).text
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		b.t.Fatal(err)
	}
	return out.Audit
}

func describe(e *adminapi.AuditEntry) string {
	return fmt.Sprintf("%s %s %s %s", e.Action, e.Kind, e.Workload, e.Name)
}
