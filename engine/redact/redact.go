// Package redact masks secrets in texts that leave the program or are stored: tokens, keys, passwords, card numbers.
//
// It promises: a secret that is found is replaced as a whole by a mask such as [redacted:aws-key], also where only a part of it would be shown; masking a
// masked text changes nothing; a text that was cut does not end with a part of a word, which could be a part of a secret; the work for a text is
// linear in its length. It does not promise that every secret is found: it knows the forms in builtin.go, and those of the configuration.
//
// One shared engine/match.Set says which forms a text may have, so that a text without a secret costs little more than one pass over it.
package redact

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Redactor finds and masks secrets. It is immutable and safe for concurrent use. A nil Redactor masks nothing.
type Redactor struct {
	forms    []form
	builtin  bool
	set      func() *match.Set // compiled when a first text is searched, for it takes longer than the rest of a start
	matchers sync.Pool         // of *matcher
}

// matcher is a match.Matcher with its result.
type matcher struct {
	*match.Matcher
	found []int32
}

// New returns a redactor by settings that Validate accepts; nil when they ask for none. counterOf returns the counter of a name, which Count adds to.
func New(s Settings, counterOf func(name string) *atomic.Int64) (*Redactor, error) {
	var forms []form
	if s.Builtin {
		forms = append(forms, builtin()...)
	}
	if s.Email {
		forms = append(forms, email())
	}
	for _, text := range s.Patterns {
		f, err := custom(text)
		if err != nil {
			return nil, err
		}
		forms = append(forms, f)
	}
	if len(forms) == 0 {
		return nil, nil
	}
	for i := range forms {
		f := &forms[i]
		f.mask, f.counter = maskOf(f.name), counterOf(f.name)
	}
	r := &Redactor{forms: forms, builtin: s.Builtin, set: builtinSet}
	if s.Email || len(s.Patterns) > 0 || !s.Builtin {
		r.set = sync.OnceValue(func() *match.Set { return setOf(forms) })
	}
	r.matchers.New = func() any { return &matcher{Matcher: r.set().NewMatcher()} }
	return r, nil
}

// setOf compiles the set of forms, whose expressions are sound.
func setOf(forms []form) *match.Set {
	exprs := make([]string, len(forms))
	for i := range forms {
		exprs[i] = forms[i].expr
	}
	set, err := match.Compile(exprs, match.Options{})
	if err != nil {
		panic(err) // every form has been compiled, or is built in and tested
	}
	return set
}

// Find appends the parts of a text that are masked to dst, in their order; they do not overlap. cut says that the text was cut at its end.
func (r *Redactor) Find(text []byte, cut bool, dst []Span) []Span {
	if r == nil {
		return dst
	}
	first := len(dst)
	m := r.matchers.Get().(*matcher)
	m.found = m.Match(text, nil, m.found[:0])
	for _, id := range m.found {
		dst = r.forms[id].find(text, int(id), dst)
	}
	r.matchers.Put(m)
	if cut {
		if word := splitWord(text); word < len(text) {
			dst = append(dst, Span{word, len(text), cutForm})
		}
	}
	found := r.withoutMasks(text, dst[first:])
	return dst[:first+len(merge(found))]
}

// withoutMasks drops the spans that lie within masks of this redactor, or are masks, so that a text that is masked again stays as it is.
func (r *Redactor) withoutMasks(text []byte, spans []Span) []Span {
	if !bytes.Contains(text, []byte(maskPrefix)) { // nearly always, and the rest is slow where there are many spans
		return spans
	}
	return slices.DeleteFunc(spans, func(s Span) bool {
		if s.form == cutForm {
			return false
		}
		for i := range r.forms {
			if within(text, s, r.forms[i].mask) {
				return true
			}
		}
		return false
	})
}

