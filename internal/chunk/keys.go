package chunk

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/naming"
)

// role is the meaning of a key of a record.
type role uint8

const (
	roleNone role = iota
	roleStream
	roleSource // stream in the records of Docker's fluentd driver; anything else elsewhere
	roleLogtag
	roleFlag // "_p", Fluent Bit's own CRI parser

	// The roles from here on are seldom, see rare.
	rolePri
	rolePriority
	rolePriorityLower // only in records of journald whose keys are in lower case
	rolePartialMessage
	rolePartialID
	rolePartialOrdinal
	rolePartialLast
	roleJournalPartial
	roleJournal      // journald adds it to every record
	roleJournalLower // the same in lower case
	roleUID          // of the process that wrote to journald
	roleCommand      // its name
	roleShortMessage // GELF
	roleGELFID
	roleContainerMap // ECS
	roleServiceMap
	roleAlert       // in alerts of ours
	roleSpecVersion // CloudEvents

	// The roles from here on identify the origin of a record.
	roleContainerID
	roleContainerName
	roleImage
	roleHost
	roleSyslogHost  // only beside pri, or in GELF
	roleSyslogIdent // only beside pri
	roleUnit
	roleIdentifier
	roleJournalID
	roleJournalIDFull
	roleJournalName
	roleKubernetes
	roleLabels // a map of container labels
	rolePath
	roleResource // the resource of an OTLP group; never a key of a record

	// The fields of ECS, which applications write. They count where nothing else names a container.
	roleClaimedID
	roleClaimedName
	roleClaimedImage
	roleClaimedService

	// One for each of countingLabels.
	roleLabel

	firstIdentity = roleContainerID
	maxSpans      = int(roleLabel-firstIdentity) + len(countingLabels) // one of each
)

// originator is who attached a key that identifies a record's origin. Only the keys of a record's strongest originator count.
type originator uint8

const (
	byAnyone       originator = iota // the driver, or whatever else writes keys at the top of a record: a line's own members, where they are merged
	byJournalLower                   // journald, its keys in lower case
	byJournal
	byKubernetes // Fluent Bit's filter
	byResource   // the resource of an OTLP group
)

// Sets of originators.
const (
	inAnyone       = 1 << byAnyone
	inJournalLower = 1 << byJournalLower
	inJournal      = 1 << byJournal
	inKubernetes   = 1 << byKubernetes
	inAll          = 0xff
)

// meaning is the meaning of a key in every configuration.
type meaning struct {
	role  role
	in    uint8      // the originators whose records it counts in
	shows originator // a record that has the key is at least that originator's
}

// countingLabels lists the labels that count as keys at the top of a record, as drivers write them.
var countingLabels = [...]string{
	naming.LabelWorkload, naming.LabelEnable, naming.LabelComposeProject, naming.LabelComposeService, naming.LabelComposeNumber,
	naming.LabelComposeOneoff, naming.LabelSwarmService, naming.LabelStack,
}

// builtinKeys returns the keys that mean something in every configuration.
func builtinKeys() map[string]meaning {
	keys := map[string]meaning{}
	add := func(r role, in uint8, shows originator, names ...string) {
		for _, name := range names {
			keys[name] = meaning{role: r, in: in, shows: shows}
		}
	}
	add(roleStream, 0, 0, "stream")
	add(roleSource, 0, 0, "source")
	add(rolePri, 0, 0, "pri")
	add(rolePriority, 0, 0, "PRIORITY")
	add(rolePriorityLower, 0, 0, "priority")
	add(rolePartialMessage, 0, 0, "partial_message")
	add(rolePartialID, 0, 0, "partial_id", "CONTAINER_PARTIAL_ID", "container_partial_id")
	add(rolePartialOrdinal, 0, 0, "partial_ordinal", "CONTAINER_PARTIAL_ORDINAL", "container_partial_ordinal")
	add(rolePartialLast, 0, 0, "partial_last", "CONTAINER_PARTIAL_LAST", "container_partial_last")
	add(roleLogtag, 0, 0, "logtag")
	add(roleFlag, 0, 0, "_p")
	add(roleJournalPartial, 0, 0, "CONTAINER_PARTIAL_MESSAGE", "container_partial_message")
	add(roleShortMessage, 0, 0, "short_message")
	add(roleAlert, 0, 0, "suppressed", "alerts")
	add(roleSpecVersion, 0, 0, "specversion")

	// Docker's fluentd driver, and its gelf driver. In journald's keys in lower case some are the same.
	add(roleContainerID, inAnyone|inJournalLower, 0, "container_id")
	add(roleContainerName, inAnyone|inJournalLower, 0, "container_name")
	add(roleImage, inAnyone|inJournalLower, 0, "image_name")
	add(roleImage, inAnyone, 0, "container_image", "_image_name")
	add(roleGELFID, 0, 0, "_container_id")
	add(roleContainerName, inAnyone, 0, "_container_name")
	add(roleHost, inAnyone, 0, "hostname", "HOSTNAME")
	add(roleSyslogHost, inAnyone, 0, "host")
	add(roleSyslogIdent, inAnyone, 0, "ident")
	add(roleLabels, inAnyone, 0, "labels", "container_labels", "attrs")

	// journald. Programs cannot write the keys that begin with an underscore; without them, by Strip_Underscores, nothing is certain.
	add(roleUnit, inJournal, byJournal, "_SYSTEMD_UNIT")
	add(roleHost, inJournal, byJournal, "_HOSTNAME")
	add(roleJournal, 0, byJournal, "_BOOT_ID", "_MACHINE_ID", "_TRANSPORT")
	add(roleUID, 0, byJournal, "_UID")
	add(roleCommand, 0, byJournal, "_COMM")
	add(roleUnit, inJournalLower, byJournalLower, "_systemd_unit")
	add(roleHost, inJournalLower, byJournalLower, "_hostname")
	add(roleJournalLower, 0, byJournalLower, "_boot_id", "_machine_id", "_transport")
	add(roleUID, 0, byJournalLower, "_uid")
	add(roleCommand, 0, byJournalLower, "_comm")
	add(roleUnit, inAnyone, 0, "SYSTEMD_UNIT", "systemd_unit")
	add(roleJournalLower, 0, 0, "boot_id")
	add(roleIdentifier, inAnyone|inJournal, 0, "SYSLOG_IDENTIFIER")
	add(roleIdentifier, inAnyone|inJournalLower, 0, "syslog_identifier")
	add(roleJournalID, inAnyone|inJournal, 0, "CONTAINER_ID")
	add(roleJournalIDFull, inAnyone|inJournal, 0, "CONTAINER_ID_FULL")
	add(roleJournalIDFull, inAnyone|inJournalLower, 0, "container_id_full")
	add(roleJournalName, inAnyone|inJournal, 0, "CONTAINER_NAME")
	add(roleImage, inAnyone|inJournal, 0, "IMAGE_NAME")

	add(roleKubernetes, inKubernetes, byKubernetes, "kubernetes")

	// Elastic Common Schema.
	add(roleClaimedID, inAnyone, 0, "container.id")
	add(roleClaimedName, inAnyone, 0, "container.name")
	add(roleClaimedImage, inAnyone, 0, "container.image.name")
	add(roleClaimedService, inAnyone, 0, "service.name")
	add(roleHost, inAnyone, 0, "host.name", "host.hostname")
	add(roleContainerMap, 0, 0, "container")
	add(roleServiceMap, 0, 0, "service")

	// A label as such, as the gelf driver writes it, and as the journald driver does.
	for i, label := range countingLabels {
		upper := strings.ToUpper(journalName.Replace(label))
		for name, in := range map[string]uint8{
			label: inAnyone, "_" + label: inAnyone, upper: inAnyone | inJournal, strings.ToLower(upper): inAnyone | inJournalLower,
		} {
			keys[name] = meaning{role: roleLabel + role(i), in: in}
		}
	}
	return keys
}

