package replay

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/tinyforge/fluentbit-trigger/internal/replay/timestamp"
)

// Form is the format of a log.
type Form uint8

// The forms.
const (
	FormAuto         Form = iota // detected from the first lines
	FormPlain                    // every line is the text
	FormJSON                     // every line is a JSON object with a record
	FormDocker                   // Docker's json-file: {"log":"…\n","stream":"stdout","time":"…"}
	FormCRI                      // TIME STREAM F|P TEXT
	FormContainerLog             // test/containerlog of this repository: @NAME id=…, SECONDS NAME STREAM TEXT
)

var formNames = [...]string{"auto", "plain", "json", "docker", "cri", "containerlog"}

// FormNames returns the names that ParseForm accepts.
func FormNames() []string { return slices.Clone(formNames[:]) }

// String returns the form's name.
func (f Form) String() string { return formNames[f] }

// ParseForm returns the form of a name.
func ParseForm(word string) (Form, error) {
	if i := slices.Index(formNames[:], word); i >= 0 {
		return Form(i), nil
	}
	return FormAuto, fmt.Errorf("format %q: must be one of %s", word, strings.Join(formNames[:], ", "))
}

// The bounds of the part of a file that detect reads.
const (
	sniffBytes = 64 << 10
	sniffLines = 50
)

// detect returns the form of most of the first lines of a log. Empty lines do not count.
func (s *Set) detect(head []byte) Form {
	if s.looksLikeContainerLog(head) {
		return FormContainerLog
	}
	var votes [FormContainerLog]int
	s.eachLine(head, func(line []byte) {
		switch {
		case isDockerLine(line):
			votes[FormDocker]++
		case line[0] == '{' && gjson.ValidBytes(line):
			votes[FormJSON]++
		case isCRILine(line):
			votes[FormCRI]++
		default:
			votes[FormPlain]++
		}
	})
	best := FormPlain
	for f := FormPlain; f < FormContainerLog; f++ {
		if votes[f] > votes[best] {
			best = f
		}
	}
	return best
}

// eachLine calls fn with the first lines that are not empty. A line is valid only during the call.
func (s *Set) eachLine(head []byte, fn func(line []byte)) {
	var buf []byte
	for n := 0; n < sniffLines && len(head) > 0; {
		line := head
		if end := bytes.IndexByte(head, '\n'); end >= 0 {
			line, head = head[:end], head[end+1:]
		} else {
			if head = nil; n > 0 {
				return // the last line may be incomplete
			}
		}
		if line, buf = s.opt.Records.Line(buf, line); len(line) > 0 {
			fn(line)
			n++
		}
	}
}

func isDockerLine(line []byte) bool {
	e, ok := dockerEntry(line)
	return ok && e.stream != "" && len(e.time) >= len("2006-01-02T15:04:05Z")
}

func isCRILine(line []byte) bool {
	_, ok := criEntry(&timestamp.Clock{}, line)
	return ok
}

// looksLikeContainerLog reports whether the first line after the comments declares a container, and a line of a container follows the declarations.
func (s *Set) looksLikeContainerLog(head []byte) bool {
	declared, lines := false, false
	s.eachLine(head, func(line []byte) {
		switch {
		case line[0] == '#' || lines:
		case line[0] == '@':
			declared = true
		case declared:
			_, lines = containerLine(line)
			declared = lines
		default:
			declared = false
		}
	})
	return declared && lines
}

// isBinary reports whether a file begins with binary data: more than one byte in fifty is NUL. A single NUL may occur in a line of text. NULs at the
// start are ignored: a log that was truncated while its writer kept its old offset begins with a hole.
func isBinary(head []byte) bool {
	text := bytes.TrimLeft(head, "\x00")
	text = text[:min(len(text), 4096)]
	nuls := bytes.Count(text, []byte{0})
	return len(text) == 0 || nuls > 1 && nuls*50 > len(text)
}
