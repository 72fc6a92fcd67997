package engine

import "time"

// maxTemplates bounds how many templates of one rule and container have a key of their own.
const maxTemplates = 1000

// sweepEvery is how often the keys of a group that is full are looked through for those that say nothing any more.
const sweepEvery = int64(time.Second)

// group is the cells of one rule and container whose keys hold a template.
type group struct {
	key   string
	cells map[*cell]struct{}
	swept int64 // when its cells were last looked through
}

// cellOf returns the state of a hit's key. A template too many has none: the hits of all of them share one, whose cooldown holds nothing back.
func (l *limiter) cellOf(a *attempt, now int64) *cell {
	if !a.rule.grouped {
		c, _ := l.cell(a.key)
		return c
	}
	if g := l.groups[string(groupKey(a))]; g != nil && len(g.cells) >= maxTemplates && !l.has(a.key) && !l.sweep(g, now) {
		a.overflow = true
		l.overflow++
		a.key = a.worker.overflowKey(a.hit)
		c, _ := l.cell(a.key)
		return c
	}
	c, made := l.cell(a.key)
	if made {
		name := string(groupKey(a))
		g := l.groups[name]
		if g == nil {
			g = &group{key: name, cells: map[*cell]struct{}{}}
			l.groups[name] = g
		}
		g.cells[c] = struct{}{}
		c.group = g
	}
	return c
}

func groupKey(a *attempt) []byte {
	key := append([]byte(a.rule.id), keySeparator)
	return append(key, a.container...)
}

// has reports whether a key has state.
func (l *limiter) has(key []byte) bool {
	c, ok := l.cells.Peek(l.hash(key))
	return ok && c.key == string(key)
}

// sweep removes the cells of a group that say nothing any more, and reports whether there is room.
func (l *limiter) sweep(g *group, now int64) bool {
	if now >= g.swept && now-g.swept < sweepEvery {
		return false
	}
	g.swept = now
	var idle []*cell
	for c := range g.cells {
		if c.idle(now) {
			idle = append(idle, c)
		}
	}
	for _, c := range idle {
		l.dropCell(c)
	}
	return len(g.cells) < maxTemplates
}

// idle reports whether a cell says no more than one that is made anew.
func (c *cell) idle(now int64) bool {
	if c.rule == nil || c.untold() > 0 || c.cooling(c.rule, now) || c.began != 0 && now-c.lastHit < c.rule.window() {
		return false
	}
	n := len(c.marks)
	return n == 0 || now-c.marks[n-1].at >= int64(c.rule.settings.Within)
}

// leave takes a cell out of its group.
func (l *limiter) leave(c *cell) {
	delete(c.group.cells, c)
	if len(c.group.cells) == 0 {
		delete(l.groups, c.group.key)
	}
	c.group = nil
}
