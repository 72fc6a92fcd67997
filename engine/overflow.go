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
	return !g.toSweep(now) || len(g.over(now)) == 0
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

// sweep removes the cells of a group that say nothing any more, and reports whether there is room. When there are none, those go that only hold what
// no alert has told: as it is told with the next alert of the key alone, they would keep new templates out for good.
func (l *limiter) sweep(g *group, now int64) bool {
	if !g.toSweep(now) {
		return false
	}
	g.swept = now
	over := g.over(now)
	for _, c := range over {
		if c.untold() == 0 {
			l.dropCell(c)
		}
	}
	if len(g.cells) < maxTemplates {
		return true
	}
	for _, c := range over {
		l.dropCell(c)
	}
	return len(g.cells) < maxTemplates
}

func (g *group) toSweep(now int64) bool { return now < g.swept || now-g.swept >= sweepEvery }

func (g *group) over(now int64) (over []*cell) {
	for c := range g.cells {
		if c.over(now) {
			over = append(over, c)
		}
	}
	return over
}

// over reports whether a cell says no more than one that is made anew, but for what no alert has told yet.
func (c *cell) over(now int64) bool {
	if c.rule == nil || c.cooling(c.rule, now) || c.began != 0 && now-c.lastHit < c.rule.window() {
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
