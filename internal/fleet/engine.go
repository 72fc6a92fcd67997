package fleet

import (
	"context"
	"time"
)

// Engine is the server that the nodes of a namespace share. Its methods are safe for concurrent use, and return when ctx ends at the latest. All times are
// those of the engine's clock; all ages are counted back from the moment of the call.
//
// A method that takes a list returns as many answers in the same order, each with an error of its own: in a cluster some items can fail while others do not.
// The errors wrap one of this package's (see Why). Every call may be repeated after an error, since its answer may be lost while its effect is not: repeating a
// call has the effect, and the answer, of the first. Items of a list that have the same Key must not depend on each other.
type Engine interface {
	// Claim asks whose alert leaves. It counts nothing.
	Claim(ctx context.Context, list []Claim) []Claimed
	// Give hands over counts that no alert reported. The gifts of one run and key must have rising Seq, and the next must not be given before the one before it
	// was acknowledged.
	Give(ctx context.Context, list []Gift) []Given
	// Due lists the work of a set of triggers that is due in a shard, the oldest first, at most limit (1 to MaxDue).
	Due(ctx context.Context, shards []int, triggers string, limit int) ([]Work, error)
	// Take takes work that is due for the length of a lease. Work that is not due, taken by another node, or gone, is Nothing.
	Take(ctx context.Context, list []Take) []Taken
	// Settle says that work ended: the alert of a lead was delivered or became a dead letter, or a roll-up, an absence, its end, a wait or the end of an incident is in the store of the node that took it.
	Settle(ctx context.Context, list []Settlement) []Settled
	// Renew prolongs the time after which another node may take a lead's alert over.
	Renew(ctx context.Context, list []Renewal) []Renewed
	// Mark counts hits towards a threshold of all nodes together.
	Mark(ctx context.Context, list []Mark) []Marked
	// Tally counts hits of a key by slices of time.
	Tally(ctx context.Context, list []Tally) []Tallied
	// Cross asks which node makes the alert about a rate or a ratio.
	Cross(ctx context.Context, list []Crossing) []Crossed
	// Hear says when the line that an absence rule waits for was last heard.
	Hear(ctx context.Context, list []Hearing) []Heard
	// See asks whether a template was seen before.
	See(ctx context.Context, list []Sight) []Seen
	// Step says when the other rule of a sequence was hit.
	Step(ctx context.Context, list []Step) []Stepped
	// Follow asks whether hits followed one of the other rule. It changes nothing.
	Follow(ctx context.Context, list []Follow) []Followed
	// Wait says that a hit waits for one of the other rule.
	Wait(ctx context.Context, list []Wait) []Waited
	// Note says that keys of rules with ends were hit, and which incidents of them the node knows.
	Note(ctx context.Context, list []Note) []Noted
	// End says that a line ends incidents.
	End(ctx context.Context, list []Ending) []Ended
	// Listed lists open incidents by the index that they were reported with, and maybe some that ended, at most MaxListed.
	Listed(ctx context.Context, index Key) ([]Listed, error)

	// Beat is the heartbeat of a node. It takes or prolongs the keeper's lease if that is free.
	Beat(ctx context.Context, b Beat) (Pulse, error)
	// Shared returns the silences of the namespace that are in force, and the windows that were closed within CloseMemory.
	Shared(ctx context.Context) (Shared, error)
	// PutSilence writes a silence. With onlyNew it leaves one of the same id as it is.
	PutSilence(ctx context.Context, s Silence, onlyNew bool) error
	// DropSilence ends a silence, and reports whether there was one.
	DropSilence(ctx context.Context, id string) (bool, error)

	// Windows lists at most limit windows that are open or have unreported hits, in no order.
	Windows(ctx context.Context, limit int) ([]Window, error)
	// Window returns one window, and whether there is one.
	Window(ctx context.Context, key Key) (Window, bool, error)
	// CloseWindow closes a window, so that the next claim leads. Its unreported hits are due at once. It reports whether the window was open.
	CloseWindow(ctx context.Context, key Key) (bool, error)
	// Account sums up the namespace.
	Account(ctx context.Context) (Account, error)

	// CircuitsOpen returns how many servers are not asked at the moment, because they failed repeatedly. It asks nobody.
	CircuitsOpen() int
	// Close ends all connections. Calls in flight return an error.
	Close()
}

