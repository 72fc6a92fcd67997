package receiver

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Edits has everything that is particular to how a receiver edits a message. A place is the receiver's name of a message. It comes from an answer, so
// it is used only if it looks like one.
type Edits struct {
	Method string // of the request that edits; "": POST
	// place matches the places of the receiver.
	place *regexp.Regexp
	// named returns the place that an answer names, or "". id is that of the message.
	named func(id string, answer []byte) string
	// address returns where the request of an edit goes, at or beside the endpoint. nil: to the endpoint.
	address func(endpoint *url.URL, place string) *url.URL
	// judge returns what a refused edit means. nil: as for every other request.
	judge func(status int, answer []byte) Refusal
	// need reports settings that are missing for edits. nil: none are.
	need func(s *trigger.Settings, fs *setting.Faults)
}

// Refusal is what the answer to an edit says beyond its status.
type Refusal uint8

// The refusals.
const (
	RefusalOther Refusal = iota // what the status says
	RefusalGone                 // the message cannot be edited any more
	RefusalSame                 // the message is like that already
)

// Named returns the place that an answer names, or "" for none.
func (e *Edits) Named(id string, answer []byte) string {
	if place := e.named(id, answer); e.Valid(place) {
		return place
	}
	return ""
}

// Valid reports whether a text can be a place.
func (e *Edits) Valid(place string) bool { return e.place.MatchString(place) }

// idOfAnswer returns the id of a message from an answer that is the message.
func idOfAnswer(_ string, answer []byte) string {
	var message struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(answer, &message) // an answer that does not parse names no message
	return message.ID
}

// AddressOf returns where the request goes that edits the message at a place. It has the host of the endpoint.
func (e *Edits) AddressOf(endpoint *url.URL, place string) *url.URL {
	if e.address == nil {
		return endpoint
	}
	copied := *endpoint
	return e.address(&copied, place)
}

// Judge returns what the answer to an edit says.
func (e *Edits) Judge(status int, answer []byte) Refusal {
	if e.judge == nil {
		return RefusalOther
	}
	return e.judge(status, answer)
}

// checkUpdate reports update where messages cannot be edited, and settings that do not go with it.
func checkUpdate(s *trigger.Settings, fs *setting.Faults) {
	if !s.Update || !slices.Contains(Formats(), s.Format) {
		return
	}
	r := For(s)
	if r.Edits == nil {
		fs.Conflict("update", "true", "format", "cannot be set for "+r.Format, r.instead)
		return
	}
	if s.Body != "" {
		fs.Excludes("update", "true", "body", "an edited message has more to say than its alert")
	}
	if s.Method != trigger.DefaultSettings().Method {
		fs.Conflict("method", s.Method, "update", "must not be set together with update", "each request has a method of its own")
	}
	needsKey(s, fs, "update edits the message of one key")
	if r.Edits.need != nil {
		r.Edits.need(s, fs)
	}
}
