package engine

// silenceMemo remembers, for one worker, which silences are about a rule and a source, so that thousands of globs are looked through once for both
// rather than for each hit.
type silenceMemo struct {
	set   *silenceSet
	about map[ruleSource][]*silence
}

type ruleSource struct {
	rule   string // its id
	source *Source
}

// fewGlobs is how many silences are looked through in less time than it takes to remember.
const fewGlobs = 8

// maxMemo bounds how much is remembered. Beyond it, all is forgotten and found anew.
const maxMemo = 4096

// suppressing is holding of the set.
func (m *silenceMemo) suppressing(set *silenceSet, s *subject, now int64) *silence {
	if set.idle(now) {
		return nil
	}
	if len(set.others) <= fewGlobs {
		return set.suppressing(s, now)
	}
	if m.set != set || len(m.about) >= maxMemo {
		*m = silenceMemo{set: set, about: map[ruleSource][]*silence{}}
	}
	key := ruleSource{s.rule.id, s.source}
	about, ok := m.about[key]
	if !ok {
		for _, list := range set.lists(s.rule, s.source) {
			for _, one := range list {
				if one.matcher.matchesSource(s.rule, s.source) {
					about = append(about, one)
				}
			}
		}
		m.about[key] = about
	}
	for _, one := range about {
		if one.From <= now && now < one.Until && one.matcher.matchesLine(s) {
			return one
		}
	}
	return nil
}
