package fleet

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Options are the dependencies and settings of a Fleet.
type Options struct {
	Engine   Engine
	Node     Node
	Settings Settings
	// Run is the random id of the node's store: see Beat. Name is the node's name, Version that of the program, Triggers the digest of the triggers.
	Run, Name, Version, Triggers string
	// Crossed is called when the hits that this node reported reached a threshold of the fleet: this node makes the alert. name is that of Hit. It may be called
	// twice about one crossing.
	Crossed func(name string, sum int64)
	// Exceeded is called when a rate or a ratio of the fleet is too large, after a hit that this node reported: this node makes the alert. name is that of Asking. It
	// may be called twice about one crossing.
	Exceeded func(name string, c Compared)
	// Reached is called when they reached it while the window of the key is open: a roll-up reports the hits.
	Reached func(name string)
	// Unanswered is called, maybe repeatedly, while the engine does not answer reports about a key: the node's own count decides.
	Unanswered func(name string)
	// Heard is called with the age of the line that any node heard last, after this node reported one. name is that of Line.
	Heard func(name string, age time.Duration)
	// Ended is called when an incident is over of which alerts left this node, as it was reported: the order of the latest is made. name is that of Known.
	Ended func(name string, made int64)
	// Followed is called when a hit that this node asked about followed the other rule on another node. name and shown are of Asked.
	Followed func(name string, shown any)
	// WaitOver is called when a wait is over: the other rule was hit in time on some node, or the fleet reports that it was not. name is that of Waiting.
	WaitOver func(name string)
	// Lost is called on the keeper when the engine lost its data, after the next heartbeats of all nodes: Account.Lost has the hits.
	Lost func(ctx context.Context, a Account)
	// Observe is called with the time of each round trip; nil: nobody is interested.
	Observe func(time.Duration)
	Now     func() time.Time // nil: time.Now. Timers follow the runtime's clock.
	Random  func() float64   // numbers in [0,1); nil: math/rand
	Log     *slog.Logger
	Panics  *atomic.Int64
}

// Fleet is a node's part of the fleet. It is safe for concurrent use.
type Fleet struct {
	opt      Options
	triggers atomic.Pointer[string]
	count    counters
	health   health

	offered struct {
		sync.Mutex
		list     []Candidate
		held     int      // candidates in list, and those that the gate asks for
		bytes    int      // of their payloads
		overflow []string // ids that there was no room for
	}
	waiting     []Candidate   // that the gate asks for; its own, kept over a panic
	asks, moves chan struct{} // wake the loops
	beats       chan struct{} // makes the keeper's loop send the totals at once
	reporter    reporter
	following   following
	pulse       atomic.Pointer[Pulse]
	account     atomic.Pointer[Account] // as the keeper last saw it; nil: this node is not the keeper, or it is not known
	silences    sync.Mutex              // held while silences and closed windows are pulled
}

// Bounds of the loops.
const (
	maxOffered  = 4096    // candidates that wait for an answer
	maxPayloads = 4 << 20 // bytes of their payloads
	maxOverflow = 1 << 16 // ids that did not fit
	batch       = 256     // items of one call
	tick        = time.Second
	beatEvery   = 5 * time.Second
	sumEvery    = 3 * beatEvery
	workLease   = 15 * time.Second
	retryLeast  = 200 * time.Millisecond
)

// New returns a Fleet that does nothing until Run.
func New(o Options) *Fleet {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Panics == nil {
		o.Panics = &atomic.Int64{}
	}
	o.Name, o.Version = safetext.Cut(safetext.Visible(o.Name), MaxName), safetext.Cut(safetext.Visible(o.Version), MaxName)
	f := &Fleet{opt: o, asks: make(chan struct{}, 1), moves: make(chan struct{}, 1), beats: make(chan struct{}, 1)}
	f.triggers.Store(&o.Triggers)
	f.reporter.init()
	f.following.init()
	f.health.now, f.health.log, f.health.since = o.Now, o.Log, o.Now()
	return f
}

// SetTriggers puts another digest of the triggers in force, after a reload.
func (f *Fleet) SetTriggers(digest string) { f.triggers.Store(&digest) }

// Resume asks again for the candidates of an earlier start. It is called before the workers of deliveries run, so that none of them leaves unasked.
func (f *Fleet) Resume(ctx context.Context) error {
	until := f.opt.Now().Add(f.opt.Settings.Wait)
	list, err := f.opt.Node.Asked(ctx, until)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Until = until
	}
	f.Offer(list)
	return nil
}

