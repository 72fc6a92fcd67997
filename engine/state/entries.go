package state

import (
	"encoding/hex"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

func parseTemplateID(stateKey string) (id TemplateID, ok bool) {
	text, ok := strings.CutPrefix(stateKey, templatePrefix)
	if !ok || len(text) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

// Prefixes of the keys of saved entries.
const (
	KeyPrefix      = "key/"
	bucketPrefix   = "bucket/"
	absencePrefix  = "absence/"
	templatePrefix = "seen/"
	ClockKey       = "clock"
)

// TemplateID identifies a template of a rule and a workload.
type TemplateID [model.DigestLen]byte

// NewTemplate returns the id of a template.
func NewTemplate(rule, workload string, template []byte) TemplateID {
	return model.DigestOf(rule, workload, template)
}

func (id TemplateID) stateKey() string { return templatePrefix + hex.EncodeToString(id[:]) }

// templateSeen is the first and the latest time at which a template was seen, by the records' clock, and the latest one that was saved.
type templateSeen struct{ first, last, saved int64 }
