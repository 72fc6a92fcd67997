package digest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// Counts are hits by their outcome: hits = alerts + suppressed + those that are not decided yet.
type Counts struct {
	Hits       int64                    `json:"hits"`
	Alerts     int64                    `json:"alerts,omitempty"`
	Suppressed [engine.NumReasons]int64 `json:"suppressed"`
}

func (c *Counts) add(after, before *Counts) {
	c.Hits += max(0, after.Hits-before.Hits)
	c.Alerts += max(0, after.Alerts-before.Alerts)
	for i := range c.Suppressed {
		c.Suppressed[i] += max(0, after.Suppressed[i]-before.Suppressed[i])
	}
}

// held returns how many hits were suppressed.
func (c *Counts) held() (n int64) {
	for _, k := range c.Suppressed {
		n += k
	}
	return n
}

// Totals are the counters of an instance at one moment. They never fall, but for those of a rule or a workload that goes, which begin again if it comes back.
type Totals struct {
	Sum       Counts
	Sent      int64
	Rules     map[string]Counts // by id
	Workloads map[string]Counts
}

// Bounds of a ledger.
const (
	maxRows = 500    // rules, and as many workloads, with counts of their own
	maxNew  = 20     // names that are kept as new; the rest is counted
	maxSeen = 10_000 // names and templates; beyond it, nothing is new, because there is no room to tell
)

// Ledger has the counts since the last digest of a trigger. Its JSON form survives restarts.
type Ledger struct {
	Setting string    `json:"setting"` // digest and zone
	From    time.Time `json:"from"`    // of the period
	Done    time.Time `json:"done"`    // the last moment of the setting that was dealt with
	First   bool      `json:"first"`   // no digest came before: everything would be new

	Sum       Counts             `json:"sum"`
	Sent      int64              `json:"sent"`
	Rules     map[string]*Counts `json:"rules,omitempty"`
	Workloads map[string]*Counts `json:"workloads,omitempty"`

	NewRules     News `json:"new_rules"`
	NewWorkloads News `json:"new_workloads"`

	// Seen has short hashes of the rules that were hit, of the workloads, and of the templates of alerts, ever. It is large and seldom grows, so it is saved by itself.
	Seen map[string]bool `json:"-"`
}

// News are names that were not seen before.
type News struct {
	Names []string `json:"names,omitempty"`
	Total int      `json:"total,omitempty"`
}

// NewLedger returns a ledger that begins now.
func NewLedger(setting string, now time.Time) *Ledger {
	return &Ledger{Setting: setting, From: now, Done: now, First: true, Seen: map[string]bool{}}
}

// Clone returns a copy.
func (l *Ledger) Clone() *Ledger {
	c := *l
	c.Rules, c.Workloads = cloneRows(l.Rules), cloneRows(l.Workloads)
	c.NewRules.Names, c.NewWorkloads.Names = slices.Clone(l.NewRules.Names), slices.Clone(l.NewWorkloads.Names)
	c.Seen = maps.Clone(l.Seen)
	return &c
}

func cloneRows(rows map[string]*Counts) map[string]*Counts {
	out := make(map[string]*Counts, len(rows))
	for name, c := range rows {
		one := *c
		out[name] = &one
	}
	return out
}

// Add adds the counts between two moments. It reports whether there were any.
func (l *Ledger) Add(before, after *Totals) bool {
	was := l.Sum.Hits + l.Sum.held() + l.Sum.Alerts + l.Sent + int64(l.NewWorkloads.Total)
	l.Sum.add(&after.Sum, &before.Sum)
	l.Sent += max(0, after.Sent-before.Sent)
	l.Rules = addRows(l.Rules, before.Rules, after.Rules)
	l.Workloads = addRows(l.Workloads, before.Workloads, after.Workloads)
	for _, name := range slices.Sorted(maps.Keys(after.Rules)) {
		if n := after.Rules[name].Hits; n > 0 && n != before.Rules[name].Hits && l.see("rule", name) {
			l.NewRules.add(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after.Workloads)) {
		if l.see("workload", name) {
			l.NewWorkloads.add(name)
		}
	}
	return was != l.Sum.Hits+l.Sum.held()+l.Sum.Alerts+l.Sent+int64(l.NewWorkloads.Total)
}

// Know notes the rules, workloads and templates from before the ledger began, so that they do not count as new.
func (l *Ledger) Know(t *Totals) {
	for name, c := range t.Rules {
		if c.Hits > 0 {
			l.see("rule", name)
		}
	}
	for name := range t.Workloads {
		l.see("workload", name)
	}
}

// addRows adds to the counts of each name. Beyond maxRows, names with few hits are left to the sum.
func addRows(rows map[string]*Counts, before, after map[string]Counts) map[string]*Counts {
	if rows == nil {
		rows = map[string]*Counts{}
	}
	for name, now := range after {
		was := before[name]
		if now == was {
			continue
		}
		if now.Hits < was.Hits { // it went and came back
			was = Counts{}
		}
		if rows[name] == nil {
			rows[name] = &Counts{}
		}
		rows[name].add(&now, &was)
	}
	if len(rows) > maxRows {
		for _, name := range byHits(rows)[maxRows:] {
			delete(rows, name)
		}
	}
	return rows
}

// byHits returns the names, those with the most hits first.
func byHits(rows map[string]*Counts) []string {
	return slices.SortedFunc(maps.Keys(rows), func(a, b string) int {
		return cmp.Or(cmp.Compare(rows[b].Hits, rows[a].Hits), cmp.Compare(a, b))
	})
}

// see reports whether a text of a kind comes for the first time.
func (l *Ledger) see(kind, text string) bool {
	sum := sha256.Sum256([]byte(kind + "\x00" + text))
	hash := hex.EncodeToString(sum[:8])
	if l.Seen[hash] || len(l.Seen) >= maxSeen {
		return false
	}
	if l.Seen == nil {
		l.Seen = map[string]bool{}
	}
	l.Seen[hash] = true
	return true
}

func (n *News) add(name string) {
	n.Total++
	if len(n.Names) < maxNew {
		n.Names = append(n.Names, name)
	}
}

// Next begins the next period.
func (l *Ledger) Next(now, done time.Time) {
	*l = Ledger{Setting: l.Setting, From: now, Done: done, Seen: l.Seen}
}
