package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/links"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

const public = "https://alerts.example.com"

// linked starts an instance whose messages have links.
func linked(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, "")
	b.write(b.rulesFile(), strings.Replace(b.read(b.rulesFile()), "[admin]\n", "[admin]\npublic_url = \""+public+"/\"\n", 1))
	if report := b.p.Reload(); !report.Applied || len(report.Problems) > 0 {
		t.Fatalf("%+v", report)
	}
	return b
}

// alert returns the alert of a line, as the receiver got it.
func (b *bench) alert(text string) (a trigger.Alert) {
	b.t.Helper()
	before := len(b.server.Requests())
	b.flush(text)
	b.eventually("the alert arrived", func() bool { return len(b.server.Requests()) > before })
	if err := json.Unmarshal(b.server.Requests()[before].Body, &a); err != nil {
		b.t.Fatal(err)
	}
	return a
}

// linkOf returns the token of an alert's link.
func (b *bench) linkOf(a trigger.Alert) string {
	b.t.Helper()
	token, ok := strings.CutPrefix(a.Links.Silence, public+"/silence#")
	if !ok || a.Links.Open != public+"/#/alerts/"+a.ID {
		b.t.Fatalf("links %+v", a.Links)
	}
	return token
}

func body(link string) map[string]string { return map[string]string{"link": link} }

// TestALinkSilencesItsIncidentOnce goes from the message to the silence without a login: the form changes nothing, its button silences one incident of the rule, once.
func TestALinkSilencesItsIncidentOnce(t *testing.T) {
	b := linked(t)
	b.write(b.rulesFile(), strings.Replace(b.read(b.rulesFile()), `cooldown = "0s"`, "cooldown = \"0s\"\ncooldown_by = [\"capture.n\"]", 1))
	if report := b.p.Reload(); !report.Applied {
		t.Fatalf("%+v", report)
	}
	operator := b.token
	a := b.alert("boom <script>db</script>")
	link := b.linkOf(a)
	b.token = ""
	for _, method := range []string{http.MethodGet, http.MethodHead} { // previews
		if r := b.do(method, "/silence", nil); r.status != 200 || strings.Contains(r.text, "boom") {
			t.Fatalf("the form: %d %s", r.status, r.text)
		}
	}
	for _, file := range []string{"/link.js", "/dom.js", "/format.js", "/page.css"} {
		if r := b.do("GET", file, nil); r.status != 200 {
			t.Errorf("%s: %d", file, r.status)
		}
	}
	for range 3 {
		look := b.want(200, "POST", "/silence/look", body(link), "Origin", b.url).body
		if look["state"] != linkOpen || look["rule"] != "boom" || look["alert"] != a.ID || look["key"] != a.Key || look["minutes"] != 60.0 || look["summary"] != a.Summary {
			t.Fatalf("%v", look)
		}
	}
	b.want(200, "POST", "/silence/look", body(link), "Origin", public) // by a proxy
	b.want(403, "POST", "/silence", body(link), "Origin", "https://evil.example")
	if all := b.p.Silences().All(); len(all) != 0 {
		t.Fatalf("before the button: %+v", all)
	}
	made := b.want(200, "POST", "/silence", body(link), "Origin", public).body
	if made["rule"] != "boom" || made["key"] != a.Key || made["author"] != "link" || made["state"] != "active" || made["comment"] != "by the link in alert "+a.ID {
		t.Errorf("%v", made)
	}
	b.flush("boom <script>db</script>")
	if other := b.alert("boom web"); other.Message != "boom web" {
		t.Errorf("the silenced incident alerted: %+v", other)
	}
	again := b.want(409, "POST", "/silence", body(link))
	if !strings.Contains(again.text, "used already") {
		t.Errorf("%s", again.text)
	}
	if look := b.want(200, "POST", "/silence/look", body(link)).body; look["state"] != linkUsed || look["silence"].(map[string]any)["id"] != made["id"] {
		t.Errorf("%v", look)
	}
	if all := b.p.Silences().All(); len(all) != 1 {
		t.Errorf("%d silences", len(all))
	}
	b.token = operator
	entries := b.want(200, "GET", "/api/v1/audit", nil).list("audit")
	if len(entries) != 1 || entries[0]["who"] != "link" || entries[0]["action"] != "create" || entries[0]["name"] != made["id"] {
		t.Errorf("audit: %v", entries)
	}
	for name, text := range map[string]string{"log": b.log.String(), "audit": fmt.Sprint(entries), "alerts": b.want(200, "GET", "/api/v1/alerts", nil).text} {
		if strings.Contains(text, "ftl1_") {
			t.Errorf("the %s holds a link: %s", name, text)
		}
	}
	// After a restart, and after somebody ended the silence.
	b.want(200, "DELETE", "/api/v1/silences/"+made["id"].(string), nil)
	b.stop()
	b.start()
	b.want(409, "POST", "/silence", body(link))
	other := b.linkOf(b.alert("boom cache"))
	b.want(200, "POST", "/silence/look", body(other))
	b.want(200, "POST", "/api/v1/links/rotate", nil)
	b.want(403, "POST", "/silence", body(other))
	if entries := b.want(200, "GET", "/api/v1/audit", nil).list("audit"); entries[0]["action"] != "rotate" {
		t.Errorf("audit: %v", entries[0])
	}
}

