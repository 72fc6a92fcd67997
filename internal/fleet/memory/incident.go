package memory

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// incident is that of a window. Times are milliseconds of the engine's clock.
type incident struct {
	opened       int64 // 0: none is open
	gen          int64 // of the latest; 0: there was none
	arrived, hit int64 // the latest hit, as it arrived and as it happened
	first        int64
	resolve      int64
	lineAt, line int64 // when a line was said to end it, and when that happened; 0: none was
	alerts, hits int64
	severities   string
	triggers     string
	about        []byte
}

// said is what a run said last of an incident.
type said struct{ gen, made, hits, alerts int64 }

// enter puts an incident into its index.
func (e *Engine) enter(now int64, key fleet.Key, i *fleet.Incident, t *fleet.Terms) {
	if i == nil || i.Index == "" || i.Alerts == 0 {
		return
	}
	if e.indexes[i.Index] == nil {
		e.indexes[i.Index] = map[string]int64{}
	}
	e.indexes[i.Index][fleet.Member(key, i.Parts)] = now + ms(fleet.Memory+max(t.Cooldown, i.Resolve))
}

// union adds the words to a list that lack in it, as far as there is room.
func union(all string, more []string) string {
	for _, word := range more {
		if !slices.Contains(strings.Split(all, "\n"), word) && len(all)+len(word) < fleet.MaxNames {
			all = strings.TrimPrefix(all+"\n"+word, "\n")
		}
	}
	return all
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, "\n")
}

func (i *incident) touch(now int64, q *fleet.Incident) {
	i.arrived, i.hit = max(min(i.arrived, now), now-ms(q.Arrived)), max(i.hit, now-ms(q.Hit))
	if i.line > 0 && i.hit > i.line {
		i.lineAt, i.line = 0, 0
	}
}

// begin opens an incident, unless one is open.
func (i *incident) begin(now, resolve, first int64, about []byte) {
	if i.opened > 0 {
		i.resolve, i.first = resolve, min(i.first, first)
		return
	}
	*i = incident{opened: now, gen: i.gen + 1, resolve: resolve, first: first, about: slices.Clone(about)}
}

// tell notes alerts of the incident, and whose they are.
func (i *incident) tell(alerts, hits int64, q *fleet.Incident) {
	i.alerts, i.hits = max(0, i.alerts+alerts), max(0, i.hits+hits)
	i.severities, i.triggers = union(i.severities, q.Severities), union(i.triggers, q.Triggers)
}

// ended reports whether the incident is over and none was opened since. Hits that are given then were before its end: they wait for the next alert.
func (i *incident) ended() bool { return i.gen > 0 && i.opened == 0 }

// report notes an incident as a run knows it.
func (w *window) report(now int64, run string, q *fleet.Incident) {
	i := &w.incident
	i.begin(now, ms(q.Resolve), now-ms(q.First), q.About)
	i.touch(now, q)
	before, ok := w.said[run]
	if !ok || before.gen != i.gen {
		before = said{made: -1}
	}
	if q.Made > before.made {
		i.tell(q.Alerts-before.alerts, q.Hits-before.hits, q)
		w.said[run] = said{i.gen, q.Made, q.Hits, q.Alerts}
	}
}

// over returns when the open incident is over, and when its end is due; 0: that is not known, or its first alert is still to be delivered.
func (w *window) over() (moment, due int64) {
	i := &w.incident
	switch {
	case i.opened == 0 || w.lead.deadline > 0:
		return 0, 0
	case i.lineAt > 0:
		moment = i.lineAt
	case i.resolve > 0:
		moment = i.arrived + i.resolve
	default:
		return 0, 0
	}
	return moment, moment + w.terms.grace
}

// freezeEnd makes what is frozen the end of the incident, and closes the window.
func (w *window) freezeEnd() {
	i, f := &w.incident, &w.frozen
	w.opened, w.began, w.step, w.doublings = 0, 0, 0, 0
	f.last, f.line = max(f.last, i.hit), i.line
	f.past = &fleet.Past{Alerts: i.alerts, Hits: i.hits, Severities: split(i.severities), Triggers: split(i.triggers), About: i.about}
}

// firstOfEnd returns when the first hit of an end happened.
func (w *window) firstOfEnd() int64 {
	if w.frozen.first > 0 {
		return min(w.frozen.first, w.incident.first)
	}
	return w.incident.first
}

