package client

import (
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Each reload replaces clients, so goroutines that they leave behind would add up.
func TestClosedClientsLeaveNoGoroutine(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) {})
	before := runtime.NumGoroutine()
	for range 50 {
		c, err := New(testSettings(server.URL), loopback())
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Test(t.Context()); got.Outcome != trigger.Delivered {
			t.Fatal(got)
		}
		c.Close()
	}
	const slack = 5 // the server's own
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+slack; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}
