package fleet

import (
	"fmt"
	"strings"
	"time"
)

// The checks of the wire, for implementations of Engine: they return an error that wraps ErrRefused, and nothing is sent.

func refused(what string) error { return fmt.Errorf("%w: %s is out of bounds", ErrRefused, what) }

// maxAge bounds ages and lengths of time: a longer one is an error of the caller.
const maxAge = 400 * 24 * time.Hour

// name reports whether a text can be a name on the wire: short, and without line ends, which separate names there.
func name(s string) bool { return len(s) <= MaxName && !strings.ContainsAny(s, "\n\r\x00") }

// id reports whether a text can be an id on the wire: not empty, printable ASCII without the separators of this package.
func id(s string) bool {
	if s == "" || len(s) > MaxID {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == ':' || s[i] == '{' || s[i] == '}' {
			return false
		}
	}
	return true
}

func length(d time.Duration) bool { return d >= 0 && d <= maxAge }

func (t Title) fits() bool { return name(t.Rule) && name(t.Text) }

func (t *Terms) check() error {
	if !length(t.Cooldown) || !length(t.Grace) || !length(t.CooldownMax) || !id(t.Triggers) || len(t.Steps) > MaxSteps {
		return refused("cooldown, grace or triggers")
	}
	for i, at := range t.Steps {
		if at <= 0 || !length(at) || i > 0 && at <= t.Steps[i-1] {
			return refused("a step")
		}
	}
	return nil
}

// Check returns an error if the claim exceeds a bound.
func (c *Claim) Check() error {
	if !c.Key.Valid() || !id(c.Run) || !id(c.ID) || !name(c.Node) || !c.Title.fits() || !length(c.HandOver) || len(c.Payload) > MaxPayload ||
		!c.Incident.fits() {
		return refused("a claim")
	}
	return c.Terms.check()
}

// Check returns an error if the gift exceeds a bound.
func (g *Gift) Check() error {
	if !g.Key.Valid() || !id(g.Run) || !name(g.Node) || !g.Title.fits() || !length(g.First) || !length(g.Last) || len(g.Sample) > MaxSample ||
		g.Seq < 1 || g.Seq > 1<<52 || len(g.Counts) > MaxReasons || len(g.Counts) == 0 {
		return refused("a gift")
	}
	for reason, hits := range g.Counts {
		if !Reason(reason) || hits < 0 || hits > MaxHits {
			return refused("a count")
		}
	}
	return g.Terms.check()
}

// Reason reports whether a text can be a reason on the wire.
func Reason(s string) bool {
	if s == "" || len(s) > MaxReason {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return true
}

// Check returns an error if the call exceeds a bound.
func (t *Take) Check() error {
	if !t.Key.Valid() || !id(t.Run) || !name(t.Node) || !id(t.Triggers) || t.Lease <= 0 || !length(t.Lease) {
		return refused("a take")
	}
	return nil
}

// Check returns an error if the call exceeds a bound.
func (s *Settlement) Check() error {
	if !s.Key.Valid() || !id(s.Run) || !id(s.Triggers) || (s.ID == "") == (s.DueAt == 0) || (s.ID != "" && !id(s.ID)) || s.DueAt < 0 ||
		!s.Incident.fits() {
		return refused("a settlement")
	}
	return nil
}

// Check returns an error if the call exceeds a bound.
func (r *Renewal) Check() error {
	if !r.Key.Valid() || !id(r.Run) || !id(r.ID) || !id(r.Triggers) || r.HandOver <= 0 || !length(r.HandOver) {
		return refused("a renewal")
	}
	return nil
}

// MaxAged bounds Mark.Hits.
const MaxAged = 256

// Check returns an error if the call exceeds a bound.
func (m *Mark) Check() error {
	if !m.Key.Valid() || !id(m.Run) || !name(m.Node) || m.Seq < 1 || m.Seq > 1<<52 || m.Count < 1 || m.Count > MaxCount || m.Within <= 0 || !length(m.Within) ||
		!length(m.Cooldown) || !length(m.CooldownMax) || len(m.Hits) > MaxAged {
		return refused("a mark")
	}
	for _, h := range m.Hits {
		if !length(h.Age) || h.Hits < 1 || h.Hits > MaxHits || m.Values && h.Hits != 1 || !m.Values && h.Value != 0 {
			return refused("a mark's hits")
		}
	}
	return nil
}

// Check returns an error if the call exceeds a bound.
func (h *Hearing) Check() error {
	if !h.Key.Valid() || !length(h.Age) || h.Within <= 0 || !length(h.Within) || !id(h.Triggers) || !h.Title.fits() || len(h.Sample) > MaxSample {
		return refused("a hearing")
	}
	return nil
}

// Check returns an error if the call exceeds a bound.
func (s *Sight) Check() error {
	if !s.Key.Valid() || !id(s.Run) || !id(s.ID) || s.For <= 0 || !length(s.For) {
		return refused("a sight")
	}
	if i := s.Image; i != nil && (!i.Key.Valid() || !length(i.Template) || !length(i.Age)) {
		return refused("an image")
	}
	return nil
}

// Check returns an error if the heartbeat exceeds a bound.
func (b *Beat) Check() error {
	if !id(b.Run) || !id(b.Triggers) || !name(b.Node) || !name(b.Version) || b.Node == "" || b.Given < 0 || b.Reported < 0 {
		return refused("a heartbeat")
	}
	return nil
}

// Check returns an error if the silence exceeds a bound.
func (s *Silence) Check() error {
	if !id(s.ID) || s.Left <= 0 || s.Left > 10*maxAge || len(s.Body) > MaxSilence {
		return refused("a silence")
	}
	return nil
}
