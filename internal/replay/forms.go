package replay

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// Form is how a log is written down.
type Form uint8

// The forms.
const (
	FormAuto         Form = iota // told by the first lines
	FormPlain                    // every line is the text
	FormJSON                     // every line is a record as an object
	FormDocker                   // Docker's json-file: {"log":"…\n","stream":"stdout","time":"…"}
	FormCRI                      // TIME STREAM F|P TEXT
	FormContainerLog             // test/containerlog of this repository: @NAME id=…, SECONDS NAME STREAM TEXT
)

var formNames = [...]string{"auto", "plain", "json", "docker", "cri", "containerlog"}

// FormNames lists the words of ParseForm.
func FormNames() []string { return slices.Clone(formNames[:]) }

// String returns the form's word.
func (f Form) String() string { return formNames[f] }

// ParseForm reads a form's word.
func ParseForm(word string) (Form, error) {
	if i := slices.Index(formNames[:], word); i >= 0 {
		return Form(i), nil
	}
	return FormAuto, fmt.Errorf("unknown format %q: want one of %s", word, strings.Join(formNames[:], ", "))
}

// The bounds of what is looked at to tell a form.
const (
	sniffBytes = 64 << 10
	sniffLines = 50
)

// detect tells the form of a log by how it begins: the form that most of the lines have. Empty lines do not count.
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

// eachLine calls fn for the first lines that are not empty. A line is valid during the call.
func (s *Set) eachLine(head []byte, fn func(line []byte)) {
	var buf []byte
	for n := 0; n < sniffLines && len(head) > 0; {
		line := head
		if end := bytes.IndexByte(head, '\n'); end >= 0 {
			line, head = head[:end], head[end+1:]
		} else {
			if head = nil; n > 0 {
				return // it was cut
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
	_, ok := criEntry(&clock{}, line)
	return ok
}

// looksLikeContainerLog reports whether the first line that is no comment declares a container, and what follows is lines of it.
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

// isBinary reports whether the beginning of a file is no text: more than one byte in fifty is NUL. A line of text may hold one, and a log that was cut in
// place while a program went on writing behind its old end begins with a hole.
func isBinary(head []byte) bool {
	text := bytes.TrimLeft(head, "\x00")
	text = text[:min(len(text), 4096)]
	nuls := bytes.Count(text, []byte{0})
	return len(text) == 0 || nuls > 1 && nuls*50 > len(text)
}