// Bounds of the wire. An implementation refuses calls that exceed them with ErrRefused; the loops of this package cut before they ask.
const (
	MaxPayload = 16 << 10 // bytes of Claim.Payload
	MaxSample  = 1 << 10  // bytes of a sample
	MaxName    = 256      // bytes of Node, Rule, Title and Version
	MaxID      = 64       // bytes of ID, Run and Triggers
	MaxReasons = 16       // entries of Counts
	MaxReason  = 32       // bytes of a reason: a-z and _
	MaxHosts   = 10       // of Taken.Hosts
	MaxDue     = 256      // items of Due
	MaxSteps   = 10       // of Terms.Steps
	MaxCount   = 10_000   // of Mark.Count
	MaxHits    = 1 << 40  // of one count
	MaxSilence = 8 << 10  // bytes of Silence.Body
)

// How long the engine remembers.
const (
	// Memory is how long it remembers a window after its cooldown, and which gifts it has: longer than MaxGiftAge.
	Memory = 24 * time.Hour
	// MaxGiftAge is the age from which a gift is not given any more: a node counts its hits as forgotten.
	MaxGiftAge = 12 * time.Hour
	// CloseMemory is how long Shared lists a window that was closed.
	CloseMemory = 2 * time.Minute
	// CrossingLease is how long a node that reached a threshold has to open the window.
	CrossingLease = 15 * time.Second
	// KeeperLease is how long a node is the keeper after a heartbeat.
	KeeperLease = 15 * time.Second
	// Absent is how long a node counts as alive, and its set of triggers as served, after a heartbeat.
	Absent = 60 * time.Second
)

// Overdue is how long after its opening a window with unreported hits suppresses claims: when nobody takes its roll-up by then, the next claim leads.
func Overdue(cooldown, grace time.Duration) time.Duration { return cooldown + 3*grace + 5*time.Second }

// Counts are hits by the reason that suppressed them.
type Counts map[string]int64

// Sum returns all hits.
func (c Counts) Sum() (n int64) {
	for _, hits := range c {
		n += hits
	}
	return n
}

// Terms are a rule's numbers on the node that asks. Each call goes by its own.
type Terms struct {
	Cooldown time.Duration // from the alert until the next may leave; whole milliseconds
	// CooldownMax is the length up to which a window doubles that follows one with hits, in whole milliseconds; not above Cooldown: none doubles. A window that is
	// longer than Cooldown ends when no node claimed, or was hit, for that time.
	CooldownMax time.Duration
	// Steps are the moments of an escalation, from the beginning of the episode on: at most MaxSteps, each in whole milliseconds and later than the one before it.
	// At each a roll-up is due. An episode begins with a lead, and ends when no node claimed, or was hit, for Cooldown and Grace.
	Steps []time.Duration
	Grace time.Duration // from the end of the cooldown until the roll-up; whole milliseconds
	// Triggers is a digest of the names, filters and fleet settings of all triggers. Nodes that differ in it do not take over each other's alerts.
	Triggers string
}

// Title is how people recognize a window. With share_lines = false it must hold nothing of a line.
type Title struct {
	Rule, Text string
}

// Claim asks for one candidate.
type Claim struct {
	Key       Key
	Run, Node string // Run identifies the node: see Beat
	ID        string // the alert's
	Rollup    bool   // the candidate is a roll-up: it also waits for that of the fleet
	Terms     Terms
	Title     Title
	// HandOver is how long the alert has to be delivered or renewed before another node may take it over. Payload is the alert that it then sends.
	// Empty: nobody takes it over.
	HandOver time.Duration
	Payload  []byte
	// Incident is that of an alert whose rule asks for an end; nil: it does not.
	Incident *Incident
	// Rest says that the candidate has the hits that an incident leaves unreported on its node, which was quiet for as long as its end takes. It is held while the
	// incident is open, for its end reports them.
	Rest bool
}

// Verdict is the answer to a claim.
type Verdict int

// The verdicts.
const (
	Undecided Verdict = iota // there is no answer: see Err
	Lead                     // the alert leaves
	Held                     // another one of the key left: this one must not, and its counts are given
	Over                     // of a Rest: the incident ended without these hits, so that they are unreported again on their node
)

// String returns the word that metrics show.
func (v Verdict) String() string { return [...]string{"undecided", "lead", "held", "over"}[v] }

// Claimed is the answer to a Claim. Err is ErrFull when the namespace has no room for another window, and ErrEnding while the end of the incident before is sent.
type Claimed struct {
	Verdict          Verdict
	LeadID, LeadNode string        // whose alert left; "" when it was a roll-up after the engine lost its data
	Left             time.Duration // until the cooldown ends
	Err              error
}

