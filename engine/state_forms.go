package engine

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// The JSON forms of the state; times are ns since 1970.
type (
	savedCell struct {
		LastAlert  int64            `json:"last_alert,omitempty"`
		Since      int64            `json:"since,omitempty"`
		Last       int64            `json:"last,omitempty"`
		Until      int64            `json:"until,omitempty"`
		Suppressed map[string]int64 `json:"suppressed,omitempty"`
		Sample     *savedSample     `json:"sample,omitempty"`
		Marks      savedMarks       `json:"marks,omitempty"`
		Began      int64            `json:"began,omitempty"`
		LastHit    int64            `json:"last_hit,omitempty"`
		Escalated  int              `json:"escalated,omitempty"`
	}
	savedSample struct {
		At        int64             `json:"at,omitempty"`
		Source    savedSource       `json:"source"`
		Stream    string            `json:"stream,omitempty"`
		Severity  Severity          `json:"severity"`
		Message   string            `json:"message"`
		Truncated bool              `json:"truncated,omitempty"`
		Summary   string            `json:"summary,omitempty"`
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
		Bucket         string `json:"bucket,omitempty"`
	}
	savedBucket struct {
		Arrival int64 `json:"arrival"`
	}
	savedWatch struct {
		Began      int64            `json:"began"`
		From       int64            `json:"from"`
		LastHit    int64            `json:"last_hit,omitempty"`
		Absent     bool             `json:"absent,omitempty"`
		Suppressed map[string]int64 `json:"suppressed,omitempty"`
		Since      int64            `json:"since,omitempty"`
		Source     *savedSource     `json:"source,omitempty"`
	}
	savedSighting struct {
		Last int64 `json:"last"`
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

func saveSuppressed(counts *[NumReasons]int64) map[string]int64 {
	var out map[string]int64
	for i, n := range counts {
		if n > 0 {
			if out == nil {
				out = map[string]int64{}
			}
			out[Reason(i).String()] = n
		}
	}
	return out
}

func suppressedOf(saved map[string]int64) (counts [NumReasons]int64) {
	for i := range NumReasons {
		counts[i] = saved[i.String()]
	}
	return counts
}

func saveSource(s *Source) savedSource {
	return savedSource{
		Kind: s.Kind, Workload: s.Workload, Host: s.Host, Tag: s.Tag,
		ContainerID: s.Container.ID, ContainerName: s.Container.Name, ContainerImage: s.Container.Image, Bucket: s.Bucket,
	}
}

func (s *savedSource) source() *Source {
	return &Source{
		Kind: s.Kind, Workload: s.Workload, Host: s.Host, Tag: s.Tag,
		Container: Container{ID: s.ContainerID, Name: s.ContainerName, Image: s.ContainerImage}, Bucket: s.Bucket,
	}
}

func saveCell(c *cell) *savedCell {
	s := &savedCell{
		LastAlert: c.lastAlert, Since: c.since, Last: c.last, Until: c.until, Suppressed: saveSuppressed(&c.suppressed),
		Marks: c.marks, Began: c.began, LastHit: c.lastHit, Escalated: c.escalated,
	}
	if p := c.sample; p != nil {
		s.Sample = &savedSample{
			At: p.at, Source: saveSource(p.source), Stream: p.stream.String(), Severity: p.severity, Message: p.message, Truncated: p.truncated,
			Summary: p.summary, Captures: p.captures, Fields: p.fields, Labels: p.labels,
		}
	}
	return s
}

// cell returns the state of a key. Its rule is not known yet.
func (s *savedCell) cell(key string) *cell {
	c := &cell{
		key: key, lastAlert: s.LastAlert, suppressed: suppressedOf(s.Suppressed), since: s.Since, last: s.Last, until: s.Until, marks: s.Marks,
		began: s.Began, lastHit: s.LastHit, escalated: s.Escalated,
	}
	c.timer.cell = c
	if p := s.Sample; p != nil {
		c.sample = &sample{
			at: cmp.Or(p.At, s.Since), source: p.Source.source(), severity: p.Severity, message: p.Message, truncated: p.Truncated, summary: p.Summary, captures: p.Captures,
			fields: p.Fields, labels: p.Labels,
		}
		switch p.Stream {
		case Stdout.String():
			c.sample.stream = Stdout
		case Stderr.String():
			c.sample.stream = Stderr
		}
	}
	return c
}

func saveWatch(w *watch) *savedWatch {
	s := &savedWatch{Began: w.began, From: w.from, LastHit: w.lastHit, Absent: w.absent, Suppressed: saveSuppressed(&w.suppressed), Since: w.since}
	if w.source != nil {
		source := saveSource(w.source)
		s.Source = &source
	}
	return s
}

// watch returns a watch that goes on at now, after a stop. The time of the stop does not count as waited for. When the stop took longer than
// absenceGrace, or nobody knows how long, the wait begins anew.
func (s *savedWatch) watch(key string, now, stopped int64) *watch {
	w := &watch{
		key: key, began: s.Began, from: s.From, lastHit: s.LastHit, absent: s.Absent, told: s.Absent, suppressed: suppressedOf(s.Suppressed), since: s.Since,
	}
	w.timer.watch = w
	if s.Source != nil {
		w.source = s.Source.source()
	}
	if w.absent {
		return w
	}
	if gap := now - stopped; stopped == 0 || gap > int64(absenceGrace) {
		w.from = now
	} else {
		w.from += max(gap, 0)
		w.until = now + int64(absenceGrace)
	}
	return w
}

// savedMarks are the hits of a threshold as one text: for each, the time since the one before, and the value, as varints in base64.
type savedMarks []mark

// MarshalText writes the hits.
func (m savedMarks) MarshalText() ([]byte, error) {
	var b []byte
	last := int64(0)
	for _, one := range m {
		b = binary.AppendVarint(b, one.at-last)
		b = binary.AppendUvarint(b, uint64(one.value))
		last = one.at
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText wrote.
func (m *savedMarks) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return err
	}
	*m = nil
	last := int64(0)
	for len(b) > 0 && len(*m) < maxCount {
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
		*m = append(*m, mark{last, valueID(value)})
	}
	return nil
}

func parseTemplateID(stateKey string) (id templateID, ok bool) {
	text, ok := strings.CutPrefix(stateKey, sightingPrefix)
	if !ok || len(text) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}
