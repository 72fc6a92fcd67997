package fleet

import (
	"strings"
	"time"
)

// Incident is an incident of a rule that asks for its end, as one node knows it.
type Incident struct {
	Resolve time.Duration // it ends when no node had a hit for so long, whole milliseconds; 0: a line alone ends it
	// Ages of the latest hit of the key on this node: since it arrived, and since it happened. First is that of the first hit that its alerts report.
	Arrived, Hit, First time.Duration
	// Alerts is how many alerts of it left the node, that of a claim included, and Hits how many hits those report; 0: none did. Made orders the reports of a run:
	// it rises with each alert.
	Alerts, Hits, Made int64
	Severities         []string // of these alerts
	Triggers           []string // the names of those that send them
	About              []byte   // what the end shows; opaque. The engine keeps the first.
	// Index is where End looks the incident up whose key a line does not say, and Parts are the digests of the key's parts there. "": nowhere.
	Index Key
	Parts []string
}

// Note is a report about a key. If the engine does not know an incident of which alerts left, it is opened.
type Note struct {
	Key      Key
	Run      string
	Terms    Terms
	Title    Title
	Incident Incident
}

// Noted is the answer to a Note.
type Noted struct {
	Open  bool // an incident of the key is open
	Ended bool // that of the report is over
	Err   error
}

// Ending is a line that ends the incident of a key, unless a hit happened later. Age is that of the line. Index and Parts are those of the incident, so that one
// that is over is not listed any more.
type Ending struct {
	Key   Key
	Age   time.Duration
	Index Key
	Parts []string
}

// Ended is the answer to an Ending.
type Ended struct {
	Open bool // an incident was open, and ends
	Err  error
}

// Listed is an incident of an index.
type Listed struct {
	Key   Key
	Parts []string
}

// Past is an incident that is over. First and Last of the Taken are ages of its hits, those included that no alert reported.
type Past struct {
	Alerts, Hits         int64 // alerts that left, and hits that those report
	Severities, Triggers []string
	About                []byte
	Line                 time.Duration // age of the line that ended it; -1: none did
}

// OpenIncident is an incident as people see it.
type OpenIncident struct {
	Opened, Last time.Duration // ages: when its first alert left, and when a node had the latest hit
	Left         time.Duration // until it ends if no hit comes; 0: a line alone ends it
	Ending       bool          // a line ended it, or its end is being sent
	Alerts, Hits int64
}

// Bounds of incidents.
const (
	MaxAbout  = 2 << 10 // bytes of About
	MaxNames  = 4 << 10 // bytes of all names of triggers
	MaxParts  = 16
	MaxListed = 4096
)

func (i *Incident) fits() bool {
	return i == nil || length(i.Resolve) && length(i.Arrived) && length(i.Hit) && length(i.First) && i.Alerts >= 0 && i.Alerts <= MaxHits && i.Hits >= 0 &&
		i.Hits <= MaxHits && i.Made >= 0 && i.Made < 1<<52 && words(i.Severities, Reason) && words(i.Triggers, name) && len(i.About) <= MaxAbout &&
		indexed(i.Index, i.Parts)
}

// words reports whether each text of a list is as it must be, and all together fit.
func words(list []string, each func(string) bool) bool {
	for _, word := range list {
		if word == "" || !each(word) {
			return false
		}
	}
	return len(strings.Join(list, "\n")) <= MaxNames
}

// indexed reports whether an incident can be listed by an index, or is by none.
func indexed(index Key, parts []string) bool {
	if index == "" {
		return len(parts) == 0
	}
	return index.Valid() && len(parts) <= MaxParts && words(parts, id)
}

// Member is the name of an incident in its index.
func Member(key Key, parts []string) string { return string(key) + ":" + strings.Join(parts, ",") }

// ReadMember reads a name that Member made.
func ReadMember(text string) (l Listed, ok bool) {
	key, parts, ok := strings.Cut(text, ":")
	if l.Key = Key(key); parts != "" {
		l.Parts = strings.Split(parts, ",")
	}
	return l, ok && l.Key.Valid() && len(l.Parts) <= MaxParts && words(l.Parts, id)
}

// Check returns an error if the report exceeds a bound.
func (f *Note) Check() error {
	if !f.Key.Valid() || !id(f.Run) || !f.Title.fits() || !f.Incident.fits() {
		return refused("a report of an incident")
	}
	return f.Terms.check()
}

// Check returns an error if the call exceeds a bound.
func (e *Ending) Check() error {
	if !e.Key.Valid() || !length(e.Age) || !indexed(e.Index, e.Parts) {
		return refused("an end")
	}
	return nil
}
