package docker

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// FollowStatus is a container and whether its log is followed.
type FollowStatus struct {
	ID, Name, Image, Workload string
	// Engine is the engine's state of the container, such as "running".
	Engine   string
	Followed bool
	State    State // of its tail
	// Reason is why it is not followed, or why its log cannot be read now; "" otherwise.
	Reason string
	// Lines and Hits count since the start of this program.
	Lines, Hits int64
	// JoinedRecords counts the records of several lines, which are stack traces, and JoinedLines their lines.
	JoinedRecords, JoinedLines int64
	Last                       time.Time // time of the newest line; zero without lines
}

// notFollowed is a container that is not followed.
type notFollowed struct{ name, image, workload, reason string }

// The reasons why a container is not followed.
const (
	reasonOwn     = "this program runs in it"
	reasonLabel   = "disabled by its label fluentbit-trigger.enable"
	reasonNone    = "not matched by [docker] containers"
	reasonNotYet  = "not inspected yet"
	reasonRemoved = "being removed: reading the rest of its log"
)

// whyNotFollowed says why a container is not followed by the settings, "" when it is. own is the id of the container that this program runs in, or its first
// twelve digits.
func (s *Settings) whyNotFollowed(c *Container, own string) string {
	switch {
	case len(own) >= 12 && strings.HasPrefix(c.ID, own):
		return reasonOwn
	case !enabled(c.Labels):
		return reasonLabel
	case len(s.Containers) > 0 && matching(s.Containers, c) == "":
		return reasonNone
	}
	if glob := matching(s.Exclude, c); glob != "" {
		return "matched by [docker] exclude: " + glob
	}
	return ""
}

// Containers returns all containers by name and id, as last listed by the engine, each with whether it is followed.
func (m *Manager) Containers() []FollowStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]FollowStatus, 0, len(m.listed))
	for id, l := range m.listed {
		f := FollowStatus{ID: id, Name: l.Name, Engine: l.State, Reason: reasonNotYet}
		if i, ok := m.ignored[id]; ok {
			f.Image, f.Workload, f.Reason = i.image, i.workload, i.reason
		} else if t := m.tails[id]; t != nil {
			t.describeTo(&f)
		}
		out = append(out, f)
	}
	for id, t := range m.tails {
		if _, ok := m.listed[id]; !ok {
			f := FollowStatus{ID: id}
			t.describeTo(&f)
			if f.Name = f.Workload; t.name.Load() != nil {
				f.Name = *t.name.Load()
			}
			if f.Reason = reasonRemoved; f.State == Discovered {
				f.Reason = reasonNotYet
			}
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b FollowStatus) int { return cmp.Compare(a.Name+"/"+a.ID, b.Name+"/"+b.ID) })
	return out
}

// describeTo fills in the status of a container that has a tail.
func (t *tail) describeTo(f *FollowStatus) {
	s := t.source.Load()
	f.State = State(t.state.Load())
	f.Image, f.Workload, f.Lines, f.Hits = s.Container.Image, s.Workload, t.lines.Load(), t.hits.Load()
	f.JoinedRecords, f.JoinedLines = t.traces.Load(), t.traceLines.Load()
	if last := t.lastLine.Load(); last != 0 {
		f.Last = time.Unix(0, last)
	}
	f.Followed, f.Reason = true, ""
	switch why := t.trouble.Load(); {
	case f.State == Unreadable:
		f.Followed = false
		if why != nil {
			f.Reason = *why
		}
	case f.State == Discovered:
		f.Followed, f.Reason = false, reasonNotYet
	case f.State == Gone:
		f.Followed, f.Reason = false, reasonRemoved
	case f.State == Backoff && why != nil:
		f.Reason = "cannot read its log, trying again: " + *why
	}
}
