package delivery

import (
	"maps"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// maxSentOrigins bounds the pairs of rule and workload that sent alerts are counted by.
const maxSentOrigins = 20_000

// SentOf is what an alert that was sent is about. Beyond the bound it is the zero value.
type SentOf struct{ Rule, Workload string }

// Sent counts deliveries that a receiver took, roll-ups and all others that time made included, since New. An alert that goes to two triggers counts
// twice. Both maps have the same sum.
type Sent struct {
	By map[SentOf]int64
	To map[string]int64 // by trigger
}

// sentCounts counts what was sent.
type sentCounts struct {
	mu sync.Mutex
	by map[SentOf]int64
	to map[string]int64
}

// add counts alerts that the receiver of a trigger took.
func (c *sentCounts) add(to string, alerts []trigger.Alert) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by, c.to = map[SentOf]int64{}, map[string]int64{}
	}
	c.to[to] += int64(len(alerts))
	for i := range alerts {
		of := SentOf{alerts[i].Rule, alerts[i].Source.Workload}
		if _, known := c.by[of]; !known && len(c.by) >= maxSentOrigins {
			of = SentOf{}
		}
		c.by[of]++
	}
}

// Sent returns what was sent.
func (d *Dispatcher) Sent() Sent { return d.sent.copy() }

func (c *sentCounts) copy() Sent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Sent{maps.Clone(c.by), maps.Clone(c.to)}
}
