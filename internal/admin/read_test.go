package admin

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/page"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/workload"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

func TestEveryPathButHealthWantsAToken(t *testing.T) {
	b := newBench(t, "")
	b.token = ""
	for _, rt := range routes() {
		path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(rt.Path, "x")
		want := http.StatusUnauthorized
		if path == "/healthz" || path == "/readyz" {
			want = http.StatusOK
		}
		if path == listen.LoginPath || path == page.SilencePath || path == linkPath {
			want = http.StatusBadRequest // it takes a code, a token or a link instead
		}
		r := b.do(rt.Method, path, nil)
		if r.status != want {
			t.Errorf("%s %s without a token: %d, want %d", rt.Method, path, r.status, want)
		}
		if want == http.StatusUnauthorized && r.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s: no challenge", rt.Method, path)
		}
	}
	for _, path := range []string{"/login", "/login.js", "/page.css", "/icon.svg"} { // which hold nothing of what is watched
		if r := b.do("GET", path, nil); r.status != http.StatusOK {
			t.Errorf("GET %s, of the page that logs in: %d", path, r.status)
		}
	}
	for _, path := range []string{"/", "/app.js", "/login/", "/login.html", "/logout", "/nowhere", "/api/v1", "/healthz/x", "//healthz", "/metrics/"} {
		if r := b.do("GET", path, nil); r.status != http.StatusUnauthorized {
			t.Errorf("GET %s without a token: %d", path, r.status)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if r := b.do("HEAD", path, nil); r.status != http.StatusOK {
			t.Errorf("HEAD %s without a token: %d", path, r.status)
		}
	}
	if r := b.do("POST", "/healthz", nil); r.status != http.StatusUnauthorized {
		t.Errorf("POST /healthz without a token: %d", r.status)
	}
}

func TestUnknownPathsMethodsAndParameters(t *testing.T) {
	b := newBench(t, "")
	b.want(404, "GET", "/api/v1/nothing", nil)
	if r := b.want(405, "DELETE", "/api/v1/stats", nil); r.header.Get("Allow") != "GET" {
		t.Errorf("Allow: %q", r.header.Get("Allow"))
	}
	if r := b.want(400, "GET", "/api/v1/stats?limt=5", nil); !strings.Contains(r.text, "limt") {
		t.Errorf("the answer does not name the parameter: %s", r.text)
	}
	b.want(404, "GET", "/api/v1/stats?instance=nobody", nil)
	b.want(200, "GET", "/api/v1/stats?instance=t", nil)
	for _, path := range []string{"limit=0", "limit=x", "limit=1001", "cursor=x", "severity=loud", "since=yesterday"} {
		b.want(400, "GET", "/api/v1/alerts?"+path, nil)
	}
	for path, known := range map[string]string{
		"alerts?severity=error,loud": "critical", "alerts?kind=log,noise": "rollup", "deliveries?severity=loud": "critical", "deliveries?kind=audit": "rollup",
		"deliveries?state=pending,lost": "removed", "tap?stream=both": "stderr",
	} {
		if r := b.want(400, "GET", "/api/v1/"+path, nil); !strings.Contains(r.text, known) {
			t.Errorf("%s: the answer does not say that %s is known: %s", path, known, r.text)
		}
	}
	if r := b.want(200, "GET", "/", nil); !strings.Contains(r.text, "<html") {
		t.Errorf("the page: %.100s", r.text)
	}
}