// journalName converts a label as Docker's journald driver does, except for upper case.
var journalName = strings.NewReplacer(".", "_", "-", "_")

// key is one entry of a keyTable. A rank is the place in the list of the settings, from 1; 0 means that the key is not in it.
type key struct {
	name  string
	words keyWords
	meaning
	logRank   uint8
	levelRank uint8
}

// keyWords is the first eight bytes of a key and, of a longer one, the last eight. Up to a length of sixteen they are the whole key.
type keyWords struct{ first, last uint64 }

// wordsOf returns the words of the key b[start:end].
func wordsOf(b []byte, start, end int) (w keyWords) {
	n := end - start
	if n >= 8 {
		w.first = binary.LittleEndian.Uint64(b[start:])
		if n > 8 {
			w.last = binary.LittleEndian.Uint64(b[end-8:])
		}
		return w
	}
	if start+8 <= len(b) {
		w.first = binary.LittleEndian.Uint64(b[start:]) & (1<<(8*uint(n)) - 1)
		return w
	}
	for i, c := range b[start:end] {
		w.first |= uint64(c) << (8 * i)
	}
	return w
}

func (w keyWords) hash(n int) uint64 {
	return ((w.first ^ bits.RotateLeft64(w.last, 29) ^ uint64(n)) * 0x9e3779b97f4a7c15) >> (64 - slotBits)
}

// keyTable finds the few keys that matter among all keys of a record. Most keys of a record are in no table: their slot is empty. Keys are
// compared by their words, so that a short one costs no call.
type keyTable struct {
	slots [1 << slotBits]uint8 // index into keys, from 1
	keys  []key
}

const slotBits = 10

func newKeyTable(s Settings) *keyTable {
	byName := map[string]*key{}
	at := func(name string) *key {
		k := byName[name]
		if k == nil {
			k = &key{name: name}
			byName[name] = k
		}
		return k
	}
	for _, name := range s.PathKeys[:min(len(s.PathKeys), maxKeys)] {
		at(name).meaning = meaning{role: rolePath, in: inAnyone}
	}
	for name, m := range builtinKeys() {
		at(name).meaning = m
	}
	for i, name := range s.LogKeys[:min(len(s.LogKeys), maxKeys)] {
		at(name).logRank = uint8(i + 1)
	}
	for i, name := range s.LevelKeys[:min(len(s.LevelKeys), maxKeys)] {
		at(name).levelRank = uint8(i + 1)
	}
	t := &keyTable{}
	for _, k := range byName {
		if k.name == "" {
			continue
		}
		k.words = wordsOf([]byte(k.name), 0, len(k.name))
		t.keys = append(t.keys, *k)
		h := k.words.hash(len(k.name))
		for t.slots[h] != 0 {
			h = (h + 1) % uint64(len(t.slots))
		}
		t.slots[h] = uint8(len(t.keys))
	}
	return t
}

// find returns the entry of the key b[start:end], or nil.
func (t *keyTable) find(b []byte, start, end int) *key {
	w, n := wordsOf(b, start, end), end-start
	for h := w.hash(n); ; h++ {
		slot := t.slots[h%uint64(len(t.slots))]
		if slot == 0 {
			return nil
		}
		k := &t.keys[slot-1]
		if k.words == w && len(k.name) == n && (n <= 16 || k.name[8:n-8] == string(b[start+8:end-8])) {
			return k
		}
	}
}
