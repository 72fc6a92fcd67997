package metrics

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestAPanicEndsOneScrape: the response lacks the instances, the panic is counted and logged, and the next scrape is complete.
func TestAPanicEndsOneScrape(t *testing.T) {
	var out bytes.Buffer
	var panics atomic.Int64
	fail := true
	h := Handler(Source{
		Program: "test", Log: func() *slog.Logger { return slog.New(slog.NewTextHandler(&out, nil)) }, Panics: &panics, Streams: func() int { return 0 },
		Instances: func() []Instance {
			if fail {
				panic("boom")
			}
			return nil
		},
	})
	for range 2 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		if w.Code != 200 || !strings.Contains(w.Body.String(), "go_goroutines") {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
		fail = false
	}
	if n, text := panics.Load(), out.String(); n != 1 || strings.Count(text, "msg=panic") != 1 || !strings.Contains(text, `while="collecting metrics" reason=boom`) {
		t.Errorf("%d panics, log: %s", n, text)
	}
}