func TestStatsAddUp(t *testing.T) {
	b := newBench(t, "[[rule]]\nname = \"often\"\nkeywords = [\"boom\"]\ncooldown = \"1h\"\n")
	b.flush("boom 1", "quiet", "boom 2")
	s := b.get("/api/v1/stats")
	sum := s["alerts"].(float64) + s["pending"].(float64)
	for _, n := range s["suppressed"].(map[string]any) {
		sum += n.(float64)
	}
	if s["lines"] != 3.0 || s["hits"] != 4.0 || s["alerts"] != 3.0 || sum != s["hits"] {
		t.Errorf("lines %v, hits %v, alerts %v, all fates %v", s["lines"], s["hits"], s["alerts"], sum)
	}
	rules := listOf(s, "rules")
	if len(rules) != 2 || rules[1]["name"] != "often" || rules[1]["suppressed"].(map[string]any)["cooldown"] != 1.0 {
		t.Errorf("rules %v", rules)
	}
	for _, w := range [][]map[string]any{listOf(b.get("/api/v1/workloads"), "workloads"), listOf(s["workloads"].(map[string]any), "busiest")} {
		if len(w) != 1 || w[0]["lines"] != 3.0 || w[0]["hits"] != 4.0 || w[0]["alerts"] != 3.0 || w[0]["suppressed"].(map[string]any)["cooldown"] != 1.0 {
			t.Errorf("workloads %v", w)
		}
	}
	b.eventually("the alerts are delivered", func() bool {
		triggers := listOf(b.get("/api/v1/stats"), "triggers")
		return len(triggers) == 1 && triggers[0]["delivered"] == 3.0 && triggers[0]["name"] == "ops"
	})
	i := listOf(b.get("/api/v1/instances"), "instances")
	if len(i) != 1 || i[0]["id"] != "t" || i[0]["version"] != "1.2.3" || i[0]["ready"] != true || i[0]["kind"] != "plugin" {
		t.Errorf("instances %v", i)
	}
}

func TestEvents(t *testing.T) {
	b := newBench(t, "[[rule]]\nname = \"bang\"\nkeywords = [\"bang\"]\ncooldown = \"0s\"\nseverity = \"info\"\n")
	for i := range 30 {
		b.flush(fmt.Sprintf("boom %d", i), fmt.Sprintf("BANG %d", i))
	}
	seen := map[string]bool{}
	pages, cursor := 0, ""
	for {
		r := b.get("/api/v1/alerts?limit=7&cursor=" + cursor)
		for _, e := range listOf(r, "alerts") {
			seen[e["alert"].(map[string]any)["message"].(string)] = true
		}
		pages++
		if cursor = r["next"].(string); cursor == "" {
			break
		}
	}
	if len(seen) != 60 || pages < 9 {
		t.Errorf("%d alerts on %d pages, want 60 on 9 or more", len(seen), pages)
	}
	for query, want := range map[string]int{
		"rule=bang": 30, "rule=b*": 60, "severity=error": 30, "severity=error,info": 60, "kind=log": 60, "kind=absence": 0, "text=bang%207": 1,
		"workload=nothing*": 0, "since=1h": 60, "until=1h": 0, "since=2000-01-01T00:00:00Z": 60,
	} {
		if got := len(listOf(b.get("/api/v1/alerts?limit=1000&"+query), "alerts")); got != want {
			t.Errorf("%s: %d alerts, want %d", query, got, want)
		}
	}
	e := listOf(b.get("/api/v1/alerts?limit=1"), "alerts")[0]
	id := e["alert"].(map[string]any)["id"].(string)
	for _, name := range []string{id, fmt.Sprintf("%.0f", e["seq"])} {
		if got := b.get("/api/v1/alerts/" + name); got["seq"] != e["seq"] {
			t.Errorf("event %s: %v", name, got)
		}
	}
	b.want(404, "GET", "/api/v1/alerts/al_nothing", nil)
	b.eventually("deliveries are listed", func() bool {
		return len(listOf(b.get("/api/v1/deliveries?limit=1000&trigger=ops&state=delivered"), "deliveries")) == 60
	})
	if n := len(listOf(b.get("/api/v1/deliveries?state=dead"), "deliveries")); n != 0 {
		t.Errorf("%d dead deliveries", n)
	}
}

func TestDeadLetters(t *testing.T) {
	b := newBench(t, "")
	b.server.SetBehaviour(receiver.Always(receiver.Reply{Status: 400}))
	b.flush("boom 1", "boom 2")
	b.eventually("both are dead letters", func() bool { return len(listOf(b.get("/api/v1/dead-letters"), "dead_letters")) == 2 })
	r := b.get("/api/v1/dead-letters?limit=1")
	l := listOf(r, "dead_letters")[0]
	if r["next"] == "" || l["rule"] != "boom" || !strings.HasPrefix(l["summary"].(string), "boom") || l["trigger"] != "ops" {
		t.Errorf("%v", r)
	}
	one := b.get("/api/v1/dead-letters/ops/" + l["alert_id"].(string))
	if one["alert"].(map[string]any)["id"] != l["alert_id"] {
		t.Errorf("%v", one)
	}
	b.want(404, "GET", "/api/v1/dead-letters/ops/al_x", nil)
}

