package safetext

import (
	"io"
	"unicode/utf8"
)

// Writer writes texts through VisibleText. A program must write its own terminal sequences to the writer that Unwrap returns.
type Writer struct {
	out  io.Writer
	rest []byte // the beginning of a character whose end is still to come
}

var _ io.Writer = (*Writer)(nil)

// NewWriter returns a Writer to out.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Unwrap returns the writer that texts go to.
func (w *Writer) Unwrap() io.Writer { return w.out }

// Write writes a text. A character that it ends within waits for the next call.
func (w *Writer) Write(p []byte) (int, error) {
	text := p
	if len(w.rest) > 0 {
		text = append(w.rest, p...)
		w.rest = nil
	}
	end := len(text)
	for i := end - 1; i >= 0 && i > end-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				w.rest = append([]byte(nil), text[i:]...)
				text = text[:i]
			}
			break
		}
	}
	if _, err := io.WriteString(w.out, VisibleText(string(text))); err != nil {
		return 0, err
	}
	return len(p), nil
}