// Gift is a number of hits that no alert of the node reports.
type Gift struct {
	Key         Key
	Run, Node   string
	Seq         int64 // from 1
	Counts      Counts
	First, Last time.Duration // ages of the first and the last of the hits
	Terms       Terms
	Title       Title
	Sample      []byte // an example that the roll-up may show; opaque. Of all gifts of a roll-up the engine keeps the first.
}

// Given is the answer to a Gift. New is false if the engine had it already.
type Given struct {
	New bool
	Err error
}

// Kind is a kind of work.
type Kind int

// The kinds of work.
const (
	Nothing  Kind = iota // nothing to do
	HandOver             // an alert that its node did not deliver
	Rollup               // unreported hits of a window that ended
	Absence              // nothing was heard
	Recovery             // the line was heard whose absence was reported
	Missing              // a hit that none of the other rule followed
	End                  // an incident is over
)

// String returns the word that logs and metrics show.
func (k Kind) String() string {
	return [...]string{"nothing", "hand_over", "rollup", "absence", "recovery", "missing", "end"}[k]
}

// Work names something that is due.
type Work struct {
	Key     Key
	Absence bool // of an absence rule; else of a window
	Waits   bool // of a hit that waits for another rule; else of a window
}

// Take takes work of a set of triggers for the length of Lease (whole milliseconds).
type Take struct {
	Work
	Run, Node string
	Triggers  string
	Lease     time.Duration
}

// Taken is work that was taken.
type Taken struct {
	Work
	// Triggers is the set of triggers that the work is of, which Leaving needs to settle it. The keeper fills it in.
	Triggers string
	Kind     Kind
	ID       string // of HandOver: the alert's
	Payload  []byte // of HandOver
	// DueAt identifies a roll-up or an absence of the key: the moment at which it was due, in milliseconds of the engine's clock. Whoever takes the same work
	// again gets the same DueAt and the same numbers.
	DueAt  int64
	Counts Counts   // of Rollup, and of End: hits that no alert reported
	Nodes  int      // how many nodes gave
	Hosts  []string // the names of some of them, at most MaxHosts
	// First and Last are ages of the first and the last hit. Of Absence, Last is that of the last line heard, or of the beginning of the watch; of Recovery, that of
	// the line that ended it; of Missing, that of the hit that waited.
	First, Last time.Duration
	Gone        time.Duration // of Recovery: for how long nothing was heard
	Step        int           // of Rollup: how many of Terms.Steps the episode has passed
	Sample      []byte
	Title       Title
	Incident    *Past // of End
	Err         error
}

// Settlement ends the work of a lead (ID set), a roll-up, an absence or an end (DueAt set).
type Settlement struct {
	Work
	Run      string
	Triggers string // of the work, as taken
	ID       string
	DueAt    int64
	// Incident is that of a roll-up whose rule asks for an end; nil: it does not. Of its numbers none is used: the roll-up is one alert, and has its own hits.
	Incident *Incident
}

// Settled is the answer to a Settlement. Mine says that it ended by this run: the hits of a roll-up count as reported by exactly the run that is answered so.
type Settled struct {
	Mine bool
	Err  error
}

// Renewal prolongs the time of a lead's alert.
type Renewal struct {
	Key      Key
	Run, ID  string
	Triggers string
	HandOver time.Duration
}

// Renewed is the answer to a Renewal. Lost says that another node has the alert, so attempts that have not begun must not be made. A lead that the engine does
// not know, since it was settled or the engine lost its data, is not lost.
type Renewed struct {
	Lost bool
	Err  error
}

// Aged is a number of hits of one moment, or one value.
type Aged struct {
	Age   time.Duration
	Hits  int64  // 1 for a value
	Value uint64 // a digest of it, where values are counted; else 0
}

// Mark counts hits towards a threshold: Count hits within Within, or so many different values. Seq rises with each report of the run about the key, from 1.
type Mark struct {
	Key       Key
	Run, Node string
	Seq       int64
	Count     int64 // 1 to MaxCount
	Within    time.Duration
	// While the window of the key is open, nothing crosses and the newest Count hits are kept: see Terms.
	Cooldown, CooldownMax time.Duration
	Values                bool   // different values are counted
	Hits                  []Aged // at most MaxAged, the oldest first
}

// Marked is the answer to a Mark. A report that is repeated is answered as the first time.
type Marked struct {
	// Crossed says that the threshold was reached by this report: the node makes the alert, and the count begins again. A crossing whose alert opens no window
	// within CrossingLease may be answered to another report, too, with the hits of both.
	Crossed bool
	Reached bool  // the threshold is reached, and the window of the key is open
	Sum     int64 // hits within Within, those of this report included, or values; of a crossing, those that reached it
	Err     error
}

