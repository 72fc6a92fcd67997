package delivery

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// soak names the environment variable that makes tests run at their full size.
const soak = "FLUENTBIT_TRIGGER_SOAK"

// TestSoakMemoryWhileAReceiverIsDown accepts 1,000 alerts a second for a receiver that is down: for 40 seconds, or, with FLUENTBIT_TRIGGER_SOAK set,
// for the whole hour. After the bounds are reached the process must not grow.
func TestSoakMemoryWhileAReceiverIsDown(t *testing.T) {
	seconds := 40
	if os.Getenv(soak) != "" {
		seconds = 3600
	}
	inWorld(t, func(w *world) {
		w.set.MaxPending, w.set.Alerts, w.set.IDs = 5_000, 5_000, 20_000
		r := &receiver{}
		r.set(func(context.Context, string, []trigger.Alert) trigger.Result {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got = r.got[:0]
			return trigger.Result{Outcome: trigger.RetryLater, Reason: "cannot connect: connection refused"}
		})
		w.opt.Route = func(*trigger.Alert) []string { return nil }
		w.start(newTrigger("a", r))
		var before int
		begun := realNow()
		for second := range seconds {
			for part := range 4 {
				items := alerts(second*1000+part*250, 250, "a")
				for i := range items {
					items[i].Alert.Message = strings.Repeat("x", 300)
				}
				w.accept(items...)
			}
			w.pass(time.Second)
			if second == 25 { // all bounds are reached
				before = residentKiB(t)
			}
		}
		after := residentKiB(t)
		n := w.counts("a")
		if n.Accepted != int64(seconds)*1000 || n.Pending != 5_000 || n.Dropped != n.Accepted-n.Pending {
			t.Errorf("%+v", n)
		}
		t.Logf("%d alerts in %s; %d KiB resident after 26,000, %d KiB in the end; file %s",
			n.Accepted, realNow()-begun, before, after, w.store.Health().Used)
		if growth := after - before; growth > 20*1024 {
			t.Errorf("grew by %d KiB", growth)
		}
	})
}

// realNow is the time since boot, which no bubble changes.
func realNow() time.Duration {
	data, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	seconds, _, _ := strings.Cut(string(data), " ")
	value, _ := strconv.ParseFloat(seconds, 64)
	return time.Duration(value * float64(time.Second))
}

// residentKiB returns the memory of the process after garbage was given back.
func residentKiB(t *testing.T) int {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/status")
	must(t, err)
	for line := range strings.Lines(string(data)) {
		var kib int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			return kib
		}
	}
	t.Fatal("no VmRSS in /proc/self/status")
	return 0
}