// pages follows the cursor of a list to its end, and returns what key says of each item.
func (b *bench) pages(path, list string, limit int, key func(map[string]any) string) (all []string) {
	b.t.Helper()
	for cursor := ""; ; {
		r := b.get(fmt.Sprintf("%s?limit=%d&cursor=%s", path, limit, cursor))
		page := listOf(r, list)
		if len(page) > limit {
			b.t.Errorf("%s: %d items on a page of %d", path, len(page), limit)
		}
		for _, item := range page {
			all = append(all, key(item))
		}
		if cursor = r["next"].(string); cursor == "" {
			return all
		}
	}
}

// TestDeadLettersAndDeliveriesArePaged has alerts go to two triggers, so that pages end between the deliveries of one alert, and between letters that
// died at the same moment.
func TestDeadLettersAndDeliveriesArePaged(t *testing.T) {
	b := newBench(t, "")
	b.write(b.rulesFile(), strings.Replace(b.read(b.rulesFile()), "[[rule]]", fmt.Sprintf("[[trigger]]\nname = \"other\"\nsource = [\"log\"]\nurl = %q\n[[rule]]", b.server.URL("/"+otherPath)), 1))
	b.want(200, "POST", "/-/reload", nil)
	b.server.SetBehaviour(alwaysRefuses)
	for i := range 4 {
		b.flush(fmt.Sprint("boom ", i), fmt.Sprint("boom again ", i))
	}
	b.eventually("all are dead letters", func() bool { return len(listOf(b.get("/api/v1/dead-letters"), "dead_letters")) == 16 })
	for path, list := range map[string]string{"/api/v1/dead-letters": "dead_letters", "/api/v1/deliveries": "deliveries"} {
		key := func(item map[string]any) string { return fmt.Sprint(item["alert_id"], item["trigger"]) }
		whole := b.pages(path, list, 1000, key)
		if distinct := slices.Compact(slices.Sorted(slices.Values(whole))); len(whole) != 16 || len(distinct) != 16 {
			t.Fatalf("%s: %d items, %d of them different, want 16", path, len(whole), len(distinct))
		}
		for _, limit := range []int{1, 3, 5, 16} {
			if paged := b.pages(path, list, limit, key); !slices.Equal(paged, whole) {
				t.Errorf("%s by %d: %q, want %q", path, limit, paged, whole)
			}
		}
		for _, bad := range []string{"x", "0", "-1", "1.x.y", "x.ops", "99999999999999999999"} {
			if bad == "1.x.y" && list == "deliveries" {
				continue // a trigger may be called so
			}
			b.want(400, "GET", path+"?cursor="+bad, nil)
		}
	}
	if n := len(listOf(b.get("/api/v1/deliveries?trigger=other&limit=3"), "deliveries")); n != 3 {
		t.Errorf("%d deliveries to one trigger on a page of 3", n)
	}
	// What dies while the pages are read comes before them: those that are there are not reported twice.
	first := b.get("/api/v1/dead-letters?limit=8")
	b.flush("boom later")
	b.eventually("two more are dead letters", func() bool { return len(listOf(b.get("/api/v1/dead-letters"), "dead_letters")) == 18 })
	rest := listOf(b.get("/api/v1/dead-letters?limit=100&cursor="+first["next"].(string)), "dead_letters")
	if len(rest) != 8 || rest[0]["alert_id"] == listOf(first, "dead_letters")[7]["alert_id"] && rest[0]["trigger"] == listOf(first, "dead_letters")[7]["trigger"] {
		t.Errorf("%d letters behind the first 8 of 16", len(rest))
	}
}

