package engine

import "time"

// maxTemplates bounds how many templates of one rule and container have a key of their own.
const maxTemplates = 1000

// sweepEvery is how often the keys of a group that is full are looked through for those that say nothing any more.
const sweepEvery = int64(time.Second)

// templateGroup is the keys of one rule and container that hold a template.
type templateGroup struct {
	key   string
	keys  map[*keyState]struct{}
	swept int64 // when its keys were last looked through
}

// stateOfHit returns the state of a hit's key. A template too many has none: the hits of all of them share one, whose cooldown and threshold suppress
// nothing.
func (k *Keyed) stateOfHit(h *hitContext, now int64) *keyState {
	if !h.rule.grouped {
		s, _ := k.stateOf(h.key)
		return s
	}
	if g := k.groups[string(groupKey(h))]; g != nil && len(g.keys) >= maxTemplates && !k.has(h.key) && !k.sweep(g, h.rule, now) {
		h.overflow = true
		k.overflow++
		h.key = h.overflowKey.OverflowKey()
		s, _ := k.stateOf(h.key)
		return s
	}
	s, made := k.stateOf(h.key)
	if made {
		name := string(groupKey(h))
		g := k.groups[name]
		if g == nil {
			g = &templateGroup{key: name, keys: map[*keyState]struct{}{}}
			k.groups[name] = g
		}
		g.keys[s] = struct{}{}
		s.group = g
	}
	return s
}

// overflows reports whether stateOfHit would find no room for the template of a hit. It changes nothing.
func (k *Keyed) overflows(h *hitContext, now int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	g := k.groups[string(groupKey(h))]
	if !h.rule.grouped || g == nil || len(g.keys) < maxTemplates || k.has(h.key) {
		return false
	}
	return !g.toSweep(now) || len(g.expired(h.rule, now)) == 0
}

func groupKey(h *hitContext) []byte {
	key := append([]byte(h.rule.id), keySeparator)
	return append(key, h.container...)
}

// has reports whether a key has state.
func (k *Keyed) has(key []byte) bool {
	s, ok := k.keys.Peek(k.hash(key))
	return ok && s.key == string(key)
}

// sweep removes the keys of a group that say nothing any more by the rule that is in force, and reports whether there is room. When there are none, those
// go that only hold what no alert has reported: as that is reported with the next alert of the key alone, they would keep new templates out for good.
func (k *Keyed) sweep(g *templateGroup, r *rule, now int64) bool {
	if !g.toSweep(now) {
		return false
	}
	g.swept = now
	expired := g.expired(r, now)
	for _, s := range expired {
		if s.unreported.total() == 0 {
			k.drop(s)
		}
	}
	if len(g.keys) < maxTemplates {
		return true
	}
	for _, s := range expired {
		k.drop(s)
	}
	return len(g.keys) < maxTemplates
}

func (g *templateGroup) toSweep(now int64) bool { return now < g.swept || now-g.swept >= sweepEvery }

func (g *templateGroup) expired(r *rule, now int64) (expired []*keyState) {
	for s := range g.keys {
		if s.expired(r, now) {
			expired = append(expired, s)
		}
	}
	return expired
}

// leave takes a key out of its group.
func (k *Keyed) leave(s *keyState) {
	delete(s.group.keys, s)
	if len(s.group.keys) == 0 {
		delete(k.groups, s.group.key)
	}
	s.group = nil
}
