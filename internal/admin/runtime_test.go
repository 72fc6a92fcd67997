package admin

import (
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

const rulesPath = "/api/v1/rules"

func TestManagedRules(t *testing.T) {
	b := newBench(t, "[[rule]]\nname = \"also\"\nkeywords = [\"also\"]\n")
	made := b.want(201, "POST", rulesPath, map[string]any{"name": "oom", "keywords": []string{"out of memory"}, "severity": "critical", "cooldown": "0s"})
	tag := made.header.Get("ETag")
	if tag == "" || made.header.Get("Location") != rulesPath+"/oom" || made.body["origin"] != "runtime" {
		t.Errorf("made: %v %s", made.header, made.text)
	}
	b.flush("Out Of Memory")
	b.eventually("the new rule alerts", func() bool { return b.server.Len() == 1 })
	if got := b.want(200, "GET", rulesPath+"/oom", nil); got.header.Get("ETag") != tag || got.body["severity"] != "critical" {
		t.Errorf("got %s", got.text)
	}

	// A change names what it is based on; absent stays, null is the default.
	b.want(428, "PATCH", rulesPath+"/oom", map[string]any{"severity": "info"})
	b.want(412, "PATCH", rulesPath+"/oom", map[string]any{"severity": "info"}, "If-Match", `"m1"`)
	changed := b.want(200, "PATCH", rulesPath+"/oom", map[string]any{"severity": nil, "summary": "memory"}, "If-Match", tag)
	if _, set := changed.body["severity"]; set || changed.body["summary"] != "memory" || changed.body["cooldown"] != "0s" {
		t.Errorf("changed: %s", changed.text)
	}
	b.want(412, "DELETE", rulesPath+"/oom", nil, "If-Match", tag)
	tag = changed.header.Get("ETag")

	// The code that checks files checks this, and nothing changes when it finds something.
	for _, c := range []struct {
		body any
		want string
	}{
		{map[string]any{"name": "bad", "pattern": "a(b"}, "must be a regular expression"},
		{map[string]any{"name": "bad", "patern": "x"}, `did you mean "pattern"?`},
		{map[string]any{"name": "bad", "keywords": []string{"x"}, "cooldown": "5 parsecs"}, "cooldown"},
		{map[string]any{"name": "bad", "keywords": "x"}, "must be a list"},
		{map[string]any{"name": "bad"}, "needs at least one of"},
		{map[string]any{"pattern": "x"}, "must be set"},
	} {
		if r := b.want(422, "POST", rulesPath, c.body); !strings.Contains(r.text, strings.ReplaceAll(c.want, `"`, `\"`)) {
			t.Errorf("%v: %s, want %s", c.body, r.text, c.want)
		}
	}
	b.want(422, "PATCH", rulesPath+"/oom", map[string]any{"pattern": "a(b"}, "If-Match", tag)
	b.want(422, "PATCH", rulesPath+"/oom", map[string]any{"name": "other"}, "If-Match", tag)
	b.want(409, "POST", rulesPath, map[string]any{"name": "oom", "keywords": []string{"x"}})
	b.want(404, "PATCH", rulesPath+"/nobody", map[string]any{}, "If-Match", "*")

	// What a file says is changed there.
	for _, r := range []reply{
		b.want(409, "PATCH", rulesPath+"/also", map[string]any{"severity": "info"}, "If-Match", "*"),
		b.want(409, "DELETE", rulesPath+"/also", nil, "If-Match", "*"),
		b.want(409, "POST", rulesPath, map[string]any{"name": "also", "keywords": []string{"x"}}),
	} {
		if !strings.Contains(r.text, "rules.toml") {
			t.Errorf("the answer does not name the file: %s", r.text)
		}
	}

	// It survives a restart, and a reload.
	b.stop()
	b.start()
	b.want(200, "POST", "/-/reload", nil)
	if got := b.want(200, "GET", rulesPath+"/oom", nil); got.header.Get("ETag") != tag {
		t.Errorf("after the restart: %v, want the tag %s", got.header, tag)
	}
	var names []string
	for _, r := range listOf(b.get(rulesPath), "rules") {
		names = append(names, fmt.Sprint(r["name"], r["origin"]))
	}
	if got := strings.Join(names, " "); got != "alsoconfiguration boomconfiguration oomruntime" {
		t.Errorf("rules: %s", got)
	}
	b.want(204, "DELETE", rulesPath+"/oom", nil, "If-Match", tag)
	b.want(404, "GET", rulesPath+"/oom", nil)
	b.flush("out of memory again")
	if s := b.get("/api/v1/stats"); s["hits"] != 0.0 {
		t.Errorf("a deleted rule hits: %v", s["hits"])
	}
	var did []string
	for _, e := range listOf(b.get("/api/v1/audit"), "audit") {
		did = append(did, fmt.Sprintf("%v %v %v %v", e["who"], e["action"], e["kind"], e["name"]))
	}
	if got := strings.Join(did, ", "); got != "operator delete rule oom, operator reload configuration , operator change rule oom, operator create rule oom" {
		t.Errorf("audit: %s", got)
	}
}

func TestWorkloadsRulesAndOverrides(t *testing.T) {
	b := newBench(t, "")
	at := "/api/v1/workloads/shop%2F*"
	b.want(201, "POST", rulesPath, map[string]any{"name": "oom", "keywords": []string{"oom"}})
	b.want(201, "POST", at+"/rules", map[string]any{"name": "slow", "pattern": "took \\d{4,}ms"})
	o := b.want(201, "POST", at+"/overrides", map[string]any{"rule": "oom", "cooldown": "30m"})
	b.want(204, "PUT", at+"/disabled/boom", nil)
	b.want(204, "PUT", at+"/disabled/boom", nil)
	if r := b.want(422, "POST", at+"/overrides", map[string]any{"rule": "omm", "cooldown": "1m"}); !strings.Contains(r.text, "oom") {
		t.Errorf("no hint: %s", r.text)
	}
	effective := func(workload string) string {
		var out []string
		for _, r := range listOf(b.get("/api/v1/workloads/"+workload+"/effective-rules"), "rules") {
			out = append(out, fmt.Sprintf("%v %v", r["id"], r["cooldown"]))
		}
		return strings.Join(out, ", ")
	}
	if got := effective("shop%2Fapi"); got != "oom 30m, slow@shop/* 5m" {
		t.Errorf("effective rules: %s", got)
	}
	if got := effective("other"); got != "boom 0s, oom 5m" {
		t.Errorf("effective rules elsewhere: %s", got)
	}
	b.want(200, "PATCH", at+"/overrides/oom", map[string]any{"severity": "info"}, "If-Match", o.header.Get("ETag"))
	if list := listOf(b.get(at+"/overrides"), "overrides"); len(list) != 1 || list[0]["severity"] != "info" || list[0]["match"] != "shop/*" {
		t.Errorf("overrides %v", list)
	}
	// With the rule its overrides go, in the same transaction.
	b.want(204, "DELETE", rulesPath+"/oom", nil, "If-Match", "*")
	if list := listOf(b.get(at+"/overrides"), "overrides"); len(list) != 0 {
		t.Errorf("the override outlives its rule: %v", list)
	}
	b.want(204, "DELETE", at+"/disabled/boom", nil)
	b.want(404, "DELETE", at+"/disabled/boom", nil)
	b.want(204, "DELETE", at+"/rules/slow", nil, "If-Match", "*")
	if got := effective("shop%2Fapi"); got != "boom 0s" {
		t.Errorf("effective rules at the end: %s", got)
	}
}

func TestARuleThatAFileNamesIsNotDeleted(t *testing.T) {
	b := newBench(t, "")
	b.want(201, "POST", rulesPath, map[string]any{"name": "oom", "keywords": []string{"oom"}})
	b.writeRules("[[workload]]\nmatch = \"shop/*\"\n[[workload.override]]\nrule = \"oom\"\ncooldown = \"1m\"\n")
	b.want(200, "POST", "/-/reload", nil)
	if r := b.want(409, "DELETE", rulesPath+"/oom", nil, "If-Match", "*"); !strings.Contains(r.text, "rules.toml") {
		t.Errorf("the answer does not name the file: %s", r.text)
	}
	b.want(200, "GET", rulesPath+"/oom", nil)
	b.write(b.rulesFile(), "no TOML")
	b.want(503, "POST", rulesPath, map[string]any{"name": "new", "keywords": []string{"new"}})
	b.want(404, "GET", rulesPath+"/new", nil)
}

func TestManagedTriggers(t *testing.T) {
	b := newBench(t, "")
	const path = "/api/v1/triggers"
	made := b.want(201, "POST", path, map[string]any{
		"name": "second", "url": b.server.URL("/" + otherPath), "hub_secret": hubSecret, "headers": map[string]any{"X-Key": hubSecret}, "severity": []string{"critical"},
	})
	if made.body["url"] != "••••" || made.body["headers"].(map[string]any)["X-Key"] != "••••" {
		t.Errorf("made: %s", made.text)
	}
	for _, bad := range []map[string]any{
		{"name": "x", "url": "http://169.254.169.254/latest"}, {"name": "x", "url": "ftp://x"}, {"name": "x"}, {"name": "x", "url_file": "/nowhere/url"},
		{"name": "x", "url": "••••"}, {"name": "x", "url": "http://192.0.2.1/", "format": "slak"},
	} {
		if r := b.want(422, "POST", path, bad); len(r.list("errors")) == 0 {
			t.Errorf("%v: %s", bad, r.text)
		}
	}
	test := b.want(200, "POST", path+"/second/test", nil)
	if test.body["outcome"] != "delivered" || test.body["attempts"] != 1.0 {
		t.Errorf("test: %s", test.text)
	}
	before := b.server.Len()
	// The placeholder leaves a secret as it is.
	changed := b.want(200, "PATCH", path+"/second", map[string]any{"url": "••••", "headers": map[string]any{"X-Key": "••••", "X-Other": "plain-value"}, "severity": nil},
		"If-Match", made.header.Get("ETag"))
	b.want(422, "PATCH", path+"/second", map[string]any{"token": "••••"}, "If-Match", changed.header.Get("ETag"))
	b.flush("boom 1")
	b.eventually("both triggers get it", func() bool { return b.server.Len() == before+2 })
	found := false
	for _, r := range b.server.Requests() {
		found = found || strings.HasSuffix(r.Path, otherPath) && r.Header.Get("X-Key") == hubSecret && r.Header.Get("X-Other") == "plain-value"
	}
	if !found {
		t.Error("the secret header is no longer what it was")
	}
	b.want(200, "GET", path, nil)
	if r := b.want(409, "DELETE", path+"/ops", nil, "If-Match", "*"); !strings.Contains(r.text, "rules.toml") {
		t.Error(r.text)
	}
	b.want(404, "POST", path+"/nobody/test", nil)
	for _, at := range [][2]string{{"POST", path + "/pos/test"}, {"GET", path + "/pos"}} {
		if r := b.want(404, at[0], at[1], nil); !strings.Contains(r.text, `(did you mean \"ops\"?)`) {
			t.Errorf("%s %s: no hint: %s", at[0], at[1], r.text)
		}
	}
	b.want(204, "DELETE", path+"/second", nil, "If-Match", "*")
	audit := b.want(200, "GET", "/api/v1/audit", nil)
	if len(audit.list("audit")) != 4 || !strings.Contains(audit.text, "X-Other") {
		t.Errorf("audit: %s", audit.text)
	}
}

func TestATestOfASilentTargetIsAnswered(t *testing.T) {
	b := newBench(t, "")
	b.registry.opt.TestWithin = 200 * time.Millisecond
	b.server.SetBehaviour(receiver.Always(receiver.Reply{Hang: true}))
	r := b.want(200, "POST", "/api/v1/triggers/ops/test", nil)
	if r.body["outcome"] != "retry later" || r.body["detail"] != "given up before an answer came" || r.body["attempts"] != 1.0 || r.body["took_ms"].(float64) <= 0 {
		t.Errorf("test: %s", r.text)
	}
}

func TestDeadLettersComeBackAndGo(t *testing.T) {
	b := newBench(t, "")
	b.server.SetBehaviour(alwaysRefuses)
	b.flush("boom 1", "boom 2")
	b.eventually("both are dead letters", func() bool { return len(listOf(b.get("/api/v1/dead-letters"), "dead_letters")) == 2 })
	b.want(400, "POST", "/api/v1/dead-letters/redeliver", map[string]any{})
	b.want(400, "POST", "/api/v1/dead-letters/drop", map[string]any{"all": true, "trigger": "ops"})
	id := listOf(b.get("/api/v1/dead-letters"), "dead_letters")[0]["alert_id"]
	if r := b.want(200, "POST", "/api/v1/dead-letters/drop", map[string]any{"alert_id": id, "trigger": "ops"}); r.body["dropped"] != 1.0 {
		t.Error(r.text)
	}
	before := b.server.Len()
	if r := b.want(200, "POST", "/api/v1/dead-letters/redeliver", map[string]any{"all": true}); r.body["redelivered"] != 1.0 {
		t.Error(r.text)
	}
	b.eventually("it is tried again", func() bool { return b.server.Len() > before })
}

// TestAnotherAddressGetsTheHeaders holds what SECURITY.md warns of: a change of a trigger's url keeps its headers, and sends them there.
func TestAnotherAddressGetsTheHeaders(t *testing.T) {
	b := newBench(t, "")
	b.want(201, "POST", "/api/v1/triggers", map[string]any{"name": "made", "url": b.server.URL("/first"), "headers": map[string]any{"X-Key": hubSecret}})
	b.want(200, "PATCH", "/api/v1/triggers/made", map[string]any{"url": b.server.URL("/second")}, "If-Match", "*")
	b.flush("boom 1")
	b.eventually("the header arrives at the new address", func() bool {
		return slices.ContainsFunc(b.server.Requests(), func(r receiver.Request) bool { return r.Path == "/second" && r.Header.Get("X-Key") == hubSecret })
	})
}

func TestSilences(t *testing.T) {
	b := newBench(t, "")
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	s := b.want(200, "POST", "/api/v1/silences", map[string]any{"matchers": map[string]any{"rule": "boom"}, "until": until, "comment": "test"})
	if s.body["author"] != "operator" || s.body["rule"] != "boom" {
		t.Errorf("%s", s.text)
	}
	b.flush("boom 1")
	if got := b.get("/api/v1/stats")["suppressed"].(map[string]any)["silence"]; got != 1.0 {
		t.Errorf("%v hits were silenced", got)
	}
	if list := listOf(b.get("/api/v1/silences"), "silences"); len(list) != 1 || list[0]["id"] != s.body["id"] || list[0]["suppressed"] != 1.0 {
		t.Errorf("%v", list)
	}
	b.want(422, "POST", "/api/v1/silences", map[string]any{"rule": "boom"})
	b.want(422, "POST", "/api/v1/silences", map[string]any{"until": until})
	wrong := b.want(422, "POST", "/api/v1/silences", map[string]any{"message": "(", "until": until}).list("errors")
	if len(wrong) != 1 || wrong[0]["field"] != "message" || !strings.HasPrefix(wrong[0]["detail"].(string), `"(": must be a regular expression`) {
		t.Errorf("errors %v", wrong)
	}
	b.want(200, "DELETE", "/api/v1/silences/"+s.body["id"].(string), nil)
	b.want(404, "DELETE", "/api/v1/silences/si_nobody", nil)
	b.flush("boom 2")
	b.eventually("the silence has ended", func() bool { return b.server.Len() == 1 })
}

// TestSilencesWithHoursAndConditions makes one that is always in force and one that never is now, and finds the state of each.
func TestSilencesWithHoursAndConditions(t *testing.T) {
	b := newBench(t, "")
	made := b.want(200, "POST", "/api/v1/silences", map[string]any{"every": []string{"daily"}, "zone": "Europe/Berlin", "where": map[string]string{"kind": "log", "capture.n": "1"}})
	if made.body["state"] != "active" || made.body["until"] != nil || made.body["zone"] != "Europe/Berlin" || made.body["where"].(map[string]any)["capture.n"] != "1" {
		t.Errorf("%s", made.text)
	}
	hour := time.Now().UTC().Add(2 * time.Hour).Hour()
	later := b.want(200, "POST", "/api/v1/silences", map[string]any{"rule": "boom", "every": []string{fmt.Sprintf("%02d:00-%02d:30", hour, hour)}})
	if period, _ := later.body["period"].(map[string]any); later.body["state"] != "pending" || period["from"] == nil || period["until"] == nil {
		t.Errorf("%s", later.text)
	}
	b.flush("boom 1", "boom 2")
	b.eventually("the other hit is sent", func() bool { return b.server.Len() == 1 })
	if list := listOf(b.get("/api/v1/silences"), "silences"); len(list) != 2 || list[0]["suppressed"].(float64)+list[1]["suppressed"].(float64) != 1 {
		t.Errorf("%v", list)
	}
	wrong := b.want(422, "POST", "/api/v1/silences", map[string]any{"where": map[string]string{"hots": "x"}, "every": []string{"sundy"}, "zone": "Mars"}).list("errors")
	fields := ""
	for _, f := range wrong {
		fields += fmt.Sprint(f["field"], " ")
	}
	if fields != "where.hots every zone " {
		t.Errorf("errors %v", wrong)
	}
	b.want(200, "DELETE", "/api/v1/silences/"+made.body["id"].(string), nil)
	for _, s := range listOf(b.get("/api/v1/silences"), "silences") {
		if s["id"] == made.body["id"] && (s["state"] != "expired" || s["period"] != nil) {
			t.Errorf("%v", s)
		}
	}
}

func TestRuleTest(t *testing.T) {
	b := newBench(t, "")
	r := b.want(200, "POST", rulesPath+"/test", map[string]any{"name": "boom", "lines": []string{"boom 1", "quiet"}})
	list := r.list("results")
	if len(list) != 2 || list[0]["matched"] != true || list[0]["captures"].(map[string]any)["n"] != "1" || list[1]["matched"] != false || list[0]["template"] == "" {
		t.Errorf("%s", r.text)
	}
	r = b.want(200, "POST", rulesPath+"/test", map[string]any{"rule": map[string]any{"pattern": "x(?P<y>.)"}, "lines": []string{"axb"}, "stream": "stderr"})
	if list := r.list("results"); len(list) != 1 || list[0]["captures"].(map[string]any)["y"] != "b" {
		t.Errorf("%s", r.text)
	}
	b.want(422, "POST", rulesPath+"/test", map[string]any{"rule": map[string]any{"pattern": "x("}, "lines": []string{"axb"}})
	b.want(404, "POST", rulesPath+"/test", map[string]any{"name": "nobody", "lines": []string{"x"}})
	for _, at := range [][2]string{{"POST", rulesPath + "/test"}, {"GET", rulesPath + "/bom"}} {
		if r := b.want(404, at[0], at[1], map[string]any{"name": "bom", "lines": []string{"x"}}); !strings.Contains(r.text, `(did you mean \"boom\"?)`) {
			t.Errorf("%s %s: no hint: %s", at[0], at[1], r.text)
		}
	}
	b.want(400, "POST", rulesPath+"/test", map[string]any{"name": "boom", "lines": []string{}})
	if s := b.get("/api/v1/stats"); s["hits"] != 0.0 || b.server.Len() != 0 {
		t.Error("a test was counted or sent")
	}
}

func TestTap(t *testing.T) {
	b := newBench(t, "[[rule]]\nname = \"seldom\"\nkeywords = [\"boom\"]\ncooldown = \"1h\"\n")
	s := b.stream("/api/v1/tap?match=" + "%5Eb")
	b.eventually("the tap is open", func() bool { return b.get("/api/v1/stats")["streams"] == 1.0 })
	b.flush("boom 1", "quiet", "boom 2", "bystander")
	for _, want := range []string{
		`"text":"boom 1","decisions":[{"rule_id":"boom","rule":"boom","outcome":"alert"},{"rule_id":"seldom","rule":"seldom","outcome":"alert"}]`,
		`"text":"boom 2","decisions":[{"rule_id":"boom","rule":"boom","outcome":"alert"},{"rule_id":"seldom","rule":"seldom","outcome":"cooldown"}]`,
		`"text":"bystander","decisions":[]`,
	} {
		if _, name, data := s.next(t); name != "record" || !strings.Contains(data, want) {
			t.Errorf("%s %s, want %s", name, data, want)
		}
	}
	for _, bad := range []string{"match=(", "stream=x", "hits=perhaps"} {
		b.want(400, "GET", "/api/v1/tap?"+bad, nil)
	}
	// What a tap does not want is not what it misses.
	only := b.stream("/api/v1/tap?rule=sel*")
	b.eventually("the second tap is open", func() bool { return b.get("/api/v1/stats")["streams"] == 2.0 })
	quiet := make([]string, 2000)
	for i := range quiet {
		quiet[i] = "quiet"
	}
	b.flush(append(quiet, "boom 3")...)
	if _, name, data := only.next(t); name != "record" || !strings.Contains(data, `"text":"boom 3"`) {
		t.Errorf("%s %s", name, data)
	}
	flood := make([]string, 2000)
	for i := range flood {
		flood[i] = fmt.Sprint("b", i)
	}
	b.flush(flood...)
	missed := false
	for !missed {
		_, name, _ := s.next(t)
		missed = name == "missed"
	}
	if n := b.get("/api/v1/stats")["drops"].(map[string]any)["tap"].(float64); n == 0 {
		t.Error("what the tap missed is not counted")
	}
}

// TestTotalsNeverGoDown deletes a rule: what it counted stays in the totals, and is reported apart.
func TestTotalsNeverGoDown(t *testing.T) {
	b := newBench(t, "")
	b.want(201, "POST", rulesPath, map[string]any{"name": "often", "pattern": "bang", "cooldown": "1h"})
	b.flush("bang 1", "bang 2", "bang 3", "boom 1")
	const want = `fluentbit_trigger_suppressed_total{id="t",reason="cooldown"} 2`
	for _, when := range []string{"while the rule is there", "when it is gone"} {
		if text := b.want(200, "GET", "/metrics", nil).text; !strings.Contains(text, want) {
			t.Errorf("%s: no %s", when, want)
		}
		s := b.get("/api/v1/stats")
		if totals := fmt.Sprint(s["hits"], s["alerts"], s["pending"], s["suppressed"]); totals != "4 2 0 map[cooldown:2]" {
			t.Errorf("%s the totals are %s", when, totals)
		}
		b.do("DELETE", rulesPath+"/often", nil, "If-Match", "*")
	}
	gone, _ := b.get("/api/v1/stats")["gone"].(map[string]any)
	delete(gone, "sent") // its receiver takes it in its own time
	if fmt.Sprint(gone) != "map[alerts:1 hits:3 pending:0 suppressed:map[cooldown:2]]" {
		t.Errorf("of rules that are gone: %v", gone)
	}
	b.stop()
	if !strings.Contains(b.log.String(), "stopped lines=4 hits=4 alerts=2 pending=0 suppressed_cooldown=2") {
		t.Errorf("the log at the end: %s", b.log)
	}
}

func TestMetricsPassPromtool(t *testing.T) {
	b := newBench(t, "")
	b.flush("boom 1", "quiet")
	r := b.want(http.StatusOK, "GET", "/metrics", nil)
	for _, want := range []string{
		`fluentbit_trigger_lines_total{id="t"} 2`, `fluentbit_trigger_alerts_total{id="t",rule="boom"} 1`, `fluentbit_trigger_suppressed_total{id="t",reason="cooldown"} 0`,
		`version="1.2.3"`, "go_goroutines", `fluentbit_trigger_delivery_duration_seconds_bucket{id="t",trigger="ops",le="+Inf"}`,
	} {
		if !strings.Contains(r.text, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	checkMetrics(t, r.text)
}

// checkMetrics has Prometheus' own tool check metrics.
func checkMetrics(t *testing.T, text string) {
	t.Helper()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool on PATH: the metrics are not checked by it")
	}
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
