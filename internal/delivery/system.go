package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// note is a kind of loss.
type note int

// The losses that are told.
const (
	noteDropped note = iota // by a bound
	noteRefused             // dead at once
	noteExpired             // dead by age
	noteLost                // never reached the store
	noteDamaged             // were in a file that was damaged
	noteKinds
)

var noteWords = [noteKinds]string{
	"dropped because too many were waiting", "refused for good by the receiver", "given up after the longest time",
	"lost because neither store nor memory had room", "lost with a damaged store",
}

// notes gathers losses by target until they are told. The target "" stands for all.
type notes struct {
	mu      sync.Mutex
	pending map[string]*[noteKinds]int64
	told    map[string]time.Time
	lost    int64 // of damaged stores, as far as noted
}

func newNotes() notes {
	return notes{pending: make(map[string]*[noteKinds]int64), told: make(map[string]time.Time)}
}

func (n *notes) add(target string, kind note, number int64) {
	if number == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending[target] == nil {
		n.pending[target] = new([noteKinds]int64)
	}
	n.pending[target][kind] += number
}

func (n *notes) addAll(kind note, numbers map[string]int64) {
	for target, number := range numbers {
		n.add(target, kind, number)
	}
}

// due takes the losses of the targets that were not told of for the interval.
func (n *notes) due(now time.Time, interval time.Duration) map[string][noteKinds]int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all map[string][noteKinds]int64
	for target, numbers := range n.pending {
		if at, told := n.told[target]; told && now.Sub(at) < interval {
			continue
		}
		if all == nil {
			all = make(map[string][noteKinds]int64)
		}
		all[target] = *numbers
		n.told[target] = now
		delete(n.pending, target)
	}
	return all
}

// announce makes one alert of kind system for each target that lost something, at most one in each interval. It goes to the other targets
// only: a target that loses alerts would lose this one, too, and tell of that.
func (d *Dispatcher) announce(ctx context.Context, now time.Time) {
	if lost := d.opt.Store.Health().Lost; lost != d.notes.lost {
		d.notes.add("", noteDamaged, lost-d.notes.lost)
		d.notes.lost = lost
	}
	for target, numbers := range d.notes.due(now, d.opt.Settings.SystemInterval) {
		alert := d.systemAlert(now, target, numbers)
		item := Item{Alert: alert, Targets: slices.DeleteFunc(d.route(&alert), func(name string) bool { return name == target })}
		if err := d.Accept(ctx, []Item{item}); err != nil {
			d.opt.Log.Error("an alert about lost alerts was lost", "error", err)
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
	for name := range d.targets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (d *Dispatcher) systemAlert(now time.Time, target string, numbers [noteKinds]int64) trigger.Alert {
	var parts []string
	var total int64
	for kind, n := range numbers {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, noteWords[kind]))
			total += n
		}
	}
	what := "alerts were not delivered: "
	if target != "" {
		what = fmt.Sprintf("trigger %q: alerts were not delivered: ", target)
	}
	summary := what + strings.Join(parts, ", ")
	sum := sha256.Sum256(fmt.Appendf(nil, "system\x00%d\x00%d\x00%s\x00%s", d.owner, now.UnixNano(), target, summary))
	return trigger.Alert{
		Version: trigger.AlertVersion, ID: "al_" + hex.EncodeToString(sum[:16]), Kind: trigger.KindSystem, Severity: "error",
		Rule: "delivery", Summary: summary, Message: summary, Time: now, FirstSeen: now, LastSeen: now, Count: int(total),
		Source: trigger.Source{Kind: trigger.KindSystem, Workload: "fluentbit-trigger", Host: d.opt.Host},
	}
}