// TestTwoUsesAtOnce: one of them silences.
func TestTwoUsesAtOnce(t *testing.T) {
	b := linked(t)
	link := b.linkOf(b.alert("boom 1"))
	var made, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			r := b.do("POST", "/silence", body(link))
			mu.Lock()
			defer mu.Unlock()
			switch r.status {
			case 200:
				made++
			case 409:
				refused++
			}
		})
	}
	all.Wait()
	if made != 1 || refused != 7 {
		t.Errorf("%d silences made, %d refused", made, refused)
	}
}

// TestWrongLinks tries links of other keys, changed ones, expired ones, and those of a rule that is gone. None silences, and those who guess have to wait.
func TestWrongLinks(t *testing.T) {
	b := linked(t)
	a := b.alert("boom 1")
	link := b.linkOf(a)
	path := links.Path(filepath.Join(b.dir, "store.db"))
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key: %v, %v", info, err)
	}
	keys, err := links.Open(path, "t")
	if err != nil {
		t.Fatal(err)
	}
	claim := links.Claim{Alert: a.ID, Key: a.Key, Rule: "boom", Length: time.Hour, Expires: time.Now().Add(-time.Second).Truncate(time.Second)}
	make := func(keys *links.Keys, c links.Claim) string {
		t.Helper()
		text, err := keys.Make(&c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	expired := make(keys, claim)
	b.want(410, "POST", "/silence", body(expired))
	if look := b.want(200, "POST", "/silence/look", body(expired)).body; look["state"] != linkExpired {
		t.Errorf("%v", look)
	}
	gone := claim
	gone.Expires, gone.Rule = time.Now().Add(time.Hour).Truncate(time.Second), "gone"
	if r := b.want(422, "POST", "/silence", body(make(keys, gone))); !strings.Contains(r.text, "no rule has such a name") {
		t.Errorf("%s", r.text)
	}
	fleet := gone
	fleet.Rule, fleet.Fleet = "boom", true
	b.want(404, "POST", "/silence", body(make(keys, fleet))) // without a fleet
	other, err := links.Open("", "t")
	if err != nil {
		t.Fatal(err)
	}
	for i, wrong := range []string{make(other, gone), link[:len(link)-1], link + "A", strings.ToUpper(link), "", "ftl1_", "x"} {
		r := b.want(403, "POST", []string{"/silence", "/silence/look"}[i%2], body(wrong))
		if wrong != "" && strings.Contains(r.text, wrong+`"`) {
			t.Errorf("the answer repeats the link: %s", r.text)
		}
	}
	if all := b.p.Silences().All(); len(all) != 0 {
		t.Fatalf("%+v", all)
	}
	b.want(400, "POST", "/silence", `{"token": "x"}`)
	for range 3 {
		b.want(403, "POST", "/silence", body("x"))
	}
	b.want(429, "POST", "/silence", body(link))
	if strings.Contains(b.log.String(), "ftl1_") {
		t.Errorf("the log holds a link:\n%s", b.log)
	}
}

// TestWithoutPublicURL messages have no links, there is no key, and no link is valid.
func TestWithoutPublicURL(t *testing.T) {
	b := newBench(t, "")
	b.flush("boom 1")
	b.eventually("the alert arrived", func() bool { return len(b.server.Requests()) == 1 })
	if text := string(b.server.Requests()[0].Body); strings.Contains(text, "links") {
		t.Errorf("%s", text)
	}
	if _, err := os.Stat(links.Path(filepath.Join(b.dir, "store.db"))); !os.IsNotExist(err) {
		t.Errorf("the key: %v", err)
	}
	b.want(403, "POST", "/silence", body("ftl1_x"))
	b.want(409, "POST", "/api/v1/links/rotate", nil)
}

// TestLinksThatLeadNowhere are warned of: there is an address for them, and no listener.
func TestLinksThatLeadNowhere(t *testing.T) {
	b := linked(t)
	b.write(b.rulesFile(), strings.Replace(b.read(b.rulesFile()), "listen = \"127.0.0.1:0\"\n", "", 1))
	if report := b.p.Reload(); !report.Applied || len(report.Problems) > 0 {
		t.Fatalf("%+v", report)
	}
	if !strings.Contains(b.log.String(), "the links in messages lead nowhere") {
		t.Errorf("the log does not say so:\n%s", b.log)
	}
}

// TestNoAnswerOfAReceiverShowsALink: one that repeats the link in its refusal.
func TestNoAnswerOfAReceiverShowsALink(t *testing.T) {
	b := linked(t)
	link := b.linkOf(b.alert("boom 1"))
	b.server.SetBehaviour(receiver.Always(receiver.Reply{Status: 400, Body: "invalid button " + public + "/silence#" + link}))
	b.flush("boom 2")
	b.eventually("the dead letter", func() bool { return len(listOf(b.get("/api/v1/dead-letters"), "dead_letters")) == 1 })
	letter := b.want(200, "GET", "/api/v1/dead-letters", nil).text
	if !strings.Contains(letter, "/silence#••••") || strings.Contains(letter+b.log.String(), "ftl1_") {
		t.Errorf("%s", letter)
	}
}