func TestWorkloads(t *testing.T) {
	b := newBench(t, "[[workload]]\nmatch = \"shop/*\"\ndisable = [\"boom\"]\n[[workload.rule]]\nname = \"own\"\nkeywords = [\"own\"]\n")
	b.flush("own 1", "boom", "own 2", "own 3")
	r := b.get("/api/v1/workloads")
	met := listOf(r, "workloads")
	if len(met) != 1 || met[0]["lines"] != 4.0 || met[0]["hits"] != 3.0 || met[0]["alerts"] != 1.0 || fmt.Sprint(met[0]["suppressed"]) != "map[cooldown:2]" ||
		len(listOf(met[0], "containers")) != 1 {
		t.Errorf("met %v", met)
	}
	if other := r["other"].(map[string]any); other["lines"] != 0.0 {
		t.Errorf("other %v", other)
	}
	busiest := listOf(b.get("/api/v1/stats")["workloads"].(map[string]any), "busiest")
	if len(busiest) != 1 || busiest[0]["name"] != met[0]["name"] || busiest[0]["hits"] != 3.0 || busiest[0]["lines"] != 4.0 {
		t.Errorf("busiest %v", busiest)
	}
	configured := listOf(r, "configured")
	if len(configured) != 1 || configured[0]["match"] != "shop/*" || !strings.Contains(configured[0]["file"].(string), "rules.toml:") {
		t.Errorf("configured %v", configured)
	}
	rules := func(workload string) (ids []string) {
		for _, x := range listOf(b.get("/api/v1/workloads/"+workload+"/effective-rules"), "rules") {
			ids = append(ids, x["id"].(string))
		}
		return ids
	}
	if got := fmt.Sprint(rules("shop%2Fapi"), rules("other")); got != "[own@shop/*] [boom]" {
		t.Errorf("effective rules %s", got)
	}
}

func TestExplainChangesNothing(t *testing.T) {
	b := newBench(t, "[[rule]]\nname = \"errors\"\nstream = \"stderr\"\nkeywords = [\"boom\"]\n")
	x := b.want(200, "POST", "/api/v1/explain", map[string]any{"line": "boom 42", "stream": "stdout", "workload": "shop/api"})
	rules := x.list("rules")
	if len(rules) != 2 || rules[0]["matched"] != true || rules[0]["captures"].(map[string]any)["n"] != "42" || rules[1]["matched"] != false ||
		!strings.Contains(rules[1]["why"].(string), "stream") || !strings.HasPrefix(rules[0]["template"].(string), "boom") {
		t.Errorf("%s", x.text)
	}
	coloured := b.want(200, "POST", "/api/v1/explain", map[string]any{"line": "\x1b[31mboom\x1b[0m 42\r", "stream": "stdout", "workload": "shop/api"})
	if !reflect.DeepEqual(coloured, x) {
		t.Errorf("with colours and a carriage return: %v, without: %v", coloured, x)
	}
	b.want(400, "POST", "/api/v1/explain", map[string]any{"line": "x", "stream": "stdwhat"})
	b.want(400, "POST", "/api/v1/explain", map[string]any{"lien": "x"})
	b.want(400, "POST", "/api/v1/explain", `{"line":"a","line":"b"}`)
	b.want(400, "POST", "/api/v1/explain", `[]`)
	b.want(415, "POST", "/api/v1/explain", `x=1`, "Content-Type", "application/x-www-form-urlencoded")
	if s := b.get("/api/v1/stats"); s["lines"] != 0.0 || s["hits"] != 0.0 {
		t.Errorf("explaining was counted: %v lines, %v hits", s["lines"], s["hits"])
	}
}

