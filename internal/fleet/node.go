package fleet

import (
	"context"
	"time"
)

// Node is this node's side of the fleet: its store, and behind it its engine of rules. Its methods are called from the loops of a Fleet, by several at once.
//
// Every method that changes something is one transaction of the store: after an error nothing has changed, and the loops call again. Exactness over a kill
// rests on these transactions and on nothing else:
//
//	accept   the chunk's alerts, the due time now+wait of their deliveries, a row "asked" for each candidate   (before the chunk is acknowledged; not here)
//	Decide   the deliveries' new due time or their withdrawal, the row's new state, the outbox row with its Seq
//	Given    removal of outbox rows, the total of given hits
//	Accept   the fleet's alert with its deliveries, a row to settle
//	Settled  removal of rows, the total of reported hits
type Node interface {
	// Asked returns the candidates that an earlier start left without a decision, and makes their deliveries due at the given time. It is called once, before
	// the workers of deliveries run.
	Asked(ctx context.Context, due time.Time) ([]Candidate, error)
	// Decide records decisions, all of them or none. A candidate that is not "asked" any more is left as it is.
	//
	// Leads and Alone: its deliveries are due now, its row stays until it is settled. Holds: if no delivery has begun, the deliveries are withdrawn and an outbox
	// row gets the next Seq; if one has begun, it is recorded as Alone with WhyWait, and its ID is returned as late. Knows: as Holds, without an outbox row.
	Decide(ctx context.Context, list []Decision) (late []string, err error)

	// Outbox returns rows that were not acknowledged, the oldest of each key, at most limit.
	Outbox(ctx context.Context, limit int) ([]Unreported, error)
	// Given removes outbox rows that the engine acknowledged, and adds their hits to the total of given hits.
	Given(ctx context.Context, seqs []int64) error
	// Forget removes outbox rows that are too old to be given, and counts their hits as forgotten.
	Forget(ctx context.Context, seqs []int64) error

	// Leaving returns rows of alerts that leave or left and are not settled, those that ended first, at most limit. Rows older than MaxGiftAge may be dropped.
	Leaving(ctx context.Context, limit int) ([]Leaving, error)
	// Waiting returns those rows of Leaving that have not ended, in the order of their ids, from the first behind after on, at most limit.
	Waiting(ctx context.Context, after string, limit int) ([]Leaving, error)
	// Settled removes rows. It adds the hits of a roll-up whose answer is Mine to the total of reported hits.
	Settled(ctx context.Context, list []SettledRow) error
	// Yield withdraws deliveries that have not begun, of alerts that another node has, and removes their rows. An attempt that runs is the last.
	Yield(ctx context.Context, ids []string) error

	// Accept stores an alert that this node took, due at once, and a row to settle it; an alert whose id is known changes nothing. For HandOver the id is
	// t.ID and the row is one of a lead, whose HandOver is that of the settings; for others it is WorkID, and the row
	// is settled as soon as it is read. Work whose rule this node does not have is accepted without an alert, and its hits are counted as forgotten. ErrLater leaves
	// it to whoever takes it when the lease ends.
	Accept(ctx context.Context, id string, t *Taken) error

	// Totals returns the hits of Given and Settled since the store was made.
	Totals(ctx context.Context) (given, reported int64, err error)
	// Share puts the silences of the namespace in force and stores them. Whole says that the list is complete: silences of the fleet that it does not have
	// end. Windows in Closed are closed here as well, each once.
	// The epoch is stored with them.
	Share(ctx context.Context, s Shared, whole bool) error
	// Silences returns the silences of the fleet that are in force here, and the Epoch of the last Share: if the engine's is another one, it lost its data and
	// gets them back.
	Silences(ctx context.Context) (epoch string, list []Silence, err error)
}

// Candidate is an alert that waits for a decision.
type Candidate struct {
	Claim           // Run and Node are filled in by the gate
	Sight *Template // for rules of first_seen: asked first. nil: the claim alone is asked
	Until time.Time // when its deliveries are due without a decision
}

// Outcome is the end of a candidate.
type Outcome int

// The outcomes.
const (
	Leads Outcome = iota + 1 // it leaves for the fleet
	Alone                    // it leaves without an answer
	Holds                    // it does not leave; its counts are given
	Knows                    // it does not leave, and its hits are unreported again: its template was seen before, or it is the Rest of an incident that ended
)

// String returns the word that the store and metrics use.
func (o Outcome) String() string { return [...]string{"asked", "lead", "alone", "held", "known"}[o] }

// Decision is the outcome of one candidate.
type Decision struct {
	ID               string
	Outcome          Outcome
	Why              string // of Alone: one of Whys
	LeadID, LeadNode string // of Holds: whose alert left
}

// Unreported is a row of the outbox. The mover fills in Run, Node and the ages of the gift from the times, which are of this node's clock.
type Unreported struct {
	Gift
	FirstAt, LastAt time.Time
	HeldAt          time.Time // when the row was written
}

// Leaving is a row of an alert that leaves or left.
type Leaving struct {
	Work
	ID       string
	Triggers string
	DueAt    int64         // of a roll-up or an absence; 0: a candidate, or a hand-over
	Alone    bool          // it left without an answer: the engine may hold it for a lead all the same
	Ended    bool          // all its deliveries were delivered, became dead letters, or were none
	Incident *Incident     // of a roll-up whose rule asks for an end: see Settlement
	HandOver time.Duration // of a candidate or a hand-over; 0: nobody takes it over
}

// SettledRow is a row that is settled.
type SettledRow struct {
	ID   string
	Mine bool
}
