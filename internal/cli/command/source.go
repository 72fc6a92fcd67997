package command

import (
	"context"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// Source are the flags of commands that read a running instance, or the file of its store while it runs and after.
type Source struct {
	Remote
	Store string
}

// Add adds the flags to a command.
func (s *Source) Add(f *Flags) {
	f.Text(&s.Store, "store", "", "FILE", "Read this store instead of calling the instance: the file that the store setting names, or /var/lib/fluentbit-trigger/ID.db.").Env(StoreVariable).File()
	s.Remote.Add(f)
}

// Open calls one of the functions, until it returns or a signal ends it: onStore where a store is named, else onInstance.
func (s *Source) Open(env *Env, onStore func(context.Context, *store.Store) error, onInstance func(context.Context, *client.Client) error) error {
	if s.Store == "" {
		return s.With(env, onInstance)
	}
	ctx, stop := Interruptible()
	defer stop()
	err := WithStore(ctx, s.Store, func(opened *store.Store) error { return onStore(ctx, opened) })
	if ctx.Err() != nil {
		return nil // by Ctrl-C
	}
	return err
}

// followEvery is how often Follow looks.
const followEvery = time.Second

// Follow calls look with the newest number that it returned last, at once with 0 and then each second until ctx ends; just once unless on is set.
func Follow(ctx context.Context, on bool, look func(newest int64) (int64, error)) error {
	newest, err := look(0)
	if !on || err != nil {
		return err
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if newest, err = look(newest); ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Page is how many entries of a history are read at once.
const Page = 500

// History reads a history that is stored, newest first: alerts, or the audit.
type History[T any] struct {
	Read  func(before int64) ([]T, error) // at most Page entries with numbers below before, or for 0 the newest; newest first
	Seq   func(*T) int64
	Time  func(*T) int64 // when it was stored, in nanoseconds
	Match func(*T) bool
	Print func(*T) error
}

// Show prints the matching entries with numbers above after that were stored since a time, the oldest first: at most limit of them, the newest, unless
// limit is 0. It returns the newest number of all.
func (h *History[T]) Show(after, since int64, limit int) (newest int64, err error) {
	newest = after
	var found []T
	for before, done := int64(0), false; !done; {
		page, err := h.Read(before)
		if err != nil {
			return after, err
		}
		done = len(page) < Page
		for i := range page {
			e := &page[i]
			before = h.Seq(e)
			newest = max(newest, before)
			if before <= after || h.Time(e) < since {
				done = true
				break
			}
			if h.Match(e) {
				found = append(found, *e)
			}
			if limit > 0 && len(found) == limit {
				done = true
				break
			}
		}
	}
	for i := range slices.Backward(found) {
		if err := h.Print(&found[i]); err != nil {
			return after, err
		}
	}
	return newest, nil
}
