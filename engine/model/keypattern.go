package model

import (
	"bytes"
	"strings"
)

// KeyPattern matches the state keys that have certain parts. It is built from left to right, and an empty one matches the empty key.
type KeyPattern struct{ texts [][]byte } // between two of them is any text

// Add adds a text that the keys have.
func (p *KeyPattern) Add(text []byte) {
	if len(p.texts) == 0 {
		p.texts = append(p.texts, nil)
	}
	last := len(p.texts) - 1
	p.texts[last] = append(p.texts[last], text...)
}

// AddAny adds a part that can be any text. It may hold separators: values from lines can.
func (p *KeyPattern) AddAny() {
	p.Add(nil)
	p.texts = append(p.texts, nil)
}

// Only returns the one key that matches; ok is false when several can.
func (p *KeyPattern) Only() (key string, ok bool) {
	if len(p.texts) > 1 {
		return "", false
	}
	return string(bytes.Join(p.texts, nil)), true
}

// Matches reports whether a key has the parts, in time linear to its length for each of them.
func (p *KeyPattern) Matches(key string) bool {
	if only, ok := p.Only(); ok {
		return key == only
	}
	first, last := p.texts[0], p.texts[len(p.texts)-1]
	if len(key) < len(first)+len(last) || key[:len(first)] != string(first) || key[len(key)-len(last):] != string(last) {
		return false
	}
	key = key[len(first) : len(key)-len(last)]
	// The leftmost place of a text leaves the most room for those behind it.
	for _, text := range p.texts[1 : len(p.texts)-1] {
		at := strings.Index(key, string(text))
		if at < 0 {
			return false
		}
		key = key[at+len(text):]
	}
	return true
}
