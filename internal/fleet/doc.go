// Package fleet makes one alert of one incident that many nodes see. The nodes of a namespace agree through an engine, Redis or Valkey, on whose alert
// leaves; the others hand their counts to the engine, and one node reports them in a roll-up.
//
// It promises:
//   - Nothing waits for the network but the goroutines of this package. An alert that waits for an answer is on disk with a time at which it leaves by itself.
//   - Without an answer every node alerts by itself. No failure of the engine suppresses an alert.
//   - Each hit is in one place: reported, unreported, or counted as lost when the engine forgot it after acknowledging it. A claim counts nothing.
//   - Times on the wire are ages. Clocks of nodes may differ, and the engine's may step back.
//
// Engine is the seam to Redis (internal/fleet/redis) and to a model in memory (internal/fleet/memory), Node the seam to the store of the node. A Fleet runs the
// loops between them: the gate asks whose alert leaves, the mover gives counts and settles, the keeper beats and takes the work that is due, and the reporter
// reports hits of thresholds and lines that were heard.
//
//	node:    asked ──lead──► due ──sent──► settled         engine:  (none) ─claim─► open+lead ─settle─► open ─due, unreported─► frozen ─settle─► open (next)
//	           │──held──► withdrawn, in the outbox ──given──► gone       │ deadline                              │ lease ends
//	           │──wait over, or circuit open──► alone                    └─► taken over by a keeper, same id     └─► taken again, same id, same numbers
package fleet
