package pipeline

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestAReceiverCanSumTheHitsOfAKey stores alerts and roll-ups of two containers, over a restart, and sums for each key what the receiver got. Another
// instance has the same keys.
func TestAReceiverCanSumTheHitsOfAKey(t *testing.T) {
	text := "[[rule]]\nname = \"boom\"\npattern = \"^boom\"\ncooldown = \"5m\"\ncooldown_by = [\"tag\", \"template\"]\n"
	templates := map[string]string{"boom 17": "boom <num>", "boom 23": "boom <num>", "boom abcd=5": "boom abcd=<num>"}
	keys := map[string]string{}
	for _, id := range []string{"one", "another"} {
		b := newBench(t)
		o := b.options(b.document(text))
		var ahead atomic.Int64
		o.ID, o.Now = id, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		want := map[string]int64{}
		for run := range 3 {
			p, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			p.Start()
			if run > 0 {
				b.messages(4 + 4*run) // with the roll-ups of the run before
			}
			for range 3 + run {
				for _, tag := range []string{"docker.web", "docker.db"} {
					for _, line := range []string{"boom 17", "boom abcd=5", "boom 23"} {
						p.Flush(lines(line), tag)
						want[tag+" "+templates[line]]++
					}
				}
			}
			b.messages(4)
			b.stop(p)
			ahead.Add(int64(7 * time.Minute)) // the window of the roll-up, which was due after five, is still open
		}
		b.start(o) // sends the roll-ups of the last run
		b.messages(16)
		got := map[string]int64{}
		for _, a := range b.alerts() {
			name := a.Source.Tag + " " + a.Template
			got[name] += int64(a.Count) + a.Suppressed.Total
			if a.Key == "" || keys[name] != "" && keys[name] != a.Key {
				t.Errorf("%s has the keys %q and %q", name, keys[name], a.Key)
			}
			keys[name] = a.Key
		}
		for name, n := range want {
			if got[name] != n {
				t.Errorf("%s: the alerts stand for %d hits, want %d", name, got[name], n)
			}
		}
		if headers := b.server.Requests(); headers[0].Header.Get("Alert-Key") != b.alerts()[0].Key {
			t.Errorf("the header has the key %q", headers[0].Header.Get("Alert-Key"))
		}
	}
	if len(keys) != 4 {
		t.Errorf("%d keys, want four: %v", len(keys), keys)
	}
	if want := trigger.KeyOf("boom", "docker.web", "boom <num>"); keys["docker.web boom <num>"] != want {
		t.Errorf("key %q, want %q", keys["docker.web boom <num>"], want)
	}
}