// resume has an incident go on whose end nobody delivered in time: a hit came before anybody took it again. What the end was to report is unreported again.
func (w *window) resume() {
	f := w.frozen
	w.frozen, w.incident.lineAt, w.incident.line = frozen{}, 0, 0
	if f.counts.Sum() == 0 {
		return
	}
	for reason, n := range f.counts {
		w.counts[reason] += n
	}
	if w.first == 0 {
		w.first = f.first
	}
	w.nodes, w.first, w.last, w.sample = w.nodes+f.nodes, min(w.first, f.first), max(w.last, f.last), f.sample
	w.hosts = append(slices.Clone(f.hosts), w.hosts...)
	w.hosts = w.hosts[:min(len(w.hosts), fleet.MaxHosts)]
}

// settleIncident ends an incident whose end is frozen, or notes the roll-up that is.
func (w *window) settleIncident(now int64, q *fleet.Settlement) {
	i, f := &w.incident, &w.frozen
	switch {
	case f.past != nil:
		i.opened, i.lineAt, i.line, i.resolve = 0, 0, 0, 0
	case q.Incident != nil:
		if open := i.opened > 0; !open {
			i.begin(now, ms(q.Incident.Resolve), f.first, q.Incident.About)
			i.arrived, i.hit = min(now, f.last), f.last
		} else {
			i.begin(now, ms(q.Incident.Resolve), f.first, nil)
		}
		i.tell(1, f.counts.Sum(), q.Incident)
	}
}

func (w *window) viewIncident(now int64) *fleet.OpenIncident {
	i := &w.incident
	if i.opened == 0 {
		return nil
	}
	arrived := min(i.arrived, now)
	v := &fleet.OpenIncident{
		Opened: dur(now - i.opened), Last: dur(now - arrived), Ending: i.lineAt > 0 || w.frozen.past != nil, Alerts: i.alerts, Hits: i.hits,
	}
	if i.resolve > 0 {
		v.Left = dur(max(1, arrived+i.resolve+w.terms.grace-now))
	}
	return v
}

// Note implements fleet.Engine.
func (e *Engine) Note(ctx context.Context, list []fleet.Note) []fleet.Noted {
	return each(ctx, e, list, (*fleet.Note).Check, e.note, func(err error) fleet.Noted { return fleet.Noted{Err: err} })
}

func (e *Engine) note(now int64, q *fleet.Note) fleet.Noted {
	e.enter(now, q.Key, &q.Incident, &q.Terms)
	w := e.window(q.Key, now)
	open := w != nil && w.incident.opened > 0
	if open && w.frozen.past != nil { // the numbers of an end that is sent stay
		return fleet.Noted{Open: true}
	}
	switch {
	case q.Incident.Alerts > 0:
		if w != nil {
			if s, ok := w.said[q.Run]; ok && q.Incident.Made <= s.made && (!open || s.gen != w.incident.gen) {
				return fleet.Noted{Open: open, Ended: true}
			}
		}
		if w = e.room(q.Key, now); w == nil {
			return fleet.Noted{Err: fleet.ErrFull}
		}
		w.terms.cooldown, w.terms.grace, w.triggers, w.title = ms(q.Terms.Cooldown), ms(q.Terms.Grace), q.Terms.Triggers, q.Title
		w.report(now, q.Run, &q.Incident)
	case open:
		w.incident.touch(now, &q.Incident)
	default:
		return fleet.Noted{}
	}
	w.keep(now)
	w.schedule(q.Terms.Triggers, now)
	return fleet.Noted{Open: true}
}

// End implements fleet.Engine.
func (e *Engine) End(ctx context.Context, list []fleet.Ending) []fleet.Ended {
	return each(ctx, e, list, (*fleet.Ending).Check, e.endIncident, func(err error) fleet.Ended { return fleet.Ended{Err: err} })
}

func (e *Engine) endIncident(now int64, q *fleet.Ending) fleet.Ended {
	w := e.window(q.Key, now)
	if w == nil || w.incident.opened == 0 {
		delete(e.indexes[q.Index], fleet.Member(q.Key, q.Parts))
		return fleet.Ended{}
	}
	i, line := &w.incident, now-ms(q.Age)
	if w.frozen.past == nil {
		if line < i.hit {
			return fleet.Ended{}
		}
		if i.lineAt == 0 {
			i.lineAt, i.line = now, line
		}
		w.keep(now)
		w.schedule(w.triggers, now)
	}
	e.listClosed(fleet.Closed{Key: q.Key, At: now, Ended: true})
	return fleet.Ended{Open: true}
}

// Listed implements fleet.Engine.
func (e *Engine) Listed(ctx context.Context, index fleet.Key) (list []fleet.Listed, err error) {
	now, end, err := e.begin(ctx)
	defer end()
	if err != nil {
		return nil, err
	}
	for _, member := range slices.Sorted(maps.Keys(e.indexes[index])) {
		if l, ok := fleet.ReadMember(member); ok && e.indexes[index][member] > now && len(list) < fleet.MaxListed {
			list = append(list, l)
		}
	}
	return list, nil
}
