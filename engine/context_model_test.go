package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/lines"
)

// TestContextsAgreeWithAModel feeds random lines of several streams at random times, and compares what alerts say of the lines around their hit
// with what a look at the whole log says.
func TestContextsAgreeWithAModel(t *testing.T) {
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		want := Context{Before: rnd.IntN(6), After: rnd.IntN(6)}
		r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "boom", Context: want}}})
		type entry struct {
			at     int64
			stream string
			text   string
		}
		var log []entry
		got := map[string]Alert{}
		collect := func(alerts []Alert) {
			for _, a := range alerts {
				if _, twice := got[a.Message]; twice {
					t.Fatalf("seed %d: %s alerts twice", seed, a.Message)
				}
				got[a.Message] = a
			}
		}
		for i := range 500 {
			r.pass(time.Duration(rnd.Int64N(int64(2 * time.Second))))
			e := entry{at: r.now, text: fmt.Sprint([]string{"calm ", "boom "}[rnd.IntN(2)], i)}
			container, stream := fmt.Sprint(rnd.IntN(3)), Stream(rnd.IntN(3))
			e.stream = container + stream.String()
			log = append(log, e)
			collect(r.record(Record{Text: []byte(e.text), Stream: stream, Source: web(container)}))
			if rnd.IntN(4) == 0 {
				collect(r.tick())
			}
		}
		collect(r.e.ReleaseWaiting(nil))
		for i, e := range log {
			if e.text[:4] != "boom" {
				continue
			}
			var before, after []string
			for _, other := range slices.Backward(log[:i]) {
				if other.stream == e.stream && len(before) < want.Before {
					before = append([]string{other.text}, before...)
				}
			}
			for _, other := range log[i+1:] {
				if other.stream == e.stream && len(after) < want.After && other.at < e.at+lines.ContextWait {
					after = append(after, other.text)
				}
			}
			a, ok := got[e.text]
			if !ok || !slices.Equal(a.Before, before) || !slices.Equal(a.After, after) {
				t.Fatalf("seed %d, %+v, %s: %v, %q, %q; want %q, %q", seed, want, e.text, ok, a.Before, a.After, before, after)
			}
		}
	}
}
