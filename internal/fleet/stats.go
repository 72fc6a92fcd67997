package fleet

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats is a copy of the counters of a Fleet since it was made.
type Stats struct {
	Up         bool
	Why        string           // why the engine does not answer: one of Whys, or ""
	Epoch      string           // "": unknown
	Keeper     bool             // this node is the keeper of its triggers
	KeeperNode string           // who is; "": unknown
	Nodes      int              // that are alive, as of the last heartbeat
	Twin       bool             // another node has this node's name
	Claims     map[string]int64 // by result: lead, held, known, late, error
	Alone      map[string]int64 // alerts that left without an answer, by Whys
	Given      int64            // hits that the engine acknowledged
	Forgotten  int64            // hits that were too old to be given
	Handovers  int64
	Rollups    int64
	Absences   int64
	Ends       int64 // of incidents
	Epochs     int64 // how often the engine lost its data
	Beats      int64
	Waiting    int   // candidates that wait for an answer
	Dropped    int64 // reports of hits, templates and lines that there was no room for
	Circuits   int   // servers that are not asked at the moment
	// Of all nodes, as the keeper last asked, 15 to 20 seconds ago at most; 0 on other nodes.
	Unreported int64 // hits that no alert has reported yet
	Windows    int64
}

// counters are counted by the loops.
type counters struct {
	given, forgotten, handovers, rollups, absences, ends, epochs, beats atomic.Int64

	mu            sync.Mutex
	claims, alone map[string]int64
}

// Results lists the results of claims.
func Results() []string { return []string{"lead", "held", "known", "late", "error"} }

func (c *counters) claim(result string, n int64) { c.add(&c.claims, result, n) }

func (c *counters) left(why string) { c.add(&c.alone, why, 1) }

func (c *counters) add(to *map[string]int64, word string, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *to == nil {
		*to = map[string]int64{}
	}
	(*to)[word] += n
}

// Stats returns the counters.
func (f *Fleet) Stats() Stats {
	c := &f.count
	s := Stats{
		Given: c.given.Load(), Forgotten: c.forgotten.Load(), Handovers: c.handovers.Load(), Rollups: c.rollups.Load(),
		Absences: c.absences.Load(), Ends: c.ends.Load(), Epochs: c.epochs.Load(), Beats: c.beats.Load(), Claims: map[string]int64{}, Alone: map[string]int64{},
	}
	for _, r := range Results() {
		s.Claims[r] = 0
	}
	for _, w := range Whys() {
		s.Alone[w] = 0
	}
	c.mu.Lock()
	maps.Copy(s.Claims, c.claims)
	maps.Copy(s.Alone, c.alone)
	c.mu.Unlock()
	s.Why, _ = f.health.state()
	s.Up = f.Up()
	if p := f.pulse.Load(); p != nil {
		s.Epoch, s.Keeper, s.KeeperNode, s.Nodes, s.Twin = p.Epoch, p.Keeper, p.KeeperNode, p.Nodes, p.Twin
	}
	if a := f.account.Load(); a != nil {
		s.Unreported, s.Windows = a.Unreported, a.Windows
	}
	s.Circuits = f.opt.Engine.CircuitsOpen()
	f.offered.Lock()
	s.Waiting = f.offered.held
	f.offered.Unlock()
	f.reporter.mu.Lock()
	f.following.Lock()
	defer f.following.Unlock()
	s.Dropped = f.reporter.full + f.following.full
	f.reporter.mu.Unlock()
	return s
}
