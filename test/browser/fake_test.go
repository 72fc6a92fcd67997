package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/page"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/problems"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// object is a JSON object.
type object = map[string]any

// api is a stand-in for the API, with answers that a test sets. It serves the page as well.
type api struct {
	server *httptest.Server

	mu      sync.Mutex
	answers map[string]any // "METHOD /path" → the body of the answer, or a failure
	calls   []apiCall
	streams map[chan string]bool
	sent    []string // events that were sent, for those who come back
	lastIDs []string
	// Where an answer waits until the channel is closed, by what is asked for with its instance: "METHOD /path?instance=ID".
	late map[string]chan struct{}
	// Of every alert that is asked for by itself.
	deliveries []object
	// The states of the problems of rules, where they are not what follows from the alerts.
	states map[string]string
}

type apiCall struct {
	what string // "METHOD /path"
	body object
}

// failure is an answer that is a problem.
type failure struct {
	status int
	title  string
	detail string
	errors []object
}

func startAPI(t *testing.T) *api {
	a := &api{answers: map[string]any{}, streams: map[chan string]bool{}}
	mux := http.NewServeMux()
	mux.Handle("/", page.Handler())
	mux.HandleFunc("/api/v1/", a.serve)
	a.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		a.cutStreams()
		a.server.CloseClientConnections()
		a.server.Close()
	})
	return a
}

func (a *api) set(what string, answer any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[what] = answer
}

// called returns the calls of one kind so far.
func (a *api) called(what string) []object {
	a.mu.Lock()
	defer a.mu.Unlock()
	var bodies []object
	for _, c := range a.calls {
		if c.what == what {
			bodies = append(bodies, c.body)
		}
	}
	return bodies
}

