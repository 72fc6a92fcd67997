package state

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// The JSON forms of the state; times are ns since 1970.
type (
	savedKey struct {
		Opened     int64            `json:"opened,omitempty"`
		Held       int64            `json:"held,omitempty"`
		Overdue    int64            `json:"overdue,omitempty"`
		Doublings  int              `json:"doublings,omitempty"`
		Shared     bool             `json:"shared,omitempty"`
		Suppressed map[string]int64 `json:"suppressed,omitempty"`
		First      int64            `json:"first,omitempty"`
		Last       int64            `json:"last,omitempty"`
		Sample     *savedSample     `json:"sample,omitempty"`
		Marks      savedMarks       `json:"marks,omitempty"`
		Distinct   string           `json:"distinct,omitempty"`
		Episode    *savedEpisode    `json:"episode,omitempty"`
		Incident   *savedIncident   `json:"incident,omitempty"`
		Pace       *savedPace       `json:"pace,omitempty"`
		Crossing   *savedCrossing   `json:"crossing,omitempty"`
		LastHit    int64            `json:"last_hit"`
	}
	savedCrossing struct {
		Own   reached `json:"own,omitzero"`
		At    int64   `json:"at,omitempty"`
		Sum   reached `json:"sum,omitzero"`
		Alone bool    `json:"alone,omitempty"`
		Rolls bool    `json:"rolls,omitempty"`
	}
	savedPace struct {
		rate.Pace
		Behind   int64        `json:"behind,omitempty"`
		Last     int64        `json:"last,omitempty"`
		Gap      int64        `json:"gap,omitempty"`
		Resumed  int64        `json:"resumed,omitempty"`
		Quiet    bool         `json:"quiet,omitempty"`
		Fell     int64        `json:"fell,omitempty"`
		Sent     bool         `json:"sent,omitempty"`
		Triggers []string     `json:"triggers"` // null: unknown
		Source   *savedSource `json:"source,omitempty"`
	}
	savedIncident struct {
		Opened     int64             `json:"opened"`
		From       int64             `json:"from"`
		First      int64             `json:"first"`
		Last       int64             `json:"last"`
		Hits       int64             `json:"hits"`
		Alerts     int64             `json:"alerts"`
		Severities model.SeveritySet `json:"severities"`
		Rule       string            `json:"rule"`
		KeyForm    string            `json:"key_form,omitempty"`
		Source     savedSource       `json:"source"`
		Stream     string            `json:"stream,omitempty"`
		Text       *IncidentText     `json:"text,omitempty"`
		Triggers   []string          `json:"triggers"` // null: unknown
	}
	savedEpisode struct {
		Began   int64 `json:"began,omitempty"`
		LastHit int64 `json:"last_hit"`
		Arrived int64 `json:"arrived"`
		Step    int   `json:"step,omitempty"`
	}
	savedSample struct {
		At        int64             `json:"at"`
		Arrived   int64             `json:"arrived"`
		From      int64             `json:"from"`
		Source    savedSource       `json:"source"`
		Stream    string            `json:"stream,omitempty"`
		Severity  model.Severity    `json:"severity"`
		Message   string            `json:"message"`
		Truncated bool              `json:"truncated,omitempty"`
		Summary   string            `json:"summary,omitempty"`
		Template  string            `json:"template,omitempty"`
		Captures  map[string]string `json:"captures,omitempty"`
		Fields    map[string]string `json:"fields,omitempty"`
		Labels    map[string]string `json:"labels,omitempty"`
	}
	savedSource struct {
		Kind           string `json:"kind,omitempty"`
		Workload       string `json:"workload,omitempty"`
		Host           string `json:"host,omitempty"`
		Tag            string `json:"tag,omitempty"`
		ContainerID    string `json:"container_id,omitempty"`
		ContainerName  string `json:"container_name,omitempty"`
		ContainerImage string `json:"container_image,omitempty"`
		ImageID        string `json:"image_id,omitempty"`
		Bucket         string `json:"bucket,omitempty"`
	}
	savedBucket struct {
		Arrival int64 `json:"arrival"`
	}
	savedAbsence struct {
		Began      int64            `json:"began"`
		From       int64            `json:"from"`
		Arrived    int64            `json:"arrived,omitempty"`
		LastHit    int64            `json:"last_hit,omitempty"`
		Absent     bool             `json:"absent,omitempty"`
		Sent       bool             `json:"sent,omitempty"`
		Triggers   []string         `json:"triggers"` // null: unknown
		Over       int64            `json:"over,omitempty"`
		Suppressed map[string]int64 `json:"suppressed,omitempty"`
		Since      int64            `json:"since,omitempty"`
		Source     *savedSource     `json:"source,omitempty"`
	}
	savedTemplate struct {
		First int64 `json:"first"`
		Last  int64 `json:"last"`
	}
	savedSteps struct {
		At    []int64     `json:"at,omitempty"`
		Share *rate.Share `json:"share,omitempty"`
	}
	savedClock struct {
		Now int64 `json:"now"`
	}
)

