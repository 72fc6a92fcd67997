package pipeline

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/guard"
)

// tickEvery bounds how late an alert about a deadline can be.
const tickEvery = time.Second

// tickLoop sends the alerts whose deadline has come (roll-ups, absences, ends), until the pipeline stops. Later ones are sent after the next start.
func (p *Pipeline) tickLoop() {
	b := p.newBatch()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.tick(b)
			p.reportDue(false)
			p.tickDigests(false)
			p.logWarnings()
		case <-p.due:
			p.tick(b)
		case <-p.stopping:
			return
		}
	}
}

// tick sends the alerts that are due. Without room for alerts they stay due.
func (p *Pipeline) tick(b *batch) {
	defer guard.Recover(p.log, &p.counters.panics, "sending alerts that are due")
	if at, ok := p.engine.NextDue(); !ok || at > p.now().UnixNano() {
		return
	}
	// Asked before the engine makes alerts, because they would not be due again.
	if p.delivery.Room() != nil {
		return
	}
	b.run(func() {
		b.alerts = p.engine.Tick(b.now, b.alerts[:0])
		b.route()
	})
}