// within reports whether a span lies within an occurrence of a mask.
func within(text []byte, s Span, mask string) bool {
	low, high := max(0, s.End-len(mask)), min(len(text), s.Begin+len(mask))
	if high-low < len(mask) {
		return false
	}
	around := string(text[low:high])
	for at := strings.Index(around, mask); at >= 0; {
		if low+at <= s.Begin && s.End <= low+at+len(mask) {
			return true
		}
		next := strings.Index(around[at+1:], mask)
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

// merge orders spans and joins those that overlap. The mask of a joined span is that of the longest of its parts, and of the first form among equals.
func merge(spans []Span) []Span {
	if len(spans) < 2 {
		return spans
	}
	slices.SortFunc(spans, func(a, b Span) int {
		if a.Begin != b.Begin {
			return a.Begin - b.Begin
		}
		return a.form - b.form
	})
	out, longest := spans[:1], spans[0].End-spans[0].Begin
	for _, s := range spans[1:] {
		last := &out[len(out)-1]
		if s.Begin >= last.End {
			out, longest = append(out, s), s.End-s.Begin
			continue
		}
		if last.form == cutForm || s.form != cutForm && s.End-s.Begin > longest {
			last.form, longest = s.form, s.End-s.Begin
		}
		last.End = max(last.End, s.End)
	}
	return out
}

// AppendMasked appends text[begin:end] to dst with the parts masked that overlap spans. A part that is only partly within begin and end has its
// whole mask.
func (r *Redactor) AppendMasked(dst, text []byte, begin, end int, spans []Span) []byte {
	for _, s := range spans {
		if s.End <= begin || s.Begin >= end {
			continue
		}
		dst = append(dst, text[begin:max(begin, s.Begin)]...)
		dst = append(dst, r.Mask(s)...)
		begin = min(s.End, end)
	}
	return append(dst, text[begin:end]...)
}

// Mask returns the text in place of a span.
func (r *Redactor) Mask(s Span) string {
	if s.form == cutForm {
		return ""
	}
	return r.forms[s.form].mask
}

// Text returns a text with its secrets masked, and counts them in tally.
func (r *Redactor) Text(text string, tally *Tally) string { return r.text(text, false, tally) }

// CutText is Text for a text that was cut at its end.
func (r *Redactor) CutText(text string, tally *Tally) string { return r.text(text, true, tally) }

func (r *Redactor) text(text string, cut bool, tally *Tally) string {
	if r == nil || text == "" {
		return text
	}
	raw := []byte(text)
	spans := r.Find(raw, cut, nil)
	if len(spans) == 0 {
		return text
	}
	r.Tally(spans, tally)
	return string(r.AppendMasked(make([]byte, 0, len(raw)), raw, 0, len(raw), spans))
}

// Line returns a line that is shown outside of alerts, masked: valid UTF-8, at most limit bytes.
func (r *Redactor) Line(line []byte, limit int) string {
	part := line[:min(len(line), limit+maxSplit)]
	spans := r.Find(part, len(part) < len(line), nil)
	return safetext.Cut(strings.ToValidUTF8(string(r.AppendMasked(nil, part, 0, len(part), spans)), "\uFFFD"), limit)
}

// Value returns the value of a field, a capture or the like with its secrets masked. A name that names a secret, such as "db.password", masks the
// whole value. cut says that the value was cut at its end.
func (r *Redactor) Value(name, value string, cut bool, tally *Tally) string {
	if r == nil || value == "" {
		return value
	}
	if r.builtin && namesSecret(name, value) && !r.masked(value) {
		tally.add(passwordName)
		return maskOf(passwordName)
	}
	return r.text(value, cut, tally)
}

// ValueSecret reports whether Value masks anything of a value. It costs no allocation for most values that hold none.
func (r *Redactor) ValueSecret(name string, value []byte) bool {
	if r == nil || len(value) == 0 {
		return false
	}
	var room [8]Span
	return len(r.Find(value, false, room[:0])) > 0 || r.builtin && namesSecret(name, string(value)) && !r.masked(string(value))
}

// masked reports whether a text is one of the masks.
func (r *Redactor) masked(text string) bool {
	return slices.ContainsFunc(r.forms, func(f form) bool { return f.mask == text })
}

// Tally has the number of masked places by the name of the mask. The zero value is empty.
type Tally map[string]int

func (t *Tally) add(name string) {
	if t == nil {
		return
	}
	if *t == nil {
		*t = Tally{}
	}
	(*t)[name]++
}

// Tally adds spans to a tally.
func (r *Redactor) Tally(spans []Span, tally *Tally) {
	for _, s := range spans {
		if s.form != cutForm {
			tally.add(r.forms[s.form].name)
		}
	}
}

// Count adds a tally to the counters.
func (r *Redactor) Count(t Tally) {
	if r == nil {
		return
	}
	for name, n := range t {
		for i := range r.forms { // patterns may share a name, and then share the counter
			if r.forms[i].name == name {
				r.forms[i].counter.Add(int64(n))
				break
			}
		}
	}
}

// splitWord returns where the word begins that the end of a cut text may have split: at most maxSplit bytes before it, len(text) where the text ends
// between words.
func splitWord(text []byte) int {
	begin := len(text)
	for begin > 0 && len(text)-begin < maxSplit && wordByte(text[begin-1]) {
		begin--
	}
	return begin
}

// maxSplit bounds the word that is left out, in bytes. It is more than the least length by which any form is found, so a longer word that is a secret is
// found by its beginning.
const maxSplit = 256

// wordByte reports whether secrets may hold a byte. Card numbers hold spaces too, but a part of one has no more digits than receipts print.
func wordByte(b byte) bool {
	switch {
	case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9':
		return true
	}
	return strings.IndexByte("_-+/=.~%:@", b) >= 0
}