// Hearing says how long ago the line was heard that must not be absent for Within. With Watch it was not heard: the watch begins now, unless there is one. The
// absence has the Sample of the line heard last, and none of a watch.
type Hearing struct {
	Key      Key
	Age      time.Duration
	Watch    bool
	Within   time.Duration
	Triggers string
	Title    Title
	Sample   []byte
}

// Heard is the answer to a Hearing.
type Heard struct {
	Age time.Duration // of the line that any node heard last, or of the beginning of the watch
	Err error
}

// NoAlert is the Sight.ID of a line that makes no alert.
const NoAlert = "-"

// Sight is a template that a line has. ID is the alert that would report it, or NoAlert: then the template becomes known to all other runs, and an alert of the
// same run, which may have been made before, is still the first.
type Sight struct {
	Key     Key
	Run, ID string
	For     time.Duration // how long it is remembered after it was last seen
	// Image, if set, asks whether the template was seen before an image appeared, on any node.
	Image *ImageSight
}

// ImageSight is the image of a Sight. It is remembered as the template is.
type ImageSight struct {
	Key      Key
	Template time.Duration // since the run saw the template first
	Age      time.Duration // since the image appeared on the run's node
	Appeared bool          // the node saw that; else Age says nothing. Where no node did, a template is new that no other alert or run saw
}

// Seen is the answer to a Sight.
type Seen struct {
	New bool // no other alert or run saw it before, or none did before the image appeared
	Err error
}

// Beat is the description that a node gives of itself.
type Beat struct {
	// Run is a random id of the node's store. Gifts and totals go by it, so it must live exactly as long as they do.
	Run, Node, Version, Triggers string
	Given, Reported              int64 // hits that were acknowledged by Give, and those of roll-ups that were Settled as Mine, since Run began
}

// Pulse is the answer to a Beat.
type Pulse struct {
	Epoch      string // a random id of the engine's data: another one means that the data was lost
	Keeper     bool   // the node is the keeper of its triggers for KeeperLease
	KeeperNode string // who is
	Nodes      int    // how many are alive
	Twin       bool   // another living run has the same node name
	// Orphans are sets of triggers that had a node within Memory, and have no living one. At most 8.
	Orphans []string
	Version int64 // of Shared
}

// Silence is a silence of the whole namespace. Body is opaque.
type Silence struct {
	ID   string
	Left time.Duration // until it ends
	Body []byte
}

// Shared is the list that all nodes pull.
type Shared struct {
	Epoch    string
	Version  int64
	Silences []Silence
	Closed   []Closed
}

// Closed is a window that somebody closed, or with Ended an incident that a line ends. At identifies the act, in milliseconds of the engine's clock.
type Closed struct {
	Key   Key
	At    int64
	Ended bool
}

// Window is a window as people see it.
type Window struct {
	Key              Key
	Title            Title
	Opened           time.Duration // age; 0: it was closed
	Cooldown         time.Duration // its length
	Left             time.Duration // until the cooldown ends; 0: it did
	LeadID, LeadNode string
	Waiting          bool // the lead's alert is not delivered yet
	Unreported       int64
	Nodes            int   // that gave them
	Frozen           int64 // hits of a roll-up or an end that is being delivered; not among Unreported
	Incident         *OpenIncident
}

// Account is the sum over a namespace. Given = Reported + Unreported while the engine lost nothing.
type Account struct {
	Epoch           string
	Given, Reported int64 // as the engine counted them since its data began
	Unreported      int64 // given and neither reported nor lost
	NodesGiven      int64 // as all runs of the last 30 days counted them
	NodesReported   int64
	Windows, Full   int64 // windows that the engine holds, and claims that found no room
	Nodes           []NodeInfo
	Keepers         map[string]string // by set of triggers: the node's name
}

// Lost returns the hits that the engine acknowledged and lost. The totals of nodes travel with heartbeats: until the next one, hits that were just lost are
// missing. Hits that were just reported are not among the nodes' totals either, but the engine knows those of its own data.
func (a *Account) Lost() int64 {
	return max(0, a.NodesGiven-max(a.NodesReported, a.Reported)-a.Unreported)
}

// NodeInfo is a node as it described itself.
type NodeInfo struct {
	Beat
	Age time.Duration // of its last heartbeat
}