func (a *api) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api/v1/alerts/stream" {
		a.stream(w, r)
		return
	}
	what := r.Method + " " + r.URL.Path
	body := object{}
	text, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(text, &body)
	a.mu.Lock()
	a.calls = append(a.calls, apiCall{what, body})
	answer, ok := a.answers[what]
	if cursor := r.URL.Query().Get("cursor"); cursor != "" {
		answer, ok = a.answers[what+" behind "+cursor]
	}
	if what == "GET /api/v1/alerts" && ok {
		answer = a.selected(answer, r.URL.Query())
	}
	if what == "GET /api/v1/problems" && !ok {
		answer, ok = a.problems(r.Context(), r.URL.Query()), true
	}
	if id, one := strings.CutPrefix(what, "GET /api/v1/alerts/"); one {
		answer, ok = object{"alert": a.alert(id), "deliveries": a.deliveries}, true
	}
	if of, there := a.answers[what+"?instance="+r.URL.Query().Get("instance")]; there {
		answer, ok = of, true
	}
	late := a.late[what+"?instance="+r.URL.Query().Get("instance")]
	a.mu.Unlock()
	if late != nil {
		<-late
	}
	if !ok {
		problem(w, failure{http.StatusNotFound, "there is no such thing", what, nil})
		return
	}
	if f, bad := answer.(failure); bad {
		problem(w, f)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// stored returns all alerts, the list's and those that were sent, oldest first. The caller holds mu.
func (a *api) stored() (all storedAlerts) {
	list, _ := a.answers["GET /api/v1/alerts"].(object)
	events, _ := list["alerts"].([]object)
	var alerts []object
	for _, e := range events {
		alerts = append(alerts, e["alert"].(object))
	}
	for _, e := range a.sent {
		_, data, _ := strings.Cut(e, "data: ")
		alert := object{}
		_ = json.Unmarshal([]byte(data), &alert)
		alerts = append(alerts, alert)
	}
	for _, alert := range alerts {
		payload, _ := json.Marshal(alert)
		at, _ := time.Parse(time.RFC3339Nano, fmt.Sprint(alert["time"]))
		all = append(all, store.Alert{ID: fmt.Sprint(alert["id"]), Accepted: at, Payload: payload})
	}
	slices.SortStableFunc(all, func(x, y store.Alert) int { return x.Accepted.Compare(y.Accepted) })
	for i := range all {
		all[i].Seq = int64(i + 1)
	}
	return all
}

// storedAlerts are an alert log, oldest first.
type storedAlerts []store.Alert

func (l storedAlerts) Alerts(_ context.Context, before int64, limit int) (out []store.Alert, err error) {
	for i := len(l) - 1; i >= 0 && len(out) < limit; i-- {
		if before == 0 || l[i].Seq < before {
			out = append(out, l[i])
		}
	}
	return out, nil
}

func (l storedAlerts) AlertsAfter(_ context.Context, after int64, limit int) ([]store.Alert, error) {
	l = l[min(int(after), len(l)):]
	return l[:min(limit, len(l))], nil
}

// problems answers as the administration does. The caller holds mu.
func (a *api) problems(ctx context.Context, q url.Values) object {
	now := time.Now().UTC()
	span, _ := time.ParseDuration(q.Get("since"))
	bins, _ := strconv.Atoi(q.Get("bins"))
	width := span / time.Duration(bins)
	w := problems.Window{From: now.Add(-span).Truncate(width), Until: now.Truncate(width).Add(width)}
	w.Bins = int(w.Until.Sub(w.From) / width)
	all := a.stored()
	view, _ := (&problems.Index{}).View(ctx, all, w, now)
	list := []object{}
	for i := range view.Problems {
		p := &view.Problems[i]
		if state := a.states[p.Rule]; state != "" {
			p.State = problems.State(state)
		}
		list = append(list, object{"key": p.Key, "rule": p.Rule, "workload": p.Workload, "severity": p.Severity, "state": p.State, "first": p.First, "last": p.Last,
			"alerts": p.Alerts, "hits": p.Hits, "suppressed": p.Suppressed, "bins": p.Bins, "latest": object{"seq": p.Latest, "alert": json.RawMessage(all[p.Latest-1].Payload)}})
	}
	return object{"problems": list, "more": 0, "from": w.From, "until": w.Until, "alerts": view.Alerts}
}

// selected returns the part of a list of alerts that a query selects. The caller holds mu.
func (a *api) selected(answer any, q url.Values) any {
	since, until := q.Get("since"), q.Get("until")
	if q.Get("key")+since+until == "" {
		return answer
	}
	list := []object{}
	for _, e := range slices.Backward(a.stored()) {
		var one trigger.Alert
		_ = json.Unmarshal(e.Payload, &one)
		from, _ := time.Parse(time.RFC3339, since)
		to, err := time.Parse(time.RFC3339, until)
		if q.Has("key") && problems.KeyOf(&one) != q.Get("key") || e.Accepted.Before(from) || err == nil && !e.Accepted.Before(to) {
			continue
		}
		list = append(list, object{"seq": e.Seq, "alert": json.RawMessage(e.Payload), "deliveries": []object{}})
	}
	return object{"alerts": list, "next": ""}
}

// alert returns an alert of the list, or one that has nothing but an id. The caller holds mu.
func (a *api) alert(id string) object {
	list, _ := a.answers["GET /api/v1/alerts"].(object)
	events, _ := list["alerts"].([]object)
	for _, e := range events {
		if one := e["alert"].(object); one["id"] == id {
			return one
		}
	}
	return object{"id": id}
}

func problem(w http.ResponseWriter, f failure) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(object{"title": f.title, "status": f.status, "detail": f.detail, "errors": f.errors})
}

func (a *api) stream(w http.ResponseWriter, r *http.Request) {
	flush := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, "retry: 50\n\n: here\n\n")
	_ = flush.Flush()
	events := make(chan string, 100)
	a.mu.Lock()
	last := r.Header.Get("Last-Event-ID")
	a.lastIDs = append(a.lastIDs, last)
	var missed []string
	for i := len(a.sent); i > 0; i-- {
		if last == fmt.Sprint(i) {
			missed = a.sent[i:]
			break
		}
	}
	a.streams[events] = true
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.streams, events)
		a.mu.Unlock()
	}()
	for _, e := range missed {
		_, _ = io.WriteString(w, e)
	}
	_ = flush.Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case e, open := <-events:
			if !open {
				return
			}
			_, _ = io.WriteString(w, e)
			_ = flush.Flush()
		}
	}
}

