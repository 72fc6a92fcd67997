package engine

import (
	"crypto/sha256"
	"encoding/hex"
)

// templateID stands for a template of a rule and a workload.
type templateID [16]byte

func newTemplateID(rule, workload string, template []byte) templateID {
	h := sha256.New()
	h.Write([]byte(rule))
	h.Write([]byte{keySeparator})
	h.Write([]byte(workload))
	h.Write([]byte{keySeparator})
	h.Write(template)
	var sum [sha256.Size]byte
	return templateID(h.Sum(sum[:0])[:16])
}

func (id templateID) stateKey() string { return sightingPrefix + hex.EncodeToString(id[:]) }

// sighting is when a template was last seen, and when that was last saved.
type sighting struct{ last, saved int64 }

// lazySaves is the part of first_seen by which what is saved may be late: a template that comes all the time is not saved all the time.
const lazySaves = 64

// sighted notes the hit's template, whatever becomes of the hit, and reports whether it was seen within the time that the rule asks for.
func (l *limiter) sighted(a *attempt, now int64) (known bool) {
	within := int64(a.rule.settings.FirstSeen)
	if within == 0 {
		return false
	}
	s, ok := l.sightings.Get(a.template)
	if !ok {
		l.sightings.Add(a.template, &sighting{last: now, saved: now})
		l.touch(a.template.stateKey())
		return false
	}
	known = now-s.last < within
	s.last = now
	if now < s.saved || now-s.saved > within/lazySaves {
		s.saved = now
		l.touch(a.template.stateKey())
	}
	return known
}
