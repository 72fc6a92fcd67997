package redact

import (
	"regexp"
	"sync/atomic"
)

// form is one kind of secret.
type form struct {
	name  string
	mask  string
	expr  string
	re    func() *regexp.Regexp // expr, compiled when a text first may hold a secret of this form
	group int                   // the group of re that is masked, if there are that many; 0: all of the match
	// sound says whether a match is a secret, and how far it reaches. nil: it is, as far as it matched.
	sound   func(text []byte, begin, end int) (to int, ok bool)
	counter *atomic.Int64
}

const maskPrefix = "[redacted:"

func maskOf(name string) string { return maskPrefix + name + "]" }

// Span is a part of a text that is masked.
type Span struct {
	Begin, End int
	form       int // index of the form; cutForm for the split word at the end of a cut text, which is left out
}

const cutForm = -1

// find appends the secrets of one form.
func (f *form) find(text []byte, id int, dst []Span) []Span {
	re := f.re()
	group := min(f.group, re.NumSubexp())
	for _, at := range re.FindAllSubmatchIndex(text, -1) {
		begin, end := at[2*group], at[2*group+1]
		if group > 0 && begin < 0 { // one of several groups took part
			for g := group + 1; 2*g+1 < len(at) && begin < 0; g++ {
				begin, end = at[2*g], at[2*g+1]
			}
		}
		if begin < 0 || begin == end {
			continue
		}
		if f.sound != nil {
			to, ok := f.sound(text, begin, end)
			if !ok {
				continue
			}
			end = to
		}
		dst = append(dst, Span{begin, end, id})
	}
	return dst
}
