package replay

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Untimed counts the lines whose time is not known. They count as of the line before, or of the file's last change, so whatever depends on time
// (cooldowns, thresholds, absences) is a guess for them. Lines behind one with a time, such as those of a stack trace, are of its moment and do not count,
// up to maxBehind of them.
type Untimed struct {
	Lines   int64            `json:"lines"`
	Of      int64            `json:"of"`      // all lines that were read
	Reasons map[string]int64 `json:"reasons"` // their numbers, by the reason
	File    string           `json:"file"`    // of the first of them
	Line    int              `json:"line,omitempty"`
}

// maxBehind is how many lines without a time may belong to the line with one before them.
const maxBehind = 200

// String says it in one sentence, with the way out.
func (u *Untimed) String() string {
	var why []string
	for _, word := range slices.SortedFunc(maps.Keys(u.Reasons), func(a, b string) int { return int(u.Reasons[b] - u.Reasons[a]) }) {
		why = append(why, fmt.Sprintf("%s (%s)", word, grouped(u.Reasons[word])))
	}
	at := u.File
	if u.Line > 0 {
		at += ":" + strconv.Itoa(u.Line)
	}
	return fmt.Sprintf("%s of %s lines have no time that is known: %s; the first is %s. They count as of the line before, or of the file's last change. "+
		"Read the log with times (docker logs -t, journalctl -o short-iso, a date and a zone in the logger's format), or name the zone with --timezone",
		grouped(u.Lines), grouped(u.Of), strings.Join(why, ", "), at)
}

// grouped writes a number with a comma between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// untimedLines adds up what series count. It is safe for concurrent use.
type untimedLines struct {
	mu    sync.Mutex
	of    int64
	by    [reasons]int64
	first *Problem
}

// add takes what a series counted since the last call.
func (u *untimedLines) add(of int64, by *[reasons]int64, first *Problem) {
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

// stats returns nil when all times are known.
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
			out.Reasons[reasonWords[why]] = n
		}
	}
	return out
}

// times is what one series counts of its lines' times.
type times struct {
	timed   bool // a line had a time
	behind  int  // lines without one since then
	lines   int64
	unknown [reasons]int64
	first   *Problem // nil: none that was not handed on
}

// known notes a line whose time is known.
func (t *times) known() {
	t.lines++
	t.timed, t.behind = true, 0
}

// none notes a line without a time that is known.
func (t *times) none(why reason, file string, number int) {
	t.lines++
	t.behind++
	if why == whyNone && t.timed && t.behind <= maxBehind {
		return
	}
	t.unknown[why]++
	if t.first == nil {
		t.first = &Problem{File: file, Line: number}
	}
}

// handOn gives what was counted to the set.
func (t *times) handOn(to *untimedLines) {
	if t.lines > 0 {
		to.add(t.lines, &t.unknown, t.first)
		t.lines, t.unknown, t.first = 0, [reasons]int64{}, nil
	}
}
