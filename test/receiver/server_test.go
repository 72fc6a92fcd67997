package receiver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// post sends a body and returns the response's status, the number of bytes of its body, and what went wrong.
func post(ctx context.Context, url, body string) (int, int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	n, err := io.Copy(io.Discard, response.Body)
	return response.StatusCode, n, errors.Join(err, response.Body.Close())
}

func TestReplies(t *testing.T) {
	s := New(t)
	ctx := within(t, 10*time.Second)
	s.SetBehaviour(Sequence(
		Reply{Status: 503, Header: http.Header{"retry-after": {"7"}}}, Reply{Size: 100_000}, Reply{Body: "abc", Drip: time.Millisecond},
		Reply{Truncate: true, Body: "x"}, Reply{Reset: true}, Reply{Status: 410},
	))
	for i, want := range []struct {
		status int
		size   int64
		err    error
	}{{503, 0, nil}, {200, 100_000, nil}, {200, 3, nil}, {200, 1, io.ErrUnexpectedEOF}, {0, 0, syscall.ECONNRESET}, {410, 0, nil}, {410, 0, nil}} {
		status, size, err := post(ctx, s.URL("/x?y=1"), "{}")
		if status != want.status || size != want.size || !errors.Is(err, want.err) {
			t.Errorf("reply %d: status %d, %d bytes, error %v; want %v", i, status, size, err, want)
		}
	}
	got := s.Requests()
	if len(got) != 7 || got[0].Path != "/x?y=1" || got[3].Number != 3 || string(got[1].Body) != "{}" || got[0].Accepted || !got[1].Accepted ||
		got[4].Accepted {
		t.Errorf("requests: %+v", got)
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	s := New(t)
	s.SetBehaviour(Always(Reply{Hang: true}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, _, err := post(ctx, s.URL("/"), "{}")
		done <- err
	}()
	if err := s.WaitFor(within(t, 10*time.Second), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := s.WaitFor(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitFor: %v", err)
	}
}

func TestDiesAndComesBack(t *testing.T) {
	s := New(t)
	ctx := within(t, 10*time.Second)
	s.Stop()
	s.Stop()
	if _, _, err := post(ctx, s.URL("/"), "{}"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a stopped server: %v", err)
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if status, _, err := post(ctx, s.URL("/"), `{"version":"1","id":"al_1","rule":"x"}`); status != 200 || err != nil {
		t.Errorf("status %d, error %v", status, err)
	}
	if got := s.Alerts(); len(got) != 1 || got[0].ID != "al_1" {
		t.Errorf("alerts %v", got)
	}
}

func TestRandomCanBeRepeated(t *testing.T) {
	one, two := Hostile(7), Hostile(7)
	accepted := 0
	for range 1000 {
		a, b := one.Reply(Request{}), two.Reply(Request{})
		if a.Status != b.Status || a.Hang != b.Hang || a.Reset != b.Reset {
			t.Fatal("the same seed gave two different rows")
		}
		if a.Accepts() {
			accepted++
		}
	}
	if accepted < 500 || accepted > 900 {
		t.Errorf("%d of 1000 accepted", accepted)
	}
}

func TestPrint(t *testing.T) {
	since := time.Date(2026, 1, 2, 14, 2, 0, 0, time.Local)
	alert := trigger.Alert{
		Severity: "critical", Rule: "go-panic", Kind: trigger.KindRollup, Time: since, Summary: "api panicked", Message: "panic:\x1b[2J x",
		Source:     trigger.Source{Workload: "shop/api", Stream: "stderr", Container: trigger.Container{Name: "shop-api-1"}},
		Suppressed: trigger.Suppressed{Total: 312, Since: &since, By: map[string]int64{"rate_limit": 12, "cooldown": 300}},
	}
	var b strings.Builder
	if err := NewPrinter(&b, false).Print(alert); err != nil {
		t.Fatal(err)
	}
	want := "14:02:00 CRITICAL go-panic shop/api shop-api-1 [stderr] (rollup)\n         api panicked\n         │ panic:\\u001b[2J x\n" +
		"         +312 since 14:02 (cooldown 300, rate limit 12)\n"
	if b.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", b.String(), want)
	}
	b.Reset()
	if err := NewPrinter(&b, true).Print(alert); err != nil || !strings.Contains(b.String(), "\x1b[1mgo-panic\x1b[0m") {
		t.Errorf("in colour: %q, %v", b.String(), err)
	}
}
