package command

import (
	"context"
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
