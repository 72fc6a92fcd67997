package deploy

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// Prefix begins the keys of saved workloads.
const Prefix = "deploy/"

// MaxState bounds what is saved of a workload, in bytes.
const MaxState = 64 << 10

// TakeChanges returns the workloads that changed since the last call, and from the first call on keeps track of further changes. With all, those are
// among them whose counts are saved lazily.
func (t *Tracker) TakeChanges(all bool) []model.StateEntry {
	copies := t.copies(all)
	out := make([]model.StateEntry, 0, len(copies))
	for name, w := range copies { // hits do not wait for the encoding
		e := model.StateEntry{Key: Prefix + name}
		if w != nil {
			e.Value = encode(w)
		}
		out = append(out, e)
	}
	return out
}

func (t *Tracker) copies(all bool) map[string]*savedWorkload {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.tracking || all {
		t.tracking = true
		for _, w := range t.workloads.Values() {
			t.touch(w.key)
		}
	}
	out := make(map[string]*savedWorkload, len(t.changed))
	for name := range t.changed {
		out[name] = nil
		if w, ok := t.workloads.Peek(name); ok {
			out[name] = w.saveAt(t.latest)
			w.saved = t.latest
		}
	}
	clear(t.changed)
	return out
}

func encode(w *savedWorkload) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // which would make six bytes of one
	if e.Encode(w) != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Restore puts a saved workload back. The time of a stop does not count for a comparison: it ends later by so much.
func (t *Tracker) Restore(e model.StateEntry, now int64) (kept bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tracking = true
	name := strings.TrimPrefix(e.Key, Prefix)
	var s savedWorkload
	if err := json.Unmarshal(e.Value, &s); err != nil || len(s.Images) == 0 {
		t.touch(name)
		return false, err
	}
	w := s.workload(name)
	if w.deployed != 0 && !w.reported {
		w.deployed += max(0, now-s.Now)
	}
	w.clampFuture(now)
	t.add(w)
	if t.settings.Compare > 0 { // rules in force before the state was
		t.recount(w)
	}
	t.schedule()
	return true, nil
}
