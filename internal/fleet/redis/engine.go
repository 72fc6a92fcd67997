package redis

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// Options are the dependencies and settings of an Engine.
type Options struct {
	Settings fleet.Settings
	Guard    *egress.Guard
	// LookupEnv reads environment variables; nil: os.LookupEnv.
	LookupEnv func(string) (string, bool)
	Now       func() time.Time // nil: time.Now. Timers and deadlines follow the runtime's clock.
	Random    func() float64   // numbers in [0,1); nil: math/rand
}

// Engine implements fleet.Engine. It connects when it is first asked.
type Engine struct {
	layout    string // of the keys. Nodes of two layouts share an engine without sharing a key.
	namespace string
	maxKeys   int // of one shard
	scripts   *scripts
	router    *router
	now       func() time.Time
	random    func() float64
}

var _ fleet.Engine = (*Engine)(nil)

// New reads the files that the settings name, and connects to nothing. Its error is one of settings (setting.FaultsIn).
func New(o Options) (*Engine, error) {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	s, err := newScripts()
	if err != nil {
		return nil, err
	}
	d, err := newDialer(&o.Settings, o.Guard, o.LookupEnv)
	if err != nil {
		return nil, err
	}
	return &Engine{
		layout: "ft1", namespace: o.Settings.Namespace, maxKeys: (o.Settings.MaxKeys + fleet.Shards - 1) / fleet.Shards, scripts: s,
		router: newRouter(&o.Settings, d, o.Now, o.Random), now: o.Now, random: o.Random,
	}, nil
}

// Close implements fleet.Engine.
func (e *Engine) Close() { e.router.close() }

// CircuitsOpen implements fleet.Engine.
func (e *Engine) CircuitsOpen() (n int) {
	e.router.mu.Lock()
	defer e.router.mu.Unlock()
	for _, s := range e.router.servers {
		s.mu.Lock()
		if s.fails >= failures {
			n++
		}
		s.mu.Unlock()
	}
	return n
}

// maxRedirects bounds how often a call follows redirections of a cluster.
const maxRedirects = 3

// run runs calls: one round trip to each server that has some of them, to all at once.
func (e *Engine) run(ctx context.Context, calls []*call) {
	left := calls
	for range 1 + maxRedirects {
		left = e.round(ctx, left)
		if len(left) == 0 {
			break
		}
	}
	for _, c := range calls {
		c.err = failure(c.err)
	}
}

// round runs calls once, and returns those that are to be asked elsewhere.
func (e *Engine) round(ctx context.Context, calls []*call) (again []*call) {
	parts := map[string][]*call{}
	for _, c := range calls {
		address, err := e.router.route(ctx, c.shard)
		if err != nil {
			c.err = timedOut(ctx, err)
			continue
		}
		parts[address] = append(parts[address], c)
	}
	var all sync.WaitGroup
	for address, part := range parts {
		if len(parts) == 1 {
			e.at(ctx, address, part, false)
			break
		}
		all.Go(func() { e.at(ctx, address, part, false) })
	}
	all.Wait()
	asks := map[string][]*call{}
	for _, part := range parts {
		for _, c := range part {
			kind, address, ok := moved(c.err)
			switch {
			case ok && kind == "MOVED":
				e.router.move(c.shard, address)
				again = append(again, c)
			case ok:
				asks[address] = append(asks[address], c)
			case c.err != nil && isReplica(c.err):
				e.router.doubt()
			}
		}
	}
	for address, part := range asks {
		e.at(ctx, address, part, true)
	}
	return again
}

// at runs calls on one server.
func (e *Engine) at(ctx context.Context, address string, calls []*call, asking bool) {
	s, err := e.router.server(address)
	if err != nil {
		_ = failAll(calls, err)
		return
	}
	if err := s.do(ctx, calls, asking); err != nil {
		e.router.doubt()
	}
}

// prefix returns the beginning of the keys of a shard.
func (e *Engine) prefix(shard int) string { return e.layout + ":{" + tag(e.namespace, shard) + "}:" }

// windowCall returns a call about a window.
func (e *Engine) windowCall(s *script, key fleet.Key, triggers string, args ...any) *call {
	p := e.prefix(key.Shard())
	return &call{
		script: s, shard: key.Shard(), keys: []string{p + "w:" + string(key), p + "n:" + string(key), p + "due:" + triggers, p + "acct", p + "win"},
		args: append([]any{string(key), triggers}, args...),
	}
}

// ms returns a length in whole milliseconds.
func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func dur(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// isReplica reports whether a server answered that it is no master, or does not know one.
func isReplica(err error) bool {
	said, ok := err.(redigo.Error)
	if !ok {
		return false
	}
	switch code(said) {
	case "READONLY", "MASTERDOWN", "CLUSTERDOWN":
		return true
	}
	return false
}

// each checks the items of a list, runs a call for each of the others, and reads the answers.
func each[Q, A any](ctx context.Context, e *Engine, list []Q, check func(*Q) error, ask func(*Q) *call, answer func(*Q, *answer) A, failed func(error) A) []A {
	out := make([]A, len(list))
	calls := make([]*call, len(list))
	var valid []*call
	for i := range list {
		if err := check(&list[i]); err != nil {
			out[i] = failed(err)
			continue
		}
		calls[i] = ask(&list[i])
		valid = append(valid, calls[i])
	}
	e.run(ctx, valid)
	for i, c := range calls {
		if c == nil {
			continue
		}
		a := read(c.value, c.err)
		got := answer(&list[i], a)
		if a.err != nil {
			got = failed(a.err)
		}
		out[i] = got
	}
	return out
}

// one runs a single call.
func (e *Engine) one(ctx context.Context, c *call) *answer {
	e.run(ctx, []*call{c})
	return read(c.value, c.err)
}