// TestExplainNamesTheTriggers asks which triggers would send an alert, and why the others would not.
func TestExplainNamesTheTriggers(t *testing.T) {
	b := newBench(t, "")
	hour := (time.Now().UTC().Hour() + 12) % 24
	for _, settings := range []map[string]any{
		{"name": "by-capture", "where": map[string]string{"capture.n": "1"}},
		{"name": "by-hours", "during": []string{fmt.Sprintf("%02d:00-%02d:30", hour, hour)}, "zone": "UTC"},
	} {
		settings["url"] = b.server.URL("/other")
		b.want(201, "POST", "/api/v1/triggers", settings)
	}
	b.want(422, "POST", "/api/v1/triggers", map[string]any{"name": "bad", "url": b.server.URL("/other"), "where": map[string]string{"nmae": "x"}})
	x := b.want(200, "POST", "/api/v1/explain", map[string]any{"line": "boom 42", "workload": "shop/api"})
	decisions := map[string]any{}
	for _, one := range x.list("rules")[0]["triggers"].([]any) {
		decided := one.(map[string]any)
		decisions[decided["name"].(string)] = decided["why"]
	}
	if why, _ := decisions["by-hours"].(string); !strings.HasPrefix(why, "it sends nothing until ") {
		t.Errorf("%v", decisions)
	}
	delete(decisions, "by-hours")
	if want := map[string]any{"ops": nil, "by-capture": `where needs capture.n = "1", and it is "42"`}; !reflect.DeepEqual(decisions, want) {
		t.Errorf("%v, want %v", decisions, want)
	}
	b.flush("boom 42", "boom 1")
	stats := b.get("/api/v1/stats")
	for _, trigger := range listOf(stats, "triggers") {
		hours, _ := trigger["hours"].(map[string]any)
		if want := map[any]float64{"by-hours": 2}[trigger["name"]]; trigger["outside_hours"] != want || (want == 2) != (hours["from"] != nil) {
			t.Errorf("%v", trigger)
		}
	}
}

func TestReload(t *testing.T) {
	b := newBench(t, "")
	b.writeRules("[[rule]]\nname = \"new\"\nkeywords = [\"new\"]\n[[rule]]\nname = \"bad\"\npattern = 'a(b'\n")
	r := b.want(200, "POST", "/-/reload", nil)
	if fmt.Sprint(r.body["added"]) != "[new]" || len(r.body["problems"].([]any)) != 1 || r.body["applied"] != true {
		t.Errorf("%s", r.text)
	}
	b.write(b.rulesFile(), "store_ids = 200000\n"+b.read(b.rulesFile()))
	r = b.want(200, "POST", "/-/reload", nil)
	if restart := r.body["restart"].([]any); len(restart) != 1 || !strings.HasPrefix(restart[0].(string), b.rulesFile()+":1: store_ids: ") || r.body["applied"] != true {
		t.Errorf("%s", r.text)
	}
	b.write(b.rulesFile(), "this is not TOML")
	b.want(409, "POST", "/-/reload", nil)
	if n := len(listOf(b.get("/api/v1/stats"), "rules")); n != 2 {
		t.Errorf("%d rules run after a reload that failed, want 2", n)
	}
}

// TestTheBusiestWorkloadsAreInTheStats has more workloads than the stats list by name.
func TestTheBusiestWorkloadsAreInTheStats(t *testing.T) {
	var all []workload.Stats
	for i := range maxBusiest + 3 {
		n := workload.Counts{Lines: 10, Hits: int64(i), Alerts: int64(i)}
		all = append(all, workload.Stats{Workload: fmt.Sprint("w", i), Counts: n})
	}
	got := busiestOf(all, workload.Counts{Lines: 5, Hits: 4, Alerts: 3}, map[string]int64{"w0": 2, "w50": 7, "elsewhere": 3})
	if len(got.Busiest) != maxBusiest || got.Busiest[0].Name != fmt.Sprint("w", maxBusiest+2) || got.Other.Lines != 35 || got.Other.Hits != 0+1+2+4 || got.Other.Sent != 2+3 {
		t.Errorf("%d by name, the first is %+v; %+v", len(got.Busiest), got.Busiest[0], got.Other)
	}
}

// sse reads a stream.
type sse struct {
	lines  *bufio.Scanner
	cancel context.CancelFunc
}

func (b *bench) stream(path string, header ...string) *sse {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		cancel()
		_ = resp.Body.Close()
	})
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		b.t.Fatalf("%s: %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return &sse{bufio.NewScanner(resp.Body), cancel}
}

