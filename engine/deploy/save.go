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
	t.mu.Lock()
	out := make([]model.StateEntry, 0, len(t.unrestored))
	for _, key := range t.unrestored {
		out = append(out, model.StateEntry{Key: key})
	}
	t.unrestored = nil
	t.mu.Unlock()
	return t.workloads.Take(&t.mu, all, out)
}

func encode(w any) []byte {
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
	name := strings.TrimPrefix(e.Key, Prefix)
	var s savedWorkload
	if err := json.Unmarshal(e.Value, &s); err != nil || len(s.Images) == 0 {
		t.unrestored = append(t.unrestored, e.Key)
		return false, err
	}
	w := s.workload(name)
	if w.deployed != 0 && !w.reported {
		w.deployed += max(0, now-s.Now)
	}
	w.clampFuture(now)
	_, taken := t.workloads.Peek(name)
	t.workloads.Drop(name)
	t.workloads.Restore(name, w)
	if taken { // or the next save would say that it left
		t.workloads.Touch(name)
	}
	t.named[w.name] = append(t.named[w.name], w)
	if t.settings.Compare > 0 { // rules in force before the state was
		t.recount(w)
	}
	t.schedule()
	return true, nil
}
