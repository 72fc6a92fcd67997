package heartbeat

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// fakeSender counts requests and answers them as it is set to.
type fakeSender struct {
	mu     sync.Mutex
	sent   []time.Time
	result trigger.Result
	closed bool
	panics bool
}

var _ Sender = (*fakeSender)(nil)

func (f *fakeSender) Send(context.Context, string, []trigger.Alert) trigger.Result {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, time.Now())
	if f.panics {
		panic("a bug")
	}
	return f.result
}

func (f *fakeSender) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

// set changes the answers.
func (f *fakeSender) set(panics bool, result trigger.Result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.panics, f.result = panics, result
}

func (f *fakeSender) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sent)
}

// beating runs a Heart in a bubble of synctest until the test ends. The check returns what is set.
func beating(t *testing.T, log *await.Log) (h *Heart, reason *atomic.Value) {
	t.Helper()
	reason = &atomic.Value{}
	reason.Store("")
	h = New(Options{
		Check: func(context.Context) string { return reason.Load().(string) }, Instance: "edge", Host: "node-1",
		Log: slog.New(slog.NewTextHandler(log, nil)), Panics: &atomic.Int64{},
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); h.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return h, reason
}

func TestRequestsAreSentAtRegularTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := beating(t, &await.Log{})
		if s := h.Status(); s.On {
			t.Errorf("status %+v before there is a sender", s)
		}
		f := &fakeSender{result: trigger.Result{Outcome: trigger.Delivered}}
		begun := time.Now()
		h.Set(f, time.Minute)
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		if n := f.count(); n != 11 {
			t.Fatalf("%d requests in ten minutes, want 11", n)
		}
		for i, at := range f.sent {
			if at.Sub(begun) != time.Duration(i)*time.Minute {
				t.Errorf("request %d came after %s", i, at.Sub(begun))
			}
		}
		if s := h.Status(); !s.On || s.Sent != 11 || s.Failed+s.Withheld != 0 || s.Reason != "" || !s.Last.Equal(begun.Add(10*time.Minute)) {
			t.Errorf("status %+v", s)
		}
	})
}

func TestAReasonWithholdsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &await.Log{}
		h, reason := beating(t, log)
		f := &fakeSender{result: trigger.Result{Outcome: trigger.Delivered}}
		reason.Store("the store fails")
		h.Set(f, time.Minute)
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		if s := h.Status(); f.count() != 0 || s.Withheld != 4 || s.Reason != "the store fails" {
			t.Errorf("%d requests, status %+v", f.count(), s)
		}
		reason.Store("")
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := h.Status(); f.count() != 1 || s.Sent != 1 || s.Reason != "" {
			t.Errorf("%d requests, status %+v", f.count(), s)
		}
		if n := strings.Count(log.String(), "heartbeat is sent again"); n != 1 {
			t.Errorf("the log says %d times that it is sent again: %s", n, log)
		}
	})
}

func TestAFailureAndAPanicEndNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := beating(t, &await.Log{})
		f := &fakeSender{result: trigger.Result{Outcome: trigger.RetryLater, Reason: "status 503"}}
		h.Set(f, time.Minute)
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if s := h.Status(); s.Failed != 2 || s.Reason != "the request failed: status 503" {
			t.Errorf("status %+v", s)
		}
		f.set(true, trigger.Result{})
		time.Sleep(time.Minute)
		f.set(false, trigger.Result{Outcome: trigger.Delivered})
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := h.Status(); s.Sent != 1 || s.Reason != "" || h.opt.Panics.Load() != 1 {
			t.Errorf("status %+v, %d panics", s, h.opt.Panics.Load())
		}
	})
}

func TestAReloadTakesEffectAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := beating(t, &await.Log{})
		first, second := &fakeSender{result: trigger.Result{Outcome: trigger.Delivered}}, &fakeSender{result: trigger.Result{Outcome: trigger.Delivered}}
		h.Set(first, time.Hour)
		time.Sleep(time.Minute)
		h.Set(second, time.Minute)
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if first.count() != 1 || !first.closed || second.count() != 2 {
			t.Errorf("%d requests of the first, closed %v; %d of the second", first.count(), first.closed, second.count())
		}
		h.Set(nil, 0)
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := h.Status(); second.count() != 2 || s.On || s.Sent != 3 {
			t.Errorf("%d requests, status %+v", second.count(), s)
		}
	})
}

// TestRequests sends one of each method to a receiver.
func TestRequests(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		server := receiver.New(t)
		s := DefaultSettings()
		s.URL, s.Method, s.Token = setting.SecretText(server.URL("/ping/s3cr3t")), method, setting.SecretText("t0ken")
		policy := egress.Settings{Mode: egress.ModeDefault, Allow: []string{"127.0.0.1/32"}}
		if faults := s.Validate(policy); len(faults) > 0 {
			t.Fatal(faults)
		}
		sender, err := NewSender(&s, client.Deps{Egress: policy})
		if err != nil {
			t.Fatal(err)
		}
		h := New(Options{Check: func(context.Context) string { return "" }, Instance: `ed"ge`, Host: "node-1", Log: slog.New(slog.DiscardHandler), Panics: &atomic.Int64{}})
		h.Set(sender, time.Minute)
		h.beat(t.Context(), sender)
		if s := h.Status(); s.Sent != 1 || server.Len() != 1 {
			t.Fatalf("%s: status %+v, %d requests", method, s, server.Len())
		}
		r := server.Requests()[0]
		if r.Method != method || r.Path != "/ping/s3cr3t" || r.Header.Get("Authorization") != "Bearer t0ken" {
			t.Errorf("%s: %s %s %v", method, r.Method, r.Path, r.Header)
		}
		if method == http.MethodGet {
			if len(r.Body) > 0 || r.Header.Get("Content-Type") != "" {
				t.Errorf("a GET has the body %q of type %q", r.Body, r.Header.Get("Content-Type"))
			}
			continue
		}
		var got map[string]string
		if err := json.Unmarshal(r.Body, &got); err != nil || got["status"] != "ok" || got["instance"] != `ed"ge` || got["host"] != "node-1" || got["time"] == "" {
			t.Errorf("body %s: %v", r.Body, err)
		}
		server.SetBehaviour(receiver.Always(receiver.Reply{Status: 404, Body: "no check /ping/s3cr3t"}))
		h.beat(t.Context(), sender)
		if s := h.Status(); s.Failed != 1 || s.Reason == "" || strings.Contains(s.Reason, "s3cr3t") {
			t.Errorf("status %+v", s)
		}
	}
}

// TestTheGuardOfTriggersApplies sends to an address that the policy blocks.
func TestTheGuardOfTriggersApplies(t *testing.T) {
	server := receiver.New(t)
	s := DefaultSettings()
	s.URL = setting.SecretText(strings.Replace(server.URL("/ping"), "127.0.0.1", "localhost", 1))
	if _, err := NewSender(&s, client.Deps{}); err == nil || !strings.Contains(err.Error(), "blocked by the egress policy") {
		t.Errorf("an address of loopback: %v", err)
	}
	if none, err := NewSender(&Settings{}, client.Deps{}); none != nil || err != nil {
		t.Errorf("a sender without an address: %v, %v", none, err)
	}
	s.URL = setting.SecretSource{File: "/no/such/file"}
	if _, err := NewSender(&s, client.Deps{}); err == nil || !strings.Contains(err.Error(), "url_file") {
		t.Errorf("a missing file: %v", err)
	}
}
