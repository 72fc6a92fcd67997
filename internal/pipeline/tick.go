package pipeline

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
)

// tickEvery is how late an alert that time makes can be, while nothing else happens.
const tickEvery = time.Second

// tickLoop makes the alerts that time makes, until the pipeline stops. What is due then is told after the next start.
func (p *Pipeline) tickLoop() {
	b := p.newBatch()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.tick(b)
			p.reportDue(false)
			p.logWarnings()
		case <-p.stopping:
			return
		}
	}
}

// tick makes the alerts that are due. While there is no room for alerts, none is made: they stay due.
func (p *Pipeline) tick(b *batch) {
	defer guard.Recover(p.log, &p.counters.panics, "making the alerts that are due")
	if at, ok := p.engine.NextDue(); !ok || at > p.now().UnixNano() {
		return
	}
	if p.delivery.Room() != nil {
		return
	}
	b.run(func() {
		b.alerts = p.engine.Tick(b.now, b.alerts[:0])
		b.route(func(a *engine.Alert) string { return b.ids.next(a, []byte(a.Key)) })
	})
}
