package replay

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/replay/timestamp"
)

// Untimed counts the lines without a known time. They get the time of the line before, or of the file's last change, so everything that depends on
// time (cooldowns, thresholds, absences) is a guess for them. The lines after one with a time, such as a stack trace, share its time: up to maxBehind of
// them are not counted.
type Untimed struct {
	Lines   int64            `json:"lines"`
	Of      int64            `json:"of"`      // all lines read
	Reasons map[string]int64 `json:"reasons"` // number of lines by reason
	File    string           `json:"file"`    // file of the first such line
	Line    int              `json:"line,omitempty"`
}

// maxBehind is the maximum number of lines without a time that belong to the timed line before them.
const maxBehind = 200

// String describes the lines and suggests a remedy.
func (u *Untimed) String() string {
	var why []string
	for _, word := range slices.SortedFunc(maps.Keys(u.Reasons), func(a, b string) int { return int(u.Reasons[b] - u.Reasons[a]) }) {
		why = append(why, fmt.Sprintf("%s (%s)", word, quantity.Grouped(u.Reasons[word])))
	}
	at := u.File
	if u.Line > 0 {
		at += ":" + strconv.Itoa(u.Line)
	}
	return fmt.Sprintf("%s of %s lines have no time that is known: %s; the first is %s. They count as of the line before, or of the file's last change. "+
		"Read the log with times (docker logs -t, journalctl -o short-iso, a date and a zone in the logger's format), or name the zone with --timezone",
		quantity.Grouped(u.Lines), quantity.Grouped(u.Of), strings.Join(why, ", "), at)
}

// untimedLines adds up the counts of all series. It is safe for concurrent use.
type untimedLines struct {
	mu    sync.Mutex
	of    int64
	by    [timestamp.Reasons]int64
	first *Problem
}

// add adds the counts of a series since its last call.
func (u *untimedLines) add(of int64, by *[timestamp.Reasons]int64, first *Problem) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.of += of
	for why, n := range by {
		u.by[why] += n
	}
	if u.first == nil {
		u.first = first
	}
}

// stats returns nil if all times are known.
func (u *untimedLines) stats() *Untimed {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.first == nil {
		return nil
	}
	out := &Untimed{Of: u.of, Reasons: map[string]int64{}, File: u.first.File, Line: u.first.Line}
	for why, n := range u.by {
		if n > 0 {
			out.Lines += n
			out.Reasons[timestamp.Reason(why).String()] = n
		}
	}
	return out
}

// times counts the lines of one series with and without a known time.
type times struct {
	timed   bool // a line with a time was read
	behind  int  // lines without one since the last time
	lines   int64
	unknown [timestamp.Reasons]int64
	first   *Problem // nil: none since the last handOn
}

// known counts a line with a known time.
func (t *times) known() {
	t.lines++
	t.timed, t.behind = true, 0
}

// none counts a line without a known time.
func (t *times) none(why timestamp.Reason, file string, number int) {
	t.lines++
	t.behind++
	if why == timestamp.NoTime && t.timed && t.behind <= maxBehind {
		return
	}
	t.unknown[why]++
	if t.first == nil {
		t.first = &Problem{File: file, Line: number}
	}
}

// handOn moves the counts to the set.
func (t *times) handOn(to *untimedLines) {
	if t.lines > 0 {
		to.add(t.lines, &t.unknown, t.first)
		t.lines, t.unknown, t.first = 0, [timestamp.Reasons]int64{}, nil
	}
}
