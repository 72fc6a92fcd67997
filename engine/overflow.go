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

// cellOf returns the state of a hit's key. A template too many has none: the hits of all of them share one, whose cooldown and threshold hold
// nothing back.
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

// tooMany reports whether cellOf would find no room for the template of a hit. It changes nothing.
func (l *limiter) tooMany(a *attempt, now int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.groups[string(groupKey(a))]
	if !a.rule.grouped || g == nil || len(g.cells) < maxTemplates || l.has(a.key) {
		return false
	}
	return !g.toSweep(now) || len(g.cells)-len(g.idle(now)) >= maxTemplates
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
	if !g.toSweep(now) {
		return false
	}
	g.swept = now
	for _, c := range g.idle(now) {
		l.dropCell(c)
	}
	return len(g.cells) < maxTemplates
}

func (g *group) toSweep(now int64) bool { return now < g.swept || now-g.swept >= sweepEvery }

func (g *group) idle(now int64) (idle []*cell) {
	for c := range g.cells {
		if c.idle(now) {
			idle = append(idle, c)
		}
	}
	return idle
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
