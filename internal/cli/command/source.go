package command

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
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
	f.Text(&s.Store, "store", "", "FILE", "Read this file of a store instead of asking the instance: the one that the setting store names, or /var/lib/fluentbit-trigger/ID.db.").Env(StoreVariable).File()
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

// followEvery is how often follow looks.
const followEvery = time.Second

// follow calls look with the newest number that it returned last, at once with 0 and then each second until ctx ends; just once unless on is set.
func follow(ctx context.Context, on bool, look func(newest int64) (int64, error)) error {
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

// historyPage is how many entries of a history are read at once.
const historyPage = 500

// Recent are the flags of commands that show the newest entries of a history, and follow it.
type Recent struct {
	Source
	Since  string
	Limit  int
	Follow bool
}

// Add adds the flags to a command. noun names the entries, and stored says how more of them come, such as "stored".
func (r *Recent) Add(f *Flags, noun, stored string) {
	f.Text(&r.Since, "since", "", "TIME", "Only "+noun+" since this time: RFC 3339, seconds since 1970, or a duration before now such as 10m.")
	f.Number(&r.Limit, "limit", "n", "N", "Show at most this many "+noun+", the most recent ones.")
	f.Switch(&r.Follow, "follow", "f", "Keep waiting, and show further "+noun+" as they are "+stored+".")
	r.Source.Add(f)
}

// History is a list that an instance stores, such as its alerts or its audit. The API and the store have the newest entries first.
type History[T any] struct {
	Name  string                                                                          // in the API: of its path, and of the list in an answer
	Store func(ctx context.Context, s *store.Store, before int64, limit int) ([]T, error) // entries with numbers below before, or for 0 the newest
	API   func(*T)                                                                        // completes an entry that the API returned; nil: nothing to do
	Seq   func(*T) int64
	Time  func(*T) int64 // when it was stored, in nanoseconds
	Match func(*T) bool
	Print func(*T) error

	read func(before int64) ([]T, error)
}

// Run shows the entries that the flags ask for, from the store that they name or else from the instance.
func (h *History[T]) Run(env *Env, r *Recent) error {
	since, err := ParseTime("--since", r.Since, env.Now())
	if err != nil {
		return err
	}
	if r.Limit < 1 {
		return fmt.Errorf("--limit: %d must be at least 1", r.Limit)
	}
	show := func(ctx context.Context) error {
		limit := r.Limit
		return follow(ctx, r.Follow, func(newest int64) (int64, error) {
			newest, err := h.show(newest, since, limit)
			limit = 0 // only the first look is limited: later ones show every entry that is new
			return newest, err
		})
	}
	return r.Open(env, func(ctx context.Context, s *store.Store) error {
		h.read = func(before int64) ([]T, error) { return h.Store(ctx, s, before, historyPage) }
		return show(ctx)
	}, func(ctx context.Context, api *client.Client) error {
		h.read = func(before int64) ([]T, error) { return h.page(ctx, api, before) }
		return show(ctx)
	})
}

// page reads entries from the API.
func (h *History[T]) page(ctx context.Context, api *client.Client, before int64) ([]T, error) {
	query := url.Values{"limit": {strconv.Itoa(historyPage)}}
	if before > 0 {
		query.Set("cursor", strconv.FormatInt(before, 10))
	}
	var answer map[string]json.RawMessage
	if _, err := api.Do(ctx, client.Request{Path: "/api/v1/" + h.Name, Query: query}, &answer); err != nil {
		return nil, err
	}
	var list []T
	if err := decode(answer[h.Name], &list); err != nil {
		return nil, fmt.Errorf("cannot read the list of %s: %w", h.Name, err)
	}
	if h.API != nil {
		for i := range list {
			h.API(&list[i])
		}
	}
	return list, nil
}

// show prints the matching entries with numbers above after that were stored since a time, the oldest first: at most limit of them, the newest, unless
// limit is 0. It returns the newest number of all.
func (h *History[T]) show(after, since int64, limit int) (newest int64, err error) {
	newest = after
	var found []T
	for before, done := int64(0), false; !done; {
		page, err := h.read(before)
		if err != nil {
			return after, err
		}
		done = len(page) < historyPage
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
