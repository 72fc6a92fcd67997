package receiver

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Reply says how one request is answered. The zero value answers 200 with an empty body.
type Reply struct {
	Status int         // 0: 200
	Header http.Header // such as Retry-After
	Body   string
	// Size makes the body at least so many bytes long.
	Size int64
	// Delay is waited for before the answer begins.
	Delay time.Duration
	// Drip is waited for before each of the body's bytes.
	Drip time.Duration
	// Hang never answers: the connection stays open until the client leaves or the server stops.
	Hang bool
	// Reset breaks the connection with a TCP reset after the request was read.
	Reset bool
	// Truncate promises a longer body than it sends, then closes the connection.
	Truncate bool
}

// Accepts reports whether a client that gets this reply may take its request as delivered.
func (r Reply) Accepts() bool {
	return !r.Hang && !r.Reset && (r.Status == 0 || r.Status >= 200 && r.Status < 300)
}

// A Behaviour chooses the reply to each request. Reply is called for one request at a time.
type Behaviour interface {
	Reply(r Request) Reply
}

// BehaviourFunc is a function as a Behaviour.
type BehaviourFunc func(Request) Reply

// Reply calls the function.
func (f BehaviourFunc) Reply(r Request) Reply { return f(r) }

var _ Behaviour = BehaviourFunc(nil)

// Always answers every request alike.
func Always(reply Reply) Behaviour { return BehaviourFunc(func(Request) Reply { return reply }) }

// Status answers every request with a status and nothing else.
func Status(code int) Behaviour { return Always(Reply{Status: code}) }

// Sequence gives its replies one after the other, the last one for ever.
func Sequence(replies ...Reply) Behaviour {
	next := 0
	return BehaviourFunc(func(Request) Reply {
		reply := replies[next]
		if next < len(replies)-1 {
			next++
		}
		return reply
	})
}

// Chance is a reply with its weight among others.
type Chance struct {
	Weight int
	Reply  Reply
}

// Random draws replies by weight from a generator with the seed, so that a run can be repeated.
func Random(seed uint64, chances ...Chance) Behaviour {
	generator := rand.New(rand.NewPCG(seed, seed))
	total := 0
	for _, c := range chances {
		total += c.Weight
	}
	return BehaviourFunc(func(Request) Reply {
		n := generator.IntN(total)
		for _, c := range chances {
			if n -= c.Weight; n < 0 {
				return c.Reply
			}
		}
		return Reply{}
	})
}

// Hostile is what a bad day looks like: of ten requests about six are accepted; the others fail, hang, are reset, or are answered with a
// failure or a broken body although they were accepted.
func Hostile(seed uint64) Behaviour {
	return Random(seed,
		Chance{12, Reply{}},
		Chance{1, Reply{Status: http.StatusInternalServerError}},
		Chance{1, Reply{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}}}},
		Chance{1, Reply{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"0"}}}},
		Chance{1, Reply{Status: http.StatusBadGateway, Size: 1 << 20}},
		Chance{1, Reply{Reset: true}},
		Chance{1, Reply{Hang: true}},
		Chance{1, Reply{Truncate: true, Body: "ok"}},
		Chance{1, Reply{Delay: 300 * time.Millisecond}},
	)
}

// switchable is the behaviour of a server, which can be changed while requests come in.
type switchable struct {
	mu sync.Mutex
	b  Behaviour
}

func (s *switchable) set(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b = b
}

func (s *switchable) reply(r Request) Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Reply(r)
}