// next returns the next event.
func (s *sse) next(t *testing.T) (id, name, data string) {
	t.Helper()
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch {
		case s.lines.Text() == "" && name != "":
			return id, name, data
		case field == "id":
			id = value
		case field == "event":
			name = value
		case field == "data":
			data = value
		}
	}
	t.Fatalf("the stream ended: %v", s.lines.Err())
	return "", "", ""
}

func TestAlertsAreStreamedAndResumed(t *testing.T) {
	b := newBench(t, "")
	b.flush("boom before")
	s := b.stream("/api/v1/alerts/stream")
	b.flush("boom 1")
	first, name, data := s.next(t)
	if name != "alert" || !strings.Contains(data, `"boom 1"`) {
		t.Fatalf("%s %s", name, data)
	}
	s.cancel()
	b.flush("boom 2", "boom 3")
	s = b.stream("/api/v1/alerts/stream", "Last-Event-ID", first)
	for _, want := range []string{"boom 2", "boom 3"} {
		if _, _, data := s.next(t); !strings.Contains(data, want) {
			t.Errorf("%s, want %s", data, want)
		}
	}
	if _, name, _ := b.stream("/api/v1/alerts/stream?after=1").next(t); name != "gap" {
		t.Errorf("start of alerts that are no longer stored: %s", name)
	}
	b.want(400, "GET", "/api/v1/alerts/stream", nil, "Last-Event-ID", "x")
	var open []*sse
	b.eventually("the ended stream gave its place back", func() bool { return b.get("/api/v1/stats")["streams"] == 2.0 })
	for range maxStreams - 2 {
		open = append(open, b.stream("/api/v1/alerts/stream"))
	}
	b.want(503, "GET", "/api/v1/alerts/stream", nil)
	for _, s := range open {
		s.cancel()
	}
}

func TestStreamsEndWithTheInstance(t *testing.T) {
	b := newBench(t, "")
	s := b.stream("/api/v1/alerts/stream")
	b.stop()
	for s.lines.Scan() {
		continue
	}
	if s.lines.Err() != nil {
		t.Logf("the stream ended with %v", s.lines.Err())
	}
	b.start()
	b.want(200, "GET", "/readyz", nil)
}

func TestReadiness(t *testing.T) {
	b := newBench(t, "")
	b.token = ""
	b.want(200, "GET", "/healthz", nil)
	b.want(200, "GET", "/readyz", nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.p.Stop(ctx); err != nil {
		t.Error(err)
	}
	b.want(503, "GET", "/readyz", nil)
	b.want(200, "GET", "/healthz", nil)
}

// TestEveryAnswerHasTheHeaders includes those of the guard, which stands before the API.
func TestEveryAnswerHasTheHeaders(t *testing.T) {
	b := newBench(t, "")
	check := func(r reply) {
		t.Helper()
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%d: %s is %q", r.status, name, got)
			}
		}
	}
	check(b.want(200, "GET", "/api/v1/stats", nil))
	check(b.want(404, "GET", "/nowhere", nil))
	check(b.want(403, "GET", "/api/v1/stats", nil, "Origin", "http://elsewhere.example"))
	b.token = "n0t-a-t0ken-of-the-file"
	check(b.want(401, "GET", "/api/v1/stats", nil))
	check(b.want(200, "GET", "/healthz", nil))
}

func TestWarningsAreInTheStats(t *testing.T) {
	b := newBench(t, "")
	if got := listOf(b.get("/api/v1/stats"), "warnings"); len(got) != 0 {
		t.Errorf("an instance with a rule and a trigger warns: %v", got)
	}
	b.write(b.rulesFile(), regexp.MustCompile(`(?s)\[\[trigger\]\].*?\[\[rule\]\]`).ReplaceAllString(b.read(b.rulesFile()), "[[rule]]"))
	b.p.Reload()
	got := listOf(b.get("/api/v1/stats"), "warnings")
	if len(got) != 1 || got[0]["code"] != "no-triggers" || got[0]["message"] == "" {
		t.Errorf("without a trigger: %v", got)
	}
	if text := b.want(200, "GET", "/metrics", nil).text; !strings.Contains(text, `fluentbit_trigger_warnings{id="t"} 1`) {
		t.Error("the metrics do not count the warning")
	}
}
