package state

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// HitContext is all that decides about a hit beside the state of its key. It is gathered before anything is locked.
type HitContext struct {
	Rule          *rules.Rule
	Lane          *Lane // of the worker; nil: none
	Source        *model.Source
	Stream        model.Stream
	OverflowKey   overflowKey // makes the key if there are too many templates
	At            int64       // when the hit happened
	Key           []byte      // the cooldown key
	Container     []byte      // the key of the token bucket
	Template      TemplateID
	ImageSince    int64   // when the image of the hit appeared; 0: unknown
	Image         string  // first_seen = "image", rules of the fleet: its identity
	Value         ValueID // that a threshold of different values counts
	Valued        bool    // there is one
	Muted         bool    // a silence or an inhibition is in force: why
	Reason        model.Reason
	Silence       *mute.Silence // that is it
	Sequence      SequenceID    // of the rule's own sequence or ratio, where it has one
	Sequenced     bool          // the hit has all its values
	Steps         []Step        // of the sequences and ratios of other rules that the hit is
	WaitsForLines bool          // its alert waits for lines: it is counted as pending

	known    bool  // the template was seen before
	first    int64 // when it was seen first, where first_seen is asked
	saves    bool  // when it was last seen is to be saved
	inOrder  bool  // after: the other rule was hit before; true for a rule without
	waits    bool  // without: the other rule is waited for
	shared   bool  // the rule's hits are counted by all nodes of the fleet
	forAll   bool  // and so is this one
	usual    bool  // rate and ratio: not more hits came than usual, or no larger share
	Overflow bool  // no key is kept for it: there is no cooldown, and no threshold
	Decision Decision
}

// Asks reports whether the alert of the hit is a candidate: it leaves only if no other node of the fleet alerts. The hits of an overflow key are of different
// templates, so an alert about one says nothing of another. The end of an absence that this node reported alone is its own.
func (h *HitContext) Asks() bool {
	return h.Rule.Settings.Fleet() && !h.Overflow && h.Rule.Settings.Absent == 0
}

// overflowKey makes the key that hits share whose templates are too many.
type overflowKey interface{ OverflowKey() []byte }

// Decision is the outcome of a hit, with the numbers that its alert reports.
type Decision struct {
	Alert      bool
	Reason     model.Reason // the hit is suppressed, when there is no alert
	Kind       model.Kind
	Severity   model.Severity // at least
	At         int64          // when the hit happened
	Late       int64          // by how much it arrived later
	Suppressed [model.NumReasons]int64
	Since      int64    // the earliest of the suppressed hits, 0: there are none
	Last       int64    // the latest of them
	Hits       int64    // rate and ratio: that are recent
	Usual      int64    // rate: that are usual, in units of package rate
	Others     int64    // ratio: recent hits of the other rule
	Ends       bool     // below: the time in which the key was quiet is over
	AbsentFor  int64    // resolved: how long nothing came
	Workload   string   // resolved: of the absence
	Triggers   []string // resolved: that sent the absence; nil: unknown
	Counted    int      // hits, or different values, that count for the threshold
	Sample     *Sample  // that shows the hit, and is to be rendered; commit sets it
}

// Prefixes of the keys of saved entries.
const (
	KeyPrefix      = "key/"
	bucketPrefix   = "bucket/"
	absencePrefix  = "absence/"
	templatePrefix = "seen/"
	sequencePrefix = "sequence/"
	ClockKey       = "clock"
)

// TemplateID identifies a template of a rule and a workload.
type TemplateID [model.DigestLen]byte

// NewTemplate returns the id of a template.
func NewTemplate(rule, workload string, template []byte) TemplateID {
	return model.DigestOf(rule, workload, template)
}

func parseTemplateID(stateKey string) (id TemplateID, ok bool) {
	text, ok := strings.CutPrefix(stateKey, templatePrefix)
	if !ok || len(text) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

func (id TemplateID) stateKey() string { return templatePrefix + hex.EncodeToString(id[:]) }

// SequenceID identifies the values of by in the sequence of a rule.
type SequenceID [model.DigestLen]byte

// NewSequence returns the id of a sequence or a ratio: of the other rule's name, and of a key, which has the id of the rule that names it and the values of by.
// So hits of one other rule are not taken for those of another one after a reload.
func NewSequence(other string, key []byte) SequenceID { return model.DigestOf("sequence", other, key) }

func (id SequenceID) stateKey() string { return sequencePrefix + hex.EncodeToString(id[:]) }

func parseSequenceID(stateKey string) (id SequenceID, ok bool) {
	text, ok := strings.CutPrefix(stateKey, sequencePrefix)
	if !ok || len(text) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

// Step is a hit of the other rule, for a sequence or a ratio that names its rule.
type Step struct {
	ID     SequenceID
	Key    string // of the sequence, and so of the state of a rule with without
	Ends   bool   // it ends the wait of such a rule
	Within int64  // of a ratio that counts it, whatever becomes of it; 0: it is of a sequence
	All    int64  // within of a sequence of all nodes of the fleet; 0: it is of this node

	OfFleet bool // all nodes of the fleet count for the ratio together
}

// ValueID identifies a value that is counted once. It is a part of a cryptographic digest, for whoever writes the lines could choose values that
// share a weaker one.
type ValueID uint64

func NewValue(value []byte) ValueID {
	sum := sha256.Sum256(value)
	return ValueID(binary.BigEndian.Uint64(sum[:]))
}