// send sends an alert to all streams.
func (a *api) send(alert object) {
	text, _ := json.Marshal(alert)
	a.mu.Lock()
	defer a.mu.Unlock()
	event := fmt.Sprintf("id: %d\nevent: alert\ndata: %s\n\n", len(a.sent)+1, text)
	a.sent = append(a.sent, event)
	for s := range a.streams {
		s <- event
	}
}

// cutStreams ends all streams.
func (a *api) cutStreams() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.streams {
		close(s)
		delete(a.streams, s)
	}
}

func (a *api) streaming() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.streams)
}

// hostile is a line that would be markup if anything made markup of it.
const hostile = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script></pre><style>*{display:none}</style>{{ 7*7 }} ${7*7} ` +
	"\u202egnp.exe \x1b[31m"

// alertAt is an alert that is some time old.
func alertAt(n int, age time.Duration, severity, rule, workload, message string) object {
	at := time.Now().Add(-age).UTC()
	project, service, _ := strings.Cut(workload, "/")
	return object{
		"version": "1", "id": fmt.Sprintf("al_%026d", n), "kind": "log", "key": trigger.KeyOf(rule, workload), "severity": severity, "rule": rule, "summary": "", "message": message, "truncated": false,
		"time": at.Format(time.RFC3339Nano), "first_seen": at.Format(time.RFC3339Nano), "last_seen": at.Format(time.RFC3339Nano), "count": 1,
		"source": object{"kind": "log", "stream": "stderr", "workload": workload, "host": "node-1", "tag": "docker." + service,
			"container": object{"id": strings.Repeat("3f9a", 16), "name": project + "-" + service + "-1", "image": "registry.example.com/" + workload + ":2.4"}},
		"suppressed": object{"total": 0},
	}
}

// with sets a field of an alert.
func with(alert object, pairs ...any) object {
	for i := 0; i < len(pairs); i += 2 {
		alert[pairs[i].(string)] = pairs[i+1]
	}
	return alert
}

func event(n int, alert object, deliveries ...object) object {
	return object{"seq": n, "alert": alert, "deliveries": deliveries}
}

// fill sets the answers of an instance that has much to show.
func (a *api) fill() {
	now := time.Now().UTC()
	deliveries := []object{
		{"trigger": "ops", "state": "delivered", "attempts": 1, "at": now},
		{"trigger": "pager", "state": "pending", "attempts": 3, "reason": "answered 503 Service Unavailable"},
	}
	a.mu.Lock()
	a.deliveries = deliveries
	a.states = map[string]string{"slow-query": "silenced", "cert-renewed": "resolved"}
	a.mu.Unlock()
	var events []object
	kinds := []struct {
		severity, rule, workload, message, summary string
	}{
		{"critical", "go-panic", "shop/api", "panic: runtime error: index out of range [5] with length 3", "shop/api panicked: runtime error: index out of range [5] with length 3"},
		{"error", "http-5xx", "shop/web", `203.0.113.185 - - [20/Nov/2026:14:05:00 +0000] "GET /checkout HTTP/1.1" 502 9381 "-" "Mozilla/5.0 (X11; Linux x86_64)" rt=0.173`, "502 for GET /checkout"},
		{"error", "failed-charge", "shop/payments", `{"level":"error","msg":"charge failed","amount":129.9,"code":"card_declined"}`, "charge failed: card_declined"},
		{"warning", "slow-query", "shop/postgres", "LOG:  duration: 4512.221 ms  statement: SELECT * FROM orders WHERE customer = $1", ""},
		{"info", "cert-renewed", "edge/caddy", "certificate renewed for shop.example.com", ""},
	}
	for i := range 60 {
		k := kinds[(i*i+i/3)%len(kinds)]
		alert := alertAt(1000-i, time.Duration(i*i/2+i)*20*time.Second+time.Second, k.severity, k.rule, k.workload, k.message)
		alert["summary"] = k.summary
		if i%4 == 0 {
			alert["suppressed"] = object{"total": 312 + i, "since": now.Add(-time.Hour).Format(time.RFC3339), "by": object{"cooldown": 300 + i, "rate_limit": 12}}
		}
		if k.rule == "go-panic" {
			alert["captures"] = object{"reason": "runtime error: index out of range [5] with length 3"}
			alert["labels"] = object{"team": "payments", "tier": "1"}
			alert["fleet"] = object{"namespace": "prod", "nodes": 311, "hosts": []string{"node-17", "node-3"}, "engine": "ok"}
			alert["runbook"] = "https://runbooks.example.com/panic"
			alert["context"] = object{"before": []string{"handling GET /cart/9041", "loading cart 9041"},
				"after": []string{"", "goroutine 37 [running]:", "main.(*Cart).Item(0xc000012345, 0x5)", "\t/src/cart.go:41 +0x1d"}}
		}
		events = append(events, event(1000-i, alert, deliveries...))
	}
	a.set("GET /api/v1/alerts", object{"alerts": events, "next": ""})
	a.set("GET /api/v1/instances", object{"instances": []object{{"id": "ops", "kind": "standalone", "version": "1.0.0", "started": now.Add(-50 * time.Hour), "ready": true}}})
	a.set("GET /api/v1/fleet", object{
		"namespace": "prod", "node": "node-17", "up": true, "nodes": 3, "given": 15311, "reported": 14000, "unreported": 1311, "lost": 0, "windows": 4, "outbox_hits": 7,
		"alone": object{"timeout": 2, "wait": 1}, "members": []object{
			{"node": "node-17", "version": "1.0.0", "age_seconds": 1.2}, {"node": "node-3 " + hostile, "version": "1.0.0", "age_seconds": 48.9},
			{"node": "node-9", "version": "0.9.0", "age_seconds": 3.1, "keeper": true},
		},
	})
	a.set("GET /api/v1/stats", object{
		"fleet": object{"namespace": "prod"},
		"lines": 48211734, "hits": 20412, "alerts": 1311, "sent": 1389, "pending": 41, "suppressed": object{"cooldown": 17210, "rate_limit": 1203, "silence": 512, "dry_run": 135},
		"drops": object{"gaps": 2, "delivery_bound": 11, "tap": 40, "overlong_bytes": 9000}, "evicted": 3, "tails": object{"live": 14, "catching_up": 1}, "store": object{"mode": "disk", "used": 14680064, "max": 268435456},
		"problems": []string{`rules.toml:41: rule "oops": pattern: error parsing regexp: missing closing ): ` + "`(oops`"},
		"warnings": []object{{"code": "unwanted-alert", "message": "no trigger's filters take the alerts of these rules, so they are sent to nobody: cert-renewed " + hostile}},
		"rules": []object{
			{"name": "go-panic", "hits": 412, "alerts": 61, "sent": 64, "pending": 0, "suppressed": object{"cooldown": 351}, "nanos": 412000000},
			{"name": "http-5xx", "hits": 15100, "alerts": 940, "sent": 996, "pending": 41, "suppressed": object{"cooldown": 13119, "rate_limit": 1000}, "nanos": 9123000000},
			{"name": "failed-charge", "hits": 3200, "alerts": 210, "sent": 222, "suppressed": object{"cooldown": 2275, "silence": 512, "rate_limit": 203}, "nanos": 2150000000},
			{"name": "slow-query", "workload": "shop/postgres", "hits": 1565, "alerts": 100, "sent": 106, "suppressed": object{"cooldown": 1400, "expected": 65}, "nanos": 312000000},
			{"name": "cert-renewed", "hits": 135, "alerts": 0, "sent": 0, "suppressed": object{"dry_run": 135}, "nanos": 1020000},
		},
		"triggers": []object{
			{"name": "ops", "pending": 0, "sent": 1204, "delivered": 1204, "dead": 0, "dropped": 0},
			{"name": "pager", "pending": 14, "sent": 310, "delivered": 310, "dead": 3, "dropped": 11, "failures": 4, "reason": "answered 503 Service Unavailable", "next_attempt": now.Add(42 * time.Second), "oldest": now.Add(-8 * time.Minute)},
			{"name": "old-slack", "pending": 2, "sent": 5021, "delivered": 5021, "hold": "unauthorized", "reason": "answered 401 Unauthorized", "next_attempt": now.Add(4 * time.Minute), "oldest": now.Add(-3 * time.Hour)},
		},
	})
	a.set("GET /api/v1/containers", object{"containers": []object{
		{"id": strings.Repeat("3f9a", 16), "name": "shop-api-1", "image": "registry.example.com/shop/api:2.4", "workload": "shop/api", "engine_state": "running", "followed": true, "state": "live", "lines": 12000311, "hits": 412, "last_line": now.Add(-3 * time.Second)},
		{"id": strings.Repeat("77b0", 16), "name": "chatter-1 " + hostile, "workload": "chatter", "engine_state": "running", "followed": false, "reason": "disabled by its label fluentbit-trigger.enable", "lines": 0, "hits": 0},
		{"id": strings.Repeat("91cc", 16), "name": "old-job", "workload": "old-job", "engine_state": "exited", "followed": true, "state": "backoff", "reason": "cannot read its log, trying again: unexpected EOF", "lines": 17, "hits": 0, "last_line": now.Add(-3 * time.Hour)},
		{"id": strings.Repeat("aa01", 16), "name": "syslogger", "workload": "syslogger", "engine_state": "running", "followed": false, "reason": "its log driver does not store logs: none", "lines": 0, "hits": 0},
	}, "next": ""})
	a.set("GET /api/v1/workloads", object{"workloads": []object{
		{"name": "shop/api", "lines": 12000311, "hits": 412, "alerts": 61, "sent": 64, "last_seen": now.Add(-2 * time.Second), "containers": []object{{"name": "shop-api-1", "id": "3f9a", "image": "shop/api:2.4"}, {"name": "shop-api-2", "id": "77aa"}}},
		{"name": "shop/web", "lines": 30100200, "hits": 15100, "alerts": 940, "sent": 996, "suppressed": object{"cooldown": 13119, "rate_limit": 1041}, "last_seen": now.Add(-time.Second), "containers": []object{{"name": "shop-web-1"}}},
		{"name": "shop/payments", "lines": 4000111, "hits": 3200, "alerts": 210, "sent": 222, "last_seen": now.Add(-4 * time.Second), "containers": []object{{"name": "shop-payments-1"}}},
		{"name": "shop/postgres", "lines": 1800000, "hits": 1565, "alerts": 100, "sent": 106, "last_seen": now.Add(-70 * time.Second), "containers": []object{{"name": "shop-postgres-1"}}},
		{"name": "edge/caddy", "lines": 311112, "hits": 135, "alerts": 0, "sent": 0, "last_seen": now.Add(-time.Hour), "containers": []object{}},
	}, "other": object{"lines": 1234567, "hits": 21, "alerts": 1, "sent": 1, "suppressed": object{"cooldown": 20}}})
	a.set("GET /api/v1/rules", object{"rules": []object{
		{"name": "go-panic", "severity": "critical", "pattern": "^panic: (?P<reason>.+)", "file": "rules.toml"},
		{"name": "http-5xx", "severity": "error", "pattern": `" (?P<status>5\d\d) `, "file": "rules.toml"},
		{"name": "failed-charge", "severity": "error", "where": object{"level": "error", "amount": ">=100"}, "origin": "runtime", "etag": `"m1"`},
		{"name": "slow-query", "workload": "shop/postgres", "severity": "warning", "pattern": `duration: (?P<ms>\d{4,})`, "file": "rules.toml"},
		{"name": "cert-renewed", "severity": "info", "keywords": []string{"certificate renewed"}, "dry_run": true, "origin": "runtime", "etag": `"m2"`},
	}})
	a.set("GET /api/v1/triggers", object{"triggers": []object{
		{"name": "ops", "format": "slack", "url": "••••", "file": "triggers.toml"}, {"name": "pager", "format": "pagerduty", "origin": "runtime", "etag": `"m3"`}, {"name": "old-slack", "format": "slack", "file": "triggers.toml"},
	}})
	a.set("GET /api/v1/dead-letters", object{"dead_letters": []object{
		{"alert_id": "al_1", "trigger": "pager", "rule": "go-panic", "summary": "shop/api panicked", "reason": "answered 400 Bad Request", "answer": "no_routing_key <b>given</b>", "attempts": 1, "died": now.Add(-time.Hour), "expires": now.Add(6 * 24 * time.Hour)},
		{"alert_id": "al_2", "trigger": "pager", "rule": "http-5xx", "summary": "502 for GET /checkout", "reason": "expired: answered 503 Service Unavailable", "attempts": 31, "died": now.Add(-3 * time.Hour), "expires": now.Add(5 * 24 * time.Hour)},
		{"alert_id": "al_3", "trigger": "pager", "rule": "http-5xx", "summary": "500 for POST /cart", "reason": "answered 400 Bad Request", "attempts": 1, "died": now.Add(-5 * time.Hour), "expires": now.Add(5 * 24 * time.Hour)},
	}})
	a.set("GET /api/v1/silences", object{"silences": []object{
		{"id": "si_1", "rule": "failed-charge", "workload": "staging/*", "from": now.Add(-time.Hour), "until": now.Add(3 * time.Hour), "comment": "load test", "author": "ops", "suppressed": 512, "state": "active", "period": object{"until": now.Add(3 * time.Hour)}},
		{"id": "si_3", "workload": "ops/backup", "where": object{"host": "/^edge/"}, "every": []string{"sun 02:00-04:00"}, "zone": "Europe/Berlin", "author": "ops", "suppressed": 7, "state": "pending",
			"period": object{"from": now.Add(30 * time.Hour), "until": now.Add(32 * time.Hour)}},
		{"id": "si_2", "rule": "slow-query", "from": now.Add(-30 * time.Hour), "until": now.Add(-26 * time.Hour), "comment": "migration", "author": "api", "suppressed": 0, "state": "expired"},
	}})
	a.set("GET /api/v1/audit", object{"audit": []object{
		{"seq": 3, "time": now.Add(-time.Minute), "who": "alice", "action": "change", "kind": "rule", "name": "failed-charge", "before": object{"cooldown": "10m"}, "after": object{"cooldown": "30m"}},
		{"seq": 2, "time": now.Add(-time.Hour), "who": "local", "action": "create", "kind": "override", "workload": "staging/*", "name": "go-panic " + hostile, "after": object{"cooldown": "1h"}},
		{"seq": 1, "time": now.Add(-26 * time.Hour), "who": "alice", "action": "test", "kind": "trigger", "name": "pager", "after": object{"outcome": "rejected", "status": 400}},
	}, "next": ""})
	a.set("POST /api/v1/silences", object{"id": "si_3"})
	a.set("DELETE /api/v1/silences/si_1", object{})
	a.set("POST /api/v1/dead-letters/redeliver", object{"redelivered": 1})
	a.set("POST /api/v1/dead-letters/drop", object{"dropped": 1})
	a.set("POST /api/v1/triggers/ops/test", object{"outcome": "delivered", "detail": "answered 200 OK", "attempts": 1, "took_ms": 41})
	a.set("POST /api/v1/triggers/pager/test", object{"outcome": "retry later", "detail": "answered 503 Service Unavailable", "attempts": 2, "took_ms": 640})
	a.set("POST /api/v1/explain", object{"rules": []object{
		{"rule": "go-panic", "matched": true, "severity": "critical", "summary": "shop/api panicked: " + hostile, "captures": object{"reason": hostile}, "steps": []string{"stream: stderr is wanted: yes", "pattern: matches at 0", "cooldown: would be suppressed until 14:05:12"},
			"triggers": []object{{"name": "ops", "sends": true}, {"name": "pager", "sends": false, "why": "where needs kind = \"!=log\", and it is \"log\" " + hostile}}},
		{"rule": "http-5xx", "matched": false, "why": "pattern: no match"},
	}})
}

// empty sets the answers of an instance that has nothing to show.
func (a *api) empty() {
	a.set("GET /api/v1/alerts", object{"alerts": []object{}})
	a.set("GET /api/v1/instances", object{"instances": []object{{"id": "ops", "kind": "plugin", "version": "1.0.0", "ready": true}}})
	a.set("GET /api/v1/stats", object{"lines": 0, "hits": 0, "alerts": 0})
	for _, name := range []string{"workloads", "rules", "triggers", "silences"} {
		a.set("GET /api/v1/"+name, object{name: []object{}})
	}
	a.set("GET /api/v1/dead-letters", object{"dead_letters": []object{}})
	a.set("GET /api/v1/audit", object{"audit": []object{}})
}
