package pipeline

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/shortid"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// identity makes the ids of alerts. An id is a digest of the alert's rule and record: a record that comes again after a restart gets the same id,
// while two equal lines of one run get two.
type identity struct {
	instance string
	ordinals *alertOrdinals // of the run
}

// next returns the id of a record's alert: 26 characters of SHA-256 over rule, instance, tag, the record's time in ns and its bytes, and the number of
// earlier alerts of the run with the same values.
func (id *identity) next(a *engine.Alert, raw []byte) string {
	h := sha256.New()
	writeParts(h, append(aboutOf(a), id.instance, a.Source.Tag)...)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(a.Recorded)))
	h.Write(raw)
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	if n := id.ordinals.next(sum); n > 0 {
		sum = sha256.Sum256(binary.BigEndian.AppendUint64(sum[:], n))
	}
	return shortid.Alert(sum[:])
}

// aboutOf returns the part of the id of a record's alert that says what it is about: the rule, and for an incident that the record ends its key, because
// one record may end several. Which of them are open may differ after a restart, and must not change the ids of the others.
func aboutOf(a *engine.Alert) []string {
	if a.Kind == engine.KindResolved && a.Count == 0 {
		return []string{a.RuleID, a.Kind.String(), a.Key}
	}
	return []string{a.RuleID}
}

// writeParts writes texts with their lengths, so that no two lists of parts give the same bytes.
func writeParts(h hash.Hash, parts ...string) {
	for _, part := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
}

// ofTime returns the id of an alert that a deadline raised: SHA-256 over rule, instance, kind, key and the time at which it was due. After a restart the
// same alert gets the same id.
func (id *identity) ofTime(a *engine.Alert) string {
	h := sha256.New()
	writeParts(h, "time", a.RuleID, id.instance, a.Kind.String(), a.Key)
	// The time at which it was due: a restart may make the alert later, with the same id.
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(a.Due)))
	return shortid.Alert(h.Sum(nil))
}

// maxOrdinals bounds the digests of each of the two generations.
const maxOrdinals = 1 << 15

// alertOrdinals numbers the alerts of one run about equal records: same rule, tag, time and bytes. Fluent Bit repeats a chunk only after a restart, so
// equal records of one run are different lines, in one chunk or in several; the fluentd driver gives all lines of a second one time. After a restart the
// numbers begin again, so that the nth of several equal records gets its former id, and the store recognizes alerts of the earlier run.
//
// When a generation is full, the older one is dropped. An equal record that comes after at least 32,768 other alerts may get the first id again; the
// store then counts its alert as a duplicate.
type alertOrdinals struct {
	mu       sync.Mutex
	now, old map[[16]byte]uint64
}

// next returns the number of earlier alerts of this run with the digest.
func (s *alertOrdinals) next(sum [sha256.Size]byte) uint64 {
	key := [16]byte(sum[:16])
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.now[key]
	if !known {
		n = s.old[key]
	}
	if s.now == nil || (!known && len(s.now) >= maxOrdinals) {
		s.now, s.old = map[[16]byte]uint64{}, s.now
	}
	s.now[key] = n + 1
	return n
}

// recordSource is where a record comes from: the ids of its alerts are made of it, and only if it has some. The zero value is for alerts that time makes.
type recordSource struct {
	raw       []byte                 // of a chunk: the bytes of its event
	line      *docker.Line           // of a container's log
	container string                 // of line
	event     *docker.ContainerEvent // a container event
}

// id returns the id of an alert, by the present record or, if a deadline raised it, by that. For alerts with masked secrets the digest is keyed: whoever sees
// the alert could otherwise try secrets on its id. The key is in the store, so that a restart makes the same id.
func (b *batch) id(a *engine.Alert) string {
	if a.Due != 0 {
		return b.ids.ofTime(a)
	}
	var id string
	switch from := &b.source; {
	case from.event != nil:
		id = b.ids.ofEvent(a, from.event)
	case from.line != nil:
		id = b.ids.ofLine(a, from.container, from.line)
	case from.raw != nil:
		id = b.ids.next(a, from.raw)
	default:
		return b.ids.next(a, []byte(a.Key))
	}
	if len(a.Redacted) == 0 {
		return id
	}
	h := hmac.New(sha256.New, b.p.engine.Salt())
	h.Write([]byte(id))
	return shortid.Alert(h.Sum(nil))
}

