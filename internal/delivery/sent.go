package delivery

import (
	"maps"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// maxSentOrigins bounds the pairs of rule and workload in Sent.By.
const maxSentOrigins = 20_000

// SentOf is the rule and workload of a sent alert. Pairs beyond the bound are counted under the zero value.
type SentOf struct{ Rule, Workload string }

// Sent counts the alerts that receivers accepted since New, roll-ups and other timed alerts included. An alert with two triggers counts twice.
// Both maps have the same sum.
type Sent struct {
	By map[SentOf]int64
	To map[string]int64 // by trigger
}

// sentCounts counts sent alerts.
type sentCounts struct {
	mu sync.Mutex
	by map[SentOf]int64
	to map[string]int64
}

// add counts alerts that the receiver of a trigger accepted.
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

// Sent returns the counts of sent alerts.
func (d *Dispatcher) Sent() Sent { return d.sent.copy() }

func (c *sentCounts) copy() Sent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Sent{maps.Clone(c.by), maps.Clone(c.to)}
}