// marshal returns the JSON of one of the forms; structs of numbers and strings always have one.
func marshal(form any) []byte {
	out, err := json.Marshal(form)
	if err != nil {
		return nil
	}
	return out
}

func unmarshal(text []byte, form any) error { return json.Unmarshal(text, form) }

func saveSuppressed(counts *[model.NumReasons]int64) map[string]int64 {
	var out map[string]int64
	for i, n := range counts {
		if n > 0 {
			if out == nil {
				out = map[string]int64{}
			}
			out[model.Reason(i).String()] = n
		}
	}
	return out
}

func suppressedOf(saved map[string]int64) (counts [model.NumReasons]int64) {
	for i := range model.NumReasons {
		counts[i] = saved[i.String()]
	}
	return counts
}

func SaveSource(s *model.Source) savedSource {
	return savedSource{
		Kind: s.Kind, Workload: s.Workload, Host: s.Host, Tag: s.Tag,
		ContainerID: s.Container.ID, ContainerName: s.Container.Name, ContainerImage: s.Container.Image, ImageID: s.Container.ImageID, Bucket: s.Bucket,
	}
}

func (s *savedSource) Source() *model.Source {
	return &model.Source{
		Kind: s.Kind, Workload: s.Workload, Host: s.Host, Tag: s.Tag,
		Container: model.Container{ID: s.ContainerID, Name: s.ContainerName, Image: s.ContainerImage, ImageID: s.ImageID}, Bucket: s.Bucket,
	}
}

func saveKey(s *keyState) *savedKey {
	u := &s.unreported
	saved := &savedKey{
		Opened: s.window.opened, Held: s.window.held, Overdue: s.window.overdue, Doublings: s.window.doublings, Shared: s.window.shared,
		Suppressed: saveSuppressed(&u.suppressed), First: u.first, Last: u.last,
		Marks: s.count.marks, Distinct: s.count.distinct, LastHit: s.lastHit,
	}
	if e := s.episode; e != (episode{}) {
		saved.Episode = &savedEpisode{Began: e.began, LastHit: e.lastHit, Arrived: e.arrived, Step: e.step}
	}
	if i := s.incident; i != nil {
		saved.Incident = &savedIncident{
			Opened: i.opened, From: i.from, First: i.first, Last: i.last, Hits: i.hits, Alerts: i.alerts, Severities: i.severities, Rule: i.rule,
			KeyForm: i.keyForm, Source: SaveSource(i.source), Stream: i.stream.String(), Text: i.text, Triggers: i.triggers,
		}
	}
	if p := s.pace; p != nil {
		saved.Pace = &savedPace{
			Pace: p.Pace, Behind: p.behind, Last: p.last, Gap: p.gap, Resumed: p.resumed, Quiet: p.quiet, Fell: p.fell, Sent: p.sent, Triggers: p.triggers,
		}
		if p.source != nil {
			source := SaveSource(p.source)
			saved.Pace.Source = &source
		}
	}
	if c := s.crossing; c != (crossing{}) {
		saved.Crossing = &savedCrossing{Own: c.own, At: c.at, Sum: c.sum, Alone: c.alone, Rolls: c.rolls}
	}
	if p := u.sample; p != nil {
		saved.Sample = &savedSample{
			At: p.at, Arrived: p.arrived, From: p.from, Source: SaveSource(p.source), Stream: p.stream.String(), Severity: p.text.Severity, Message: p.text.Message,
			Truncated: p.text.Truncated, Summary: p.text.Summary, Template: p.text.Template, Captures: p.text.Captures, Fields: p.text.Fields, Labels: p.text.Labels,
		}
	}
	return saved
}