// NewAlert returns the alert that triggers send for an alert of the engine.
func NewAlert(a *engine.Alert, id string) trigger.Alert {
	out := trigger.Alert{
		Version: trigger.AlertVersion, ID: id, Kind: a.Kind.String(),
		Severity: a.Severity.String(), Rule: a.Rule, Summary: a.Summary, Message: a.Message, Truncated: a.Truncated,
		Time: utc(a.Time), FirstSeen: utc(a.First), LastSeen: utc(a.Last), Late: a.Late / 1e9, Count: int(a.Count),
		Captures: a.Captures, Fields: a.Fields, Context: contextOf(a), Labels: a.Labels, Runbook: a.Runbook, Resolves: a.Resolves,
		Key: trigger.KeyOf(a.Key), Template: a.Template,
		Source: trigger.Source{
			Kind: a.Source.Kind, Stream: a.Stream.String(), Workload: a.Source.Workload, Host: a.Source.Host, Tag: a.Source.Tag,
			Container: trigger.Container(a.Source.Container),
		},
	}
	if e := a.Exception; e != nil {
		out.Exception = &trigger.Exception{Type: e.Type, Message: e.Message}
		for _, c := range e.Chain {
			out.Exception.Chain = append(out.Exception.Chain, trigger.Cause(c))
		}
		for _, f := range e.Frames {
			out.Exception.Frames = append(out.Exception.Frames, trigger.Frame(f))
		}
	}
	if a.ImageSince != 0 {
		out.Image = &trigger.Image{Name: a.Image, Since: utc(a.ImageSince), Age: max(0, a.Time-a.ImageSince) / 1e9}
	}
	if a.Deploy != nil {
		deploy := trigger.Deploy(*a.Deploy)
		out.Deploy = &deploy
	}
	if r := a.Rate; r != nil {
		out.Rate = &trigger.Rate{Hits: r.Hits, Usual: r.Usual, Within: r.Within / 1e9}
	}
	if r := a.Ratio; r != nil {
		out.Ratio = &trigger.Ratio{Hits: r.Hits, Of: r.Of, OfHits: r.OfHits, Percent: r.Percent(), Within: r.Within / 1e9}
	}
	if i := a.Incident; i != nil {
		out.Incident = &trigger.Incident{Began: utc(i.Began), Lasted: i.Lasted / 1e9, Hits: i.Hits, Alerts: i.Alerts}
		for _, s := range i.Severities {
			out.Incident.Severities = append(out.Incident.Severities, s.String())
		}
	}
	for why, n := range a.Suppressed {
		if n > 0 {
			if out.Suppressed.By == nil {
				out.Suppressed.By = map[string]int64{}
			}
			out.Suppressed.By[engine.Reason(why).String()] = n
			out.Suppressed.Total += n
		}
	}
	if out.Suppressed.Total > 0 && a.Since != 0 {
		since := utc(a.Since)
		out.Suppressed.Since = &since
	}
	return out
}

// SilenceOf returns the id of the silence that suppresses hits like that of a stored alert now; "" when none does.
func (p *Pipeline) SilenceOf(a *trigger.Alert) string {
	kind := slices.Index(engine.KindNames(), a.Kind)
	if kind < 0 {
		return ""
	}
	about := engine.Alert{
		Kind: engine.Kind(kind), Rule: a.Rule, Message: a.Message, Captures: a.Captures, Fields: a.Fields, Labels: a.Labels,
		Source: &engine.Source{
			Kind: a.Source.Kind, Workload: a.Source.Workload, Host: a.Source.Host, Tag: a.Source.Tag, Container: engine.Container(a.Source.Container),
		},
	}
	switch a.Source.Stream {
	case "stdout":
		about.Stream = engine.Stdout
	case "stderr":
		about.Stream = engine.Stderr
	}
	_ = about.Severity.UnmarshalText([]byte(a.Severity)) // of a word that is unknown, the rule's own is asked
	s, _ := p.engine.SilenceOfAlert(&about, a.Key, p.now().UnixNano())
	return s.ID
}

func utc(ns int64) time.Time { return time.Unix(0, ns).UTC() }
