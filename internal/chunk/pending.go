package chunk

import (
	"cmp"
	"slices"
)

// pending is the parts of a line that came before those in front of them, in the order of their numbers.
type pending struct {
	parts []pendingPart
	bytes int
}

type pendingPart struct {
	ordinal int64
	text    []byte
}

// pendingOverhead is what a part costs beside its text, in bytes, about.
const pendingOverhead = 48

// add keeps a copy of a part, unless it came already or is in front of the next one that is expected. It returns how many bytes there was no room
// for; then the part is missing.
func (p *pending) add(ordinal int64, text []byte, expected int64, room int) (dropped int) {
	at, known := slices.BinarySearchFunc(p.parts, ordinal, func(a pendingPart, b int64) int { return cmp.Compare(a.ordinal, b) })
	switch {
	case known || ordinal < expected:
		return 0
	case len(p.parts) >= maxPending || p.bytes+len(text) > room:
		return len(text)
	}
	p.parts = slices.Insert(p.parts, at, pendingPart{ordinal, slices.Clone(text)})
	p.bytes += len(text)
	return 0
}

// shift takes the first part out.
func (p *pending) shift() []byte {
	text := p.parts[0].text
	p.parts = slices.Delete(p.parts, 0, 1)
	p.bytes -= len(text)
	return text
}

// appendTo appends the texts of all parts.
func (p *pending) appendTo(dst []byte) []byte {
	for _, part := range p.parts {
		dst = append(dst, part.text...)
	}
	return dst
}

func (p *pending) size() int { return p.bytes + pendingOverhead*len(p.parts) }
