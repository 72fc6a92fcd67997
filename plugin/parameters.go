package main

import "sync"

// parameters are those of one instance. They are read while Init runs, and answered from memory afterwards: the pointer that Fluent Bit gives
// to Init is shared by all instances, so that later it stands for another one, or for none.
type parameters struct {
	mu    sync.Mutex
	get   func(key string) string // nil once Init is over
	known map[string]string
}

func newParameters(get func(string) string) *parameters {
	return &parameters{get: get, known: map[string]string{}}
}

// lookup returns a parameter, "" when it is not set. After seal it knows those that were asked for before, which are all that a reload asks for:
// the names of parameters follow from parameters.
func (p *parameters) lookup(key string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.get == nil {
		return p.known[key]
	}
	value, ok := p.known[key]
	if !ok {
		value = p.get(key)
		p.known[key] = value
	}
	return value
}

// seal ends the use of Fluent Bit's pointer.
func (p *parameters) seal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.get = nil
}
