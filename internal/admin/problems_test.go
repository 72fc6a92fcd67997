package admin

import (
	"fmt"
	"net/url"
	"testing"
	"time"
)

// TestProblems groups alerts by key, silences one problem, and lists the alerts of another.
func TestProblems(t *testing.T) {
	b := newBench(t, "cooldown_by = [\"capture.n\"]\n")
	b.flush("boom a", "boom b", "boom a")
	problems := func(query string) map[string]map[string]any {
		out := map[string]map[string]any{}
		for _, p := range listOf(b.get("/api/v1/problems"+query), "problems") {
			latest := p["latest"].(map[string]any)["alert"].(map[string]any)
			out[fmt.Sprint(latest["message"])] = p
		}
		return out
	}
	all := problems("?since=2400h&bins=3")
	if len(all) != 2 || all["boom a"]["alerts"] != 2.0 || all["boom a"]["hits"] != 2.0 || all["boom b"]["alerts"] != 1.0 || len(all["boom a"]["bins"].([]any)) < 3 {
		t.Fatalf("the problems are %v", all)
	}
	if state := all["boom a"]["state"]; state != "quiet" { // its lines are days old
		t.Errorf("the state is %v", state)
	}
	key := url.QueryEscape(all["boom a"]["key"].(string))
	if alerts := listOf(b.get("/api/v1/alerts?key="+key), "alerts"); len(alerts) != 2 {
		t.Errorf("the problem's alerts are %v", alerts)
	}
	silence := b.want(200, "POST", "/api/v1/silences", map[string]any{"rule": "boom", "message": "a$", "until": time.Now().Add(time.Hour)}).body["id"]
	all = problems("?since=2400h")
	if all["boom a"]["state"] != "silenced" || all["boom a"]["silence"] != silence || all["boom b"]["state"] == "silenced" {
		t.Errorf("with a silence of the first, the problems are %v", all)
	}
	b.want(200, "DELETE", "/api/v1/silences/"+fmt.Sprint(silence), nil)
	if all = problems("?since=2400h"); all["boom a"]["state"] != "quiet" {
		t.Errorf("after the silence, the problem is %v", all["boom a"]["state"])
	}
	b.want(200, "POST", "/api/v1/silences", map[string]any{"rule": "boom", "key": all["boom b"]["key"], "until": time.Now().Add(time.Hour)})
	if all = problems("?since=2400h"); all["boom b"]["state"] != "silenced" || all["boom a"]["state"] != "quiet" {
		t.Errorf("with a silence of the second's key, the problems are %v", all)
	}
	if body := b.get("/api/v1/problems?since=2400h&limit=1"); body["more"] != 1.0 || len(listOf(body, "problems")) != 1 {
		t.Errorf("one of two problems: %v", body)
	}
	for _, bad := range []string{"?bins=0", "?bins=201", "?bins=x", "?since=yesterday", "?since=2999-01-01T00:00:00Z", "?since=1999-01-01T00:00:00Z", "?limit=0", "?key=x"} {
		b.want(400, "GET", "/api/v1/problems"+bad, nil)
	}
}