// Offer asks for candidates that are on disk. It never blocks. A candidate that there is no room for leaves without an answer.
func (f *Fleet) Offer(list []Candidate) {
	o := &f.offered
	o.Lock()
	for _, c := range list {
		switch {
		case o.held < maxOffered && o.bytes+len(c.Payload) <= maxPayloads:
			o.list = append(o.list, c)
			o.held, o.bytes = o.held+1, o.bytes+len(c.Payload)
		case len(o.overflow) < maxOverflow:
			o.overflow = append(o.overflow, c.ID)
		}
	}
	o.Unlock()
	wake(f.asks)
}

// Wake makes the mover look: an alert that left was delivered, or became a dead letter.
func (f *Fleet) Wake() { wake(f.moves) }

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run runs the loops until ctx ends. It is called once. Candidates without a decision then leave by themselves, or are asked again by the next Resume.
func (f *Fleet) Run(ctx context.Context) {
	var loops sync.WaitGroup
	for name, loop := range map[string]func(context.Context){"gate": f.gate, "mover": f.mover, "keeper": f.keeper, "reporter": f.report} {
		loops.Go(func() {
			for ctx.Err() == nil && f.panics("the fleet's "+name, func() { loop(ctx) }) {
				sleep(ctx, time.Second)
			}
		})
	}
	loops.Wait()
}

// panics runs fn and reports whether it panicked.
func (f *Fleet) panics(what string, fn func()) (panicked bool) {
	panicked = true
	defer guard.Recover(f.opt.Log, f.opt.Panics, what)
	fn()
	return false
}

// sleep waits, at most until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// roundTrip bounds one call: a fraction of wait, so that several fit into it.
func (f *Fleet) roundTrip() time.Duration { return min(time.Second, f.opt.Settings.Wait/5) }

// call bounds ctx by one round trip and notes how long it took.
func (f *Fleet) call(ctx context.Context, most time.Duration, do func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, min(most, f.roundTrip()))
	defer cancel()
	begun := time.Now()
	do(ctx)
	if f.opt.Observe != nil {
		f.opt.Observe(time.Since(begun))
	}
}

// health is whether the engine answers, as the log and the status show it.
type health struct {
	now func() time.Time
	log *slog.Logger

	mu     sync.Mutex // guards the fields below
	why    string     // "": it answers
	since  time.Time  // when it stopped answering, or when nobody had asked yet
	failed time.Time  // the last failure
	known  bool       // it answered, or failed, at least once
	full   time.Time  // when it last had no room for a window
}

// settles is how long nothing must fail before the engine counts as answering again, so that a cluster of which a part fails does not fill the log.
const settles = 10 * time.Second

// fullAgain is how long there must have been room before a lack of room is logged again.
const fullAgain = 10 * time.Minute

// note notes the errors of a call; nil for the items that succeeded. It logs each change of state once.
func (h *health) note(err error) {
	why := Why(err)
	now := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if why == "full" { // it answers
		if h.full.IsZero() || now.Sub(h.full) > fullAgain {
			h.log.Warn("fleet: max_keys windows are open, so alerts of new incidents are sent without the engine")
		}
		why, h.full = "", now
	}
	switch {
	case why == "circuit" && h.why != "": // it is asked again later, for the reason that is known
		h.failed = now
	case why != "":
		if h.why == "" {
			h.log.Warn("fleet: the engine does not answer, so alerts are sent without it", "reason", why, "error", safetext.Visible(err.Error()))
			if h.known {
				h.since = now
			}
		}
		h.why, h.failed, h.known = why, now, true
	case h.why != "" && now.Sub(h.failed) < settles:
	case h.why != "":
		h.log.Info("fleet: the engine answers again")
		h.why = ""
	default:
		h.known = true
	}
}

// state returns the reason why the engine does not answer, or "", and whether it was asked yet.
func (h *health) state() (why string, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.why, h.known
}

// Up reports whether the engine answers. Until it was asked, it does not.
func (f *Fleet) Up() bool {
	why, known := f.health.state()
	return known && why == ""
}

// DownSince returns since when the engine does not answer, and whether that is so.
func (f *Fleet) DownSince() (since time.Time, down bool) {
	h := &f.health
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.since, !h.known || h.why != ""
}