// state returns the state of a key.
func (saved *savedKey) state(key string) *keyState {
	s := &keyState{
		key: key, window: window{saved.Opened, saved.Held, saved.Overdue, saved.Doublings, saved.Shared}, lastHit: saved.LastHit, restored: true,
		unreported: unreported{suppressed: suppressedOf(saved.Suppressed), first: saved.First, last: saved.Last},
		count:      saved.Marks.count(saved.Distinct),
	}
	s.timer.Owner = s
	if e := saved.Episode; e != nil {
		s.episode = episode{began: e.Began, lastHit: e.LastHit, arrived: e.Arrived, step: e.Step}
	}
	if i := saved.Incident; i != nil {
		s.incident = &incident{
			opened: i.Opened, from: i.From, first: i.First, last: i.Last, hits: i.Hits, alerts: i.Alerts, severities: i.Severities, rule: i.Rule,
			keyForm: i.KeyForm, source: i.Source.Source(), stream: streamOf(i.Stream), text: i.Text, triggers: i.Triggers,
		}
	}
	if p := saved.Pace; p != nil && p.Slice > 0 && p.Than > 0 {
		s.pace = &pace{
			Pace: p.Pace, behind: p.Behind, last: p.Last, gap: p.Gap, resumed: p.Resumed, quiet: p.Quiet, fell: p.Fell, sent: p.Sent, triggers: p.Triggers,
		}
		if p.Source != nil {
			s.pace.source = p.Source.Source()
		}
	}
	if c := saved.Crossing; c != nil {
		s.crossing = crossing{own: c.Own, at: c.At, sum: c.Sum, alone: c.Alone, rolls: c.Rolls}
	}
	if p := saved.Sample; p != nil {
		shown := &Sample{at: p.At, arrived: p.Arrived, from: p.From, source: p.Source.Source(), text: &SampleText{
			Severity: p.Severity, Message: p.Message, Truncated: p.Truncated, Summary: p.Summary, Template: p.Template, Captures: p.Captures, Fields: p.Fields,
			Labels: p.Labels,
		}}
		shown.stream = streamOf(p.Stream)
		s.unreported.sample = shown
	}
	return s
}

// streamOf returns the stream of a name.
func streamOf(name string) model.Stream {
	switch name {
	case model.Stdout.String():
		return model.Stdout
	case model.Stderr.String():
		return model.Stderr
	}
	return model.StreamUnknown
}

func saveAbsence(t *absenceTimer) *savedAbsence {
	s := &savedAbsence{
		Began: t.began, From: t.from, Arrived: t.arrived, LastHit: t.lastHit, Absent: t.absent, Sent: t.sent, Triggers: t.triggers, Over: t.over,
		Suppressed: saveSuppressed(&t.suppressed), Since: t.since,
	}
	if t.source != nil {
		source := SaveSource(t.source)
		s.Source = &source
	}
	return s
}

// timer returns a wait that goes on at now, after a stop. The time of the stop does not count as waited for. When the stop took longer than
// absenceGrace, or nobody knows how long, the wait begins again.
func (s *savedAbsence) timer(key string, now, stopped int64) *absenceTimer {
	t := &absenceTimer{
		key: key, began: s.Began, from: s.From, arrived: s.Arrived, lastHit: s.LastHit, absent: s.Absent, sent: s.Sent, triggers: s.Triggers, over: s.Over,
		suppressed: suppressedOf(s.Suppressed), since: s.Since, restored: true,
	}
	t.timer.Owner = t
	if s.Source != nil {
		t.source = s.Source.Source()
	}
	if t.absent {
		return t
	}
	if gap := now - stopped; stopped == 0 || gap > int64(AbsenceGrace) {
		t.from = now
	} else {
		t.from += max(gap, 0)
		t.until = now + int64(AbsenceGrace)
	}
	return t
}

// savedMarks are the hits of a threshold as one text: in the order in which they arrived, for each the time since the one before, and the value, as
// varints in base64.
type savedMarks []mark

// count returns the count that remembers the marks.
func (m savedMarks) count(distinct string) slidingCount {
	c := slidingCount{distinct: distinct}
	for _, one := range m {
		c.hits++
		one.hit = c.hits
		c.insert(one)
	}
	return c
}

// MarshalText writes the hits.
func (m savedMarks) MarshalText() ([]byte, error) {
	arrived := slices.Clone(m)
	slices.SortFunc(arrived, func(a, b mark) int { return cmp.Compare(a.hit, b.hit) })
	var b []byte
	last := int64(0)
	for _, one := range arrived {
		b = binary.AppendVarint(b, one.at-last)
		b = binary.AppendUvarint(b, uint64(one.value))
		last = one.at
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads the text of MarshalText.
func (m *savedMarks) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return err
	}
	*m = nil
	last := int64(0)
	for len(b) > 0 && len(*m) < 2*rules.MaxCount {
		step, n := binary.Varint(b)
		if n <= 0 {
			return fmt.Errorf("marks: not a number")
		}
		value, k := binary.Uvarint(b[n:])
		if k <= 0 {
			return fmt.Errorf("marks: not a number")
		}
		b = b[n+k:]
		last += step
		*m = append(*m, mark{at: last, value: ValueID(value)})
	}
	return nil
}
