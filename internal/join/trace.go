package join

import (
	"bytes"
	"time"
)

// The bounds of a record.
const (
	MaxLines = 500
	MaxBytes = 64 << 10
	// MaxGap is the longest time, in ns, between two lines of a record, by their own times and in either direction: the clocks of streams differ.
	MaxGap = int64(time.Second)
	// maxLine bounds a line that begins or continues a record. Longer lines are made of parts, and are records of their own.
	maxLine = 16<<10 - 1
)

// mode says which line a record expects next.
type mode uint8

const (
	modeAny       mode = iota // frames, causes, indented lines
	modeCall                  // Python: the frames of a traceback; the first line that is not indented names the exception
	modeGo                    // Go: goroutines, with functions at the beginning of lines
	modeThrow                 // Node.js: the source line; the exception follows behind a blank line
	modeMessage               // Rust: the message of a panic stands on the next line
	modeFinished              // Python: the exception was named
	modeElixir                // Elixir: indented lines, and the state of the process
	modeReport                // Erlang: the lines of a report
	modeSanitizer             // C and C++: the parts of a sanitizer's report
	modeValgrind              // C and C++: lines with valgrind's mark
)

// Trace is the state of a record that may go on. It does not hold the text. The zero value is no record.
type Trace struct {
	last   int64 // time of the last line, ns
	lines  int
	blanks int // blank lines at the end
	bytes  int
	mode   mode
	frames bool   // a frame came
	class  bool   // an exception was named
	colon  bool   // the first line announces the next one, whatever that is
	named  uint32 // Python: the hash of the line that named the exception; 0: none, or that line came twice
}

// Verdict says whether a line is part of a record.
type Verdict uint8

// The verdicts.
const (
	Ends      Verdict = iota // the record is complete, without the line
	Continues                // the line is a part of the record
	Cut                      // the line would be a part of the record, but a bound ends it
)

// Lines returns how many lines the record has, blank ones at its end left out.
func (t *Trace) Lines() int { return t.lines - t.blanks }

// Open reports whether there is a record that may go on.
func (t *Trace) Open() bool { return t.lines > 0 }

// Text returns the text of a record: its lines, which the caller separated by line feeds, without blank ones at the end.
func Text(lines []byte) []byte {
	for {
		at := bytes.LastIndexByte(lines, '\n')
		if at < 0 || !blank(lines[at+1:]) {
			return lines
		}
		lines = lines[:at]
	}
}

// Begin returns the state of a record that begins with a line of the given time in ns. ok is false if no line can continue it. It searches the line, so
// callers ask MayJoin first.
//
// A text of several lines, which something in front joined, begins a record like its lines, if they all belong together.
func Begin(line []byte, time int64) (t Trace, ok bool) {
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		t, ok = Begin(line[:end], time)
		return t, ok && t.Continue(line[end+1:], time) == Continues
	}
	if len(line) == 0 || len(line) > maxLine || line[0] == '{' {
		return t, false // an object holds its trace in a member
	}
	t = Trace{last: time, lines: 1, bytes: len(line), colon: announces(line)}
	switch {
	case isBlank(line[0]):
		t.frames = isFrame(line)
		return t, t.frames
	case bytes.Contains(line, traceback):
		t.mode = modeCall
	case bytes.HasPrefix(line, goroutine), hasPanic(line):
		t.mode = modeGo
	case bytes.HasPrefix(line, raisedWord):
		t.mode, t.class = modeElixir, true
	case isReport(line):
		t.mode = modeReport
	case isSanitizer(line):
		t.mode = modeSanitizer
	case isValgrind(line):
		t.mode = modeValgrind
	case bytes.Contains(line, panickedAt):
		if line[len(line)-1] == ':' {
			t.mode = modeMessage
		}
	case isSourceLine(line):
		t.mode = modeThrow
	case isException(line), isType(line):
		t.class = true
	case isFlushFrame(line):
		t.frames = true
	default:
		return t, reportsError(line)
	}
	return t, true
}

// Continue decides whether a line of the given time in ns continues the record, and adds it if so. A text of several lines continues it if each of them
// does.
func (t *Trace) Continue(line []byte, time int64) Verdict {
	if bytes.IndexByte(line, '\n') >= 0 {
		// On a copy, because a text of which one line does not belong must change nothing.
		next, v := *t, Continues
		for more := true; more && v == Continues; {
			var one []byte
			one, line, more = bytes.Cut(line, lineFeed)
			v = next.Continue(one, time)
		}
		if v == Continues {
			*t = next
		}
		return v
	}
	if gap := time - t.last; gap > MaxGap || gap < -MaxGap || len(line) > maxLine {
		return Ends
	}
	if t.lines == 1 && !t.colon && !mayContinue(line) {
		return Ends // so that MayJoin is the first step of one decision, and not another one
	}
	// On a copy, because a line that ends the record must not change its state.
	next := *t
	if !next.accepts(line) {
		return Ends
	}
	next.last = time
	next.lines++
	next.bytes += 1 + len(line)
	// After accepts, so that only a line of the record itself counts as cut off.
	if next.lines > MaxLines || next.bytes > MaxBytes {
		return Cut
	}
	*t = next
	return Continues
}

