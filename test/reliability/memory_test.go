package reliability

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestSoakMemoryOfThePlugin has the whole plugin accept alerts for a receiver that is down, as fast as it can: ten thousands, or, with
// FLUENTBIT_TRIGGER_SOAK set, a million. After the bounds are reached the process must not grow.
func TestSoakMemoryOfThePlugin(t *testing.T) {
	chunks := 60
	if os.Getenv("FLUENTBIT_TRIGGER_SOAK") != "" {
		chunks = 2000
	}
	server := receiver.New(t)
	server.Stop()
	r := newRig(t)
	r.start(r.write("rules.toml", "store_max_pending = 2000\nstore_alerts = 2000\nstore_ids = 5000\n"+document(server)), filepath.Join(r.dir, "one.db"))
	path := r.part(numbered("boom %d: a line of about the length that lines have in the logs of containers", 0, 500))
	before := 0
	for n := range chunks {
		if n == 20 { // 10,000 alerts: every bound is reached
			before = r.do("stat").Int("rss_kb")
		}
		r.until("the chunk is accepted", func() bool { return r.do("text", "one", "test", path).Int("ok") == 1 })
	}
	after := r.do("stat").Int("rss_kb")
	t.Logf("%d kB resident after 10000 alerts, %d kB after %d", before, after, chunks*500)
	if after-before > 20*1024 {
		t.Errorf("grew by %d kB", after-before)
	}
	if sum := r.stop(); sum["alerts"] != chunks*500 {
		t.Errorf("totals %v", sum)
	}
}
