package client

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// BenchmarkPost is one alert to a receiver that takes everything: by a client, and for comparison a request of the same length by go-retryablehttp and by
// net/http alone. The processor time of the receiver is in it.
func BenchmarkPost(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(server.Close)
	c, err := New(testSettings(server.URL), loopback())
	if err != nil {
		b.Fatal(err)
	}
	alerts := []trigger.Alert{triggertest.Sample()}
	payload, err := c.renderer.Render(b.Context(), "al_1", alerts)
	if err != nil {
		b.Fatal(err)
	}
	retrying := retryablehttp.NewClient()
	retrying.Logger = nil
	for name, post := range map[string]func() error{
		"by=client": func() error {
			c.Send(b.Context(), "al_1", alerts)
			return nil
		},
		"by=retryablehttp": func() error { return closed(retrying.Post(server.URL, "application/json", payload.Body)) },
		"by=net_http":      func() error { return closed(http.Post(server.URL, "application/json", bytes.NewReader(payload.Body))) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			start := cpuTime()
			for b.Loop() {
				if err := post(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpuTime()-start).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
		})
	}
}

// closed reads an answer to its end, so that its connection is used again.
func closed(answer *http.Response, err error) error {
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.Body.Close()
}

// cpuTime is what the process has used of the processors.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
