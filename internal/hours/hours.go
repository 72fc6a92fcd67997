// Package hours is times of the week in words, such as "weekdays 18:00-08:00", on the clock of a time zone.
//
// A moment is within hours when a clock on a wall in their zone shows a time that is in them. Two rules for the days on which clocks change follow from
// that: an hour that the clock skips is in none, and an hour that comes twice is in them twice. Hours over midnight belong to the day on which they begin:
// "fri 18:00-08:00" ends on Saturday.
package hours

import (
	"slices"
	"time"
)

// Hours is times of the week. It is immutable.
type Hours struct {
	spans []span
	zone  *time.Location
}

// span is one time of the day, on some days of the week.
type span struct {
	days     uint8 // on which it begins: a bit for each, the lowest for Sunday
	from, to int   // minutes after midnight; to is beyond dayMinutes for a span that ends on the next day
}

const (
	dayMinutes = 24 * 60
	dayNanos   = int64(24 * time.Hour)
)

// Contain reports whether a moment, in ns since 1970-01-01 UTC, is within the hours.
func (h *Hours) Contain(ns int64) bool {
	t := time.Unix(0, ns).In(h.zone)
	hour, minute, _ := t.Clock()
	return h.contain(int(t.Weekday()), hour*60+minute)
}

// contain reports whether a minute of a day of the week is within the hours.
func (h *Hours) contain(day, minute int) bool {
	before := (day + 6) % 7
	for i := range h.spans {
		s := &h.spans[i]
		if s.days>>day&1 != 0 && s.from <= minute && minute < s.to || s.days>>before&1 != 0 && minute < s.to-dayMinutes {
			return true
		}
	}
	return false
}

// searched is how far ahead a change is looked for: hours that the clock skips twice in a row come again within it.
const searched = 22 * dayNanos

// Period is a time within hours, in ns since 1970-01-01 UTC.
type Period struct {
	From  int64 // its first moment
	Until int64 // the first moment after it; 0: it has no end
}

// Period returns the period that contains a moment, with this moment as From, or the next one after it. ok is false when there is none in the next three weeks.
func (h *Hours) Period(now int64) (p Period, ok bool) {
	p.From = now
	if !h.Contain(now) {
		if p.From, ok = h.change(now); !ok {
			return Period{}, false
		}
	}
	p.Until, _ = h.change(p.From)
	return p, true
}

// change returns the first moment after now at which Contain changes, 0 and false when there is none in the next three weeks.
func (h *Hours) change(now int64) (int64, bool) {
	within := h.Contain(now)
	for at := now; at < now+searched; {
		// Up to the next change of the clock, the wall clock is the time plus an offset.
		t := time.Unix(0, at).In(h.zone)
		end := min(at+2*dayNanos, now+searched) // most changes are near
		if _, changes := t.ZoneBounds(); !changes.IsZero() && changes.Before(time.Unix(0, end)) {
			end = changes.UnixNano()
		}
		for _, edge := range h.edges(at, end) {
			if h.Contain(edge) != within {
				return edge, true
			}
		}
		at = end
	}
	return 0, false
}

// edges returns the moments after at, up to end, at which a span begins or ends, and end itself, in their order. The offset from UTC is the same at all of
// them but end.
func (h *Hours) edges(at, end int64) []int64 {
	_, offset := time.Unix(0, at).In(h.zone).Zone()
	shift := int64(offset) * int64(time.Second)
	midnight := (at+shift)/dayNanos*dayNanos - shift
	edges := []int64{end}
	for i := range h.spans {
		for day := midnight - dayNanos; day < end; day += dayNanos {
			for _, minute := range [...]int{h.spans[i].from, h.spans[i].to} {
				if edge := day + int64(minute)*int64(time.Minute); edge > at && edge < end {
					edges = append(edges, edge)
				}
			}
		}
	}
	slices.Sort(edges)
	return edges
}

// Clock returns a moment as a clock in the zone of the hours shows it: "Mon 2026-11-30 08:00 CET".
func (h *Hours) Clock(ns int64) string {
	return time.Unix(0, ns).In(h.zone).Format("Mon 2006-01-02 15:04 MST")
}
