package client

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// TestBodiesThatWouldNeverEnd: each is an error of the settings, or of the message, at once, and none keeps a processor busy.
func TestBodiesThatWouldNeverEnd(t *testing.T) {
	t.Parallel()
	alerts := slices.Repeat([]trigger.Alert{triggertest.Sample()}, 10)
	for _, body := range []string{
		`{{range $i := 1000000000000}}{{end}}x`, `{{ range .Total }}{{ end }}x`, `{{ range len .Message }}{{ end }}`,
		`{{ $x := "aaaaaaaaaaaaaaaa" }}` + strings.Repeat(`{{ $x = print $x $x }}`, 24) + `{{ len $x }}`,
		`{{ printf "%1000000000d" 1 }}`,
		strings.Repeat(`{{ range $.Alerts }}`, 12) + strings.Repeat(`{{ end }}`, 12),
		`{{ $x := "1 2 3 January" }}` + strings.Repeat(`{{ $x = print $x $x | .Time.Format }}`, 40),
		`{{ $x := "1 2 3 January" }}` + strings.Repeat(`{{ $x = date (print $x $x) .Time }}`, 60),
	} {
		s := testSettings("https://example.com")
		s.Body, s.ContentType = body, "text/plain"
		if _, _, err := receiver.Render(s, alerts, triggertest.SampleTime); err == nil {
			t.Errorf("%.60s: no error", body)
		}
		c, err := New(s, loopback())
		if err != nil {
			continue // refused where it is written
		}
		if got := c.Send(t.Context(), "id", alerts); got.Outcome != trigger.Dead || got.Attempts != 0 {
			t.Errorf("%.60s: %s", body, got)
		}
	}
	s := testSettings("https://example.com")
	s.Body, s.ContentType = `{{range $i := 1000000000000}}{{end}}x`, "text/plain"
	problems := Validate(&s, loopback().Egress)
	if len(problems) != 1 || problems[0].Field != "body" || !strings.Contains(problems[0].Message, "range iterates over lists and maps only") {
		t.Errorf("%v", problems)
	}
}

// TestRenderingEndsWithTheRequest: a message that nobody waits for any more is no dead letter.
func TestRenderingEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	s := testSettings("https://example.com")
	s.Body, s.ContentType = `{{ range .Alerts }}{{ .Rule }}{{ end }}`, "text/plain"
	c := mustNew(t, s, loopback())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := c.Send(ctx, "id", []trigger.Alert{triggertest.Sample()}); got.Outcome != trigger.RetryLater || got.Failure != trigger.FailureCancelled {
		t.Errorf("%s", got)
	}
}

// TestForms: a body of a form has every text escaped, and a line cannot add a field.
func TestForms(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got <- r
	})
	s := testSettings(server.URL)
	s.ContentType, s.Body = "application/x-www-form-urlencoded", `{"text": "{{ .Message }}", "key": "{{ .RoutingKey }}", "n": "{{ .Count }}"}`
	s.RoutingKey = setting.SecretText("s3cr3t&key=")
	a := triggertest.Sample()
	a.Message = "a&admin=1 \xff%00+;\r\nb=ü"
	if result := mustNew(t, s, loopback()).Send(t.Context(), "al_1", []trigger.Alert{a}); result.Outcome != trigger.Delivered {
		t.Fatal(result)
	}
	r := <-got
	want := url.Values{"text": {"a&admin=1 \uFFFD%00+;\r\nb=ü"}, "key": {"s3cr3t&key="}, "n": {"1"}}
	if !reflect.DeepEqual(r.PostForm, want) || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("form %v, want %v", r.PostForm, want)
	}
	for body, fault := range map[string]string{
		`["a"]`: "must be an object, whose texts are the fields of the form", `{}`: "must be an object, whose texts are the fields of the form",
		`{"a": 1}`: "body.a: must be a text, as every field of a form", `{"a": {"b": "c"}}`: "body.a: must be a text, as every field of a form",
	} {
		s.Body = body
		if faults := Validate(&s, loopback().Egress); len(faults) != 1 || faults[0].Message != fault {
			t.Errorf("%s: %v", body, faults)
		}
	}
}

// TestTheIDInTheAddress: attempts at one alert have one address, and no id leaves its part of the path.
func TestTheIDInTheAddress(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"al_1", "../../admin", "a b", ""} {
		got := make(chan string, 3)
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			got <- r.RequestURI
			w.WriteHeader(http.StatusInternalServerError)
		})
		s := testSettings(server.URL + "/rooms/%21a%2Fb/send/{id}?x=%7Bid%7D")
		s.Method, s.Retries = http.MethodPut, 2
		mustNew(t, s, loopback()).Send(t.Context(), id, []trigger.Alert{triggertest.Sample()})
		first := <-got
		begin, end := "/rooms/%21a%2Fb/send/", "?x=%7Bid%7D"
		part, ok := strings.CutPrefix(strings.TrimSuffix(first, end), begin)
		if !ok || !strings.HasSuffix(first, end) || !plainID().MatchString(part) || (id == "al_1") != (part == id) {
			t.Errorf("%q: %s", id, first)
		}
		for range len(got) {
			if next := <-got; next != first {
				t.Errorf("%s: then %s", id, next)
			}
		}
	}
}

// TestATokenBesideTheID: an answer that repeats the address shows no token of it, also where token and id are one part of the path.
func TestATokenBesideTheID(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no such page: "+r.RequestURI, http.StatusNotFound)
	})
	got := mustNew(t, testSettings(server.URL+"/hook/T0k3nInThePath-{id}"), loopback()).Send(t.Context(), "al_1", []trigger.Alert{triggertest.Sample()})
	if got.Status != http.StatusNotFound || !strings.Contains(got.Detail, "no such page") {
		t.Errorf("%+v", got)
	}
	triggertest.AssertNoSecret(t, []string{"T0k3nInThePath"}, got.Reason, got.Detail, got.String())
}

// TestExpect: an answer of 200 that names an error is no delivery.
func TestExpect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]trigger.Outcome{
		`{"errcode":0,"errmsg":"ok"}`: trigger.Delivered, `{"errcode": 0}`: trigger.Delivered,
		`{"errcode":310000,"errmsg":"no"}`: trigger.RetryLater, "": trigger.RetryLater,
		strings.Repeat(" ", maxAnswer) + `{"errcode":0}`: trigger.RetryLater,
	} {
		server := serve(t, answer(http.StatusOK, text))
		s := testSettings(server.URL)
		s.Expect = `"errcode":\s*0\b`
		got := mustNew(t, s, loopback()).Test(t.Context())
		if got.Outcome != want || got.Status != http.StatusOK {
			t.Errorf("%.40q: %+v", text, got)
		}
		const reason = "answered 200 OK, but the answer is not the one that expect describes"
		if want == trigger.RetryLater && (got.Failure != trigger.FailureServer || got.Reason != reason) {
			t.Errorf("%.40q: %+v", text, got)
		}
	}
	s := testSettings("https://example.com")
	s.Expect = "("
	if faults := Validate(&s, loopback().Egress); len(faults) != 1 || faults[0].Field != "expect" {
		t.Errorf("%v", faults)
	}
}