var lineFeed = []byte{'\n'}

// maxBlanks bounds the blank lines in a row within a record.
const maxBlanks = 3

// accepts reports whether the line belongs to the record, and changes the mode.
func (t *Trace) accepts(line []byte) bool {
	if blank(line) {
		t.blanks++
		return t.blanks <= maxBlanks
	}
	blanks := t.blanks
	t.blanks = 0
	if t.mode == modeMessage {
		t.mode = modeAny
		return true
	}
	switch t.mode {
	case modeReport:
		// A report ends with a blank line, or with the next header.
		return blanks == 0 && (t.lines == 1 || isBlank(line[0]) || isTerm(line))
	case modeValgrind:
		rest := afterMark(line)
		return len(rest) > 2 && rest[0] == ' ' && rest[1] == ' '
	}
	if isBlank(line[0]) {
		frame := isFrame(line)
		t.frames = t.frames || frame
		// Behind a blank line indentation says nothing, except in traces that have blank lines of their own.
		return blanks == 0 || frame || t.mode == modeThrow || t.mode == modeGo || t.mode == modeCall || t.mode == modeElixir || t.mode == modeSanitizer
	}
	// The words that begin or continue a trace come first: they hold in each mode, and change it.
	switch {
	case bytes.HasPrefix(line, traceback):
		if t.mode == modeAny && t.frames && blanks == 0 {
			return false // another trace follows without a word that joins them
		}
		// One that follows a finished one belongs to it only behind "During handling …", which set the mode.
		if t.mode == modeFinished {
			return false
		}
		t.mode = modeCall
		return true
	case startsWithAny(line, joining):
		t.mode, t.frames = modeAny, true
		return true
	case startsWithAny(line, continuing), isFlushFrame(line):
		t.frames = true
		switch {
		case bytes.HasPrefix(line, goroutine):
			t.mode = modeGo
		case bytes.HasPrefix(line, raisedWord):
			t.mode = modeElixir
		}
		return true
	}
	switch t.mode {
	case modeCall:
		t.frames = true
		if isName(line) {
			t.mode, t.class, t.named = modeFinished, true, hash(line)
			return true
		}
		return false
	case modeFinished:
		// Fluent Bit's multiline filter repeats this line behind the traceback that it joined (5.1.1, parser python).
		if blanks == 0 && t.named == hash(line) {
			t.named = 0
			return true
		}
	case modeGo:
		return isGoLine(line)
	case modeElixir:
		return blanks == 0 && startsWithAny(line, elixirLines)
	case modeSanitizer:
		return startsWithAny(line, sanitizerLines) && !isSanitizer(line)
	case modeThrow:
		if !t.class && (isException(line) || isName(line)) {
			t.class = true
			return true
		}
		if t.class && bytes.HasPrefix(line, requirer) {
			return true
		}
	}
	if !t.class && !t.frames && t.lines-blanks == 1 && blanks == 0 && isException(line) {
		t.class = true
		return true
	}
	if !t.class && !t.frames && t.lines == 1 && blanks == 0 && isFunction(line) {
		t.mode = modeGo
		return true
	}
	return t.frames && startsWithAny(line, closing)
}

// hash returns the hash of a line (FNV-1a), which is not 0.
func hash(line []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range line {
		h = (h ^ uint32(c)) * 16777619
	}
	return max(h, 1)
}

// MayJoin reports whether a record may consist of two lines that follow each other in a stream. False is certain; true needs Begin of the first, and
// Continue with the second. It takes a few nanoseconds.
func MayJoin(before, line []byte) bool {
	// A table in place of announces, so that this function stays small enough to be inlined.
	return len(before) > 0 && (mayContinue(line) || announcing[before[len(before)-1]])
}

// announcing are the last bytes of lines that announce the next one.
var announcing = [256]bool{':': true, '=': true}

// announces reports whether any line may follow a line: one that ends in a colon, or the header of a report of Erlang.
func announces(line []byte) bool {
	last := line[len(line)-1]
	return last == ':' || last == '=' && line[0] == '=' && isReport(line)
}

// mayContinue reports whether a line may be the second one of a record.
func mayContinue(line []byte) bool {
	if len(line) == 0 {
		return true
	}
	switch first[line[0]] {
	case firstBlank:
		return true
	case firstWord:
		if startsOther(line) || second[line[0]] != nil && startsWithAny(line, second) {
			return true
		}
	case firstMark:
		if startsWithAny(line, second) || (line[0] == '/' || line[0] == '.') && isFlushFrame(line) {
			return true
		}
	}
	return false
}
