package chunk

import (
	"encoding/binary"
	"math/bits"
)

// role says what a key of a record means to us.
type role uint8

const (
	roleNone role = iota
	roleStream
	roleSource // stream in the records of Docker's fluentd driver; anything else elsewhere
	rolePri
	rolePriority
	rolePartialMessage
	rolePartialID
	rolePartialOrdinal
	rolePartialLast
	roleLogtag
	roleFlag // "_p", Fluent Bit's own CRI parser
	roleJournalPartial

	// Roles from here on tell where a record comes from.
	roleContainerID
	roleContainerName
	roleImage
	roleHost
	roleSyslogHost  // only beside pri
	roleSyslogIdent // only beside pri
	roleUnit
	roleIdentifier
	roleJournalID
	roleJournalIDFull
	roleJournalName
	roleKubernetes
	roleLabels // a map of container labels
	roleWorkload
	roleEnable
	roleComposeProject
	roleComposeService
	roleSwarmService
	rolePath
	roleResource // the resource of an OTLP group; never a key of a record

	firstIdentity = roleContainerID
)

// The labels that this program gives a meaning to.
const (
	labelWorkload       = "fluentbit-trigger.workload"
	labelEnable         = "fluentbit-trigger.enable"
	labelComposeProject = "com.docker.compose.project"
	labelComposeService = "com.docker.compose.service"
	labelSwarmService   = "com.docker.swarm.service.name"
)

// builtinKeys returns the keys that mean something in every configuration. The upper-case forms of labels are what Docker's journald
// driver makes of them.
func builtinKeys() map[string]role {
	return map[string]role{
		"stream": roleStream, "source": roleSource, "pri": rolePri, "PRIORITY": rolePriority,
		"partial_message": rolePartialMessage, "partial_id": rolePartialID, "partial_ordinal": rolePartialOrdinal, "partial_last": rolePartialLast,
		"logtag": roleLogtag, "_p": roleFlag, "CONTAINER_PARTIAL_MESSAGE": roleJournalPartial,
		"container_id": roleContainerID, "container_name": roleContainerName,
		"container_image": roleImage, "image_name": roleImage, "IMAGE_NAME": roleImage,
		"_HOSTNAME": roleHost, "hostname": roleHost, "host": roleSyslogHost, "ident": roleSyslogIdent,
		"_SYSTEMD_UNIT": roleUnit, "SYSLOG_IDENTIFIER": roleIdentifier,
		"CONTAINER_ID": roleJournalID, "CONTAINER_ID_FULL": roleJournalIDFull, "CONTAINER_NAME": roleJournalName,
		"kubernetes": roleKubernetes, "labels": roleLabels, "container_labels": roleLabels, "attrs": roleLabels,
		labelWorkload: roleWorkload, "FLUENTBIT_TRIGGER_WORKLOAD": roleWorkload,
		labelEnable: roleEnable, "FLUENTBIT_TRIGGER_ENABLE": roleEnable,
		labelComposeProject: roleComposeProject, "COM_DOCKER_COMPOSE_PROJECT": roleComposeProject,
		labelComposeService: roleComposeService, "COM_DOCKER_COMPOSE_SERVICE": roleComposeService,
		labelSwarmService: roleSwarmService, "COM_DOCKER_SWARM_SERVICE_NAME": roleSwarmService,
	}
}

// key is one entry of a keyTable. A rank is the place in the list of the settings, from 1; 0 means that the key is not in it.
type key struct {
	name      string
	words     keyWords
	role      role
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
		at(name).role = rolePath
	}
	for name, r := range builtinKeys() {
		at(name).role = r
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

// find returns the entry of the key b[start:end], nil when it means nothing to us.
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
