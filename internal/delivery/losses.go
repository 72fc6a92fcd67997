package delivery

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/shortid"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// loss is a kind of loss.
type loss int

// The losses that are reported.
const (
	lossDropped  loss = iota // by a bound
	lossRefused              // dead at once
	lossExpired              // dead by age
	lossUnstored             // never reached the store
	lossDamaged              // were in a file that was damaged
	lossKinds
)

var lossWords = [lossKinds]string{
	"dropped because too many were waiting", "refused permanently by the receiver", "given up after max_age",
	"lost because neither store nor memory had room", "lost with a damaged store",
}

// losses counts losses by trigger until they are reported. The trigger "" stands for all.
type losses struct {
	mu       sync.Mutex
	pending  map[string]*[lossKinds]int64
	reported map[string]time.Time
	lost     int64 // of damaged stores, as far as counted
}

func newLosses() losses {
	return losses{pending: make(map[string]*[lossKinds]int64), reported: make(map[string]time.Time)}
}

func (n *losses) add(name string, kind loss, number int64) {
	if number == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending[name] == nil {
		n.pending[name] = new([lossKinds]int64)
	}
	n.pending[name][kind] += number
}

func (n *losses) addAll(kind loss, numbers map[string]int64) {
	for name, number := range numbers {
		n.add(name, kind, number)
	}
}

// due removes and returns the losses of the triggers that had no report within the interval.
func (n *losses) due(now time.Time, interval time.Duration) map[string][lossKinds]int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all map[string][lossKinds]int64
	for name, numbers := range n.pending {
		if at, reported := n.reported[name]; reported && now.Sub(at) < interval {
			continue
		}
		if all == nil {
			all = make(map[string][lossKinds]int64)
		}
		all[name] = *numbers
		n.reported[name] = now
		delete(n.pending, name)
	}
	return all
}

// reportLosses sends one alert of kind system for each trigger that lost alerts, at most one per interval. It goes to the other triggers only: a
// trigger that loses alerts would lose this one, too, and cause a report about that.
func (d *Dispatcher) reportLosses(ctx context.Context, now time.Time) {
	if lost := d.opt.Store.Health().Lost; lost != d.losses.lost {
		d.losses.add("", lossDamaged, lost-d.losses.lost)
		d.losses.lost = lost
	}
	for name, numbers := range d.losses.due(now, d.opt.Settings.SystemInterval) {
		alert := d.systemAlert(now, name, numbers)
		item := Item{Alert: alert, Triggers: slices.DeleteFunc(d.route(&alert), func(other string) bool { return other == name })}
		if err := d.Accept(ctx, []Item{item}); err != nil {
			d.opt.Log.Error("lost an alert about lost alerts", "error", err)
		}
	}
}

func (d *Dispatcher) route(alert *trigger.Alert) []string {
	if d.opt.Route != nil {
		return slices.Clone(d.opt.Route(alert))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name := range d.triggers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (d *Dispatcher) systemAlert(now time.Time, name string, numbers [lossKinds]int64) trigger.Alert {
	var parts []string
	var total int64
	for kind, n := range numbers {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, lossWords[kind]))
			total += n
		}
	}
	what := "alerts were not delivered: "
	if name != "" {
		what = fmt.Sprintf("trigger %q: alerts were not delivered: ", name)
	}
	summary := what + strings.Join(parts, ", ")
	sum := sha256.Sum256(fmt.Appendf(nil, "system\x00%d\x00%d\x00%s\x00%s", d.owner, now.UnixNano(), name, summary))
	return trigger.Alert{
		Version: trigger.AlertVersion, ID: shortid.Alert(sum[:]), Key: trigger.KeyOf("delivery", name), Kind: trigger.KindSystem, Severity: "error",
		Rule: "delivery", Summary: summary, Message: summary, Time: now, FirstSeen: now, LastSeen: now, Count: int(total),
		Source: trigger.Source{Kind: trigger.KindSystem, Workload: "fluentbit-trigger", Host: d.opt.Host},
	}
}
