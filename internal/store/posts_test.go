package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// inOrderOf gives all routes of the items one order.
func inOrderOf(list []Item, order byte) []Item {
	for i := range list {
		for r := range list[i].Routes {
			list[i].Routes[r].Order = []byte{order, 15: 0}
		}
	}
	return list
}

// deliver leases one message, and records it as delivered with a post.
func (b *bench) deliver(s *Store, trigger, place string) Message {
	b.tb.Helper()
	messages := b.lease(s, 1, trigger, 1)
	if len(messages) != 1 {
		b.tb.Fatalf("leased %v", idsOf(messages))
	}
	m := messages[0]
	b.setPost(s, m, Delivered, &Post{Place: place, Destination: "d", Seq: m.Alerts[len(m.Alerts)-1].Seq(), State: []byte(`{}`)})
	return m
}

func (b *bench) setPost(s *Store, m Message, outcome Outcome, p *Post) {
	b.tb.Helper()
	_, err := s.Finish(context.Background(), 1, b.now(), []Result{{Message: &m, Outcome: outcome, Due: b.now(), Reason: "because", Post: p}})
	must(b.tb, err)
}

// TestPostsFollowTheirOrder: the next message of an order at a trigger has the post, after a restart too; other orders and triggers have none.
func TestPostsFollowTheirOrder(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, inOrderOf(items(0, 1, "a", "b"), 'x'))
	b.accept(s, inOrderOf(items(1, 3, "a"), 'x'))
	b.accept(s, inOrderOf(items(4, 1, "a"), 'y'))
	b.accept(s, items(5, 1, "a"))
	first := b.deliver(s, "a", "one")
	must(t, s.Close())
	s = b.open()
	other := b.lease(s, 1, "b", 1)
	if len(other) != 1 || other[0].Post != nil {
		t.Errorf("another trigger: %+v", other)
	}
	leased := b.lease(s, 1, "a", 10)
	if got := strings.Join(idsOf(leased), " "); got != "al_000000001 al_000000004 al_000000005" {
		t.Fatalf("leased %s", got)
	}
	if p := leased[0].Post; p == nil || p.Place != "one" || p.Destination != "d" || p.Seq != first.Alerts[0].Seq() || string(p.State) != "{}" {
		t.Errorf("%+v", p)
	}
	if leased[1].Post != nil || leased[2].Post != nil {
		t.Errorf("another order: %+v, %+v", leased[1].Post, leased[2].Post)
	}
	// A post that is gone keeps its state, and an older one does not replace a newer.
	b.setPost(s, leased[0], Retry, &Post{Destination: "d", Seq: first.Alerts[0].Seq(), State: []byte(`{}`)})
	again := b.deliver(s, "a", "two")
	if again.Post == nil || again.Post.Place != "" {
		t.Errorf("%+v", again.Post)
	}
	b.setPost(s, again, Delivered, &Post{Place: "old", Destination: "d", Seq: first.Alerts[0].Seq(), State: []byte(`{}`)})
	last := b.lease(s, 1, "a", 1)
	if len(last) != 1 || last[0].Post == nil || last[0].Post.Place != "two" {
		t.Fatalf("%+v", last)
	}
	b.setPost(s, last[0], Delivered, &Post{Seq: last[0].Alerts[0].Seq()})
	b.accept(s, inOrderOf(items(6, 1, "a"), 'x'))
	if got := b.lease(s, 1, "a", 1); len(got) != 1 || got[0].Post != nil {
		t.Errorf("after the end: %+v", got)
	}
	b.counts(s, "a")
}

// TestPostsAreGivenUp with a delivery of their order: with a dead letter, one that expires and one that a bound drops; and with the destination, with time,
// and when they are longer than the bounds.
func TestPostsAreGivenUp(t *testing.T) {
	for name, giveUp := range map[string]func(b *bench, s *Store){
		"dead": func(b *bench, s *Store) { b.finish(s, 1, Dead, b.lease(s, 1, "a", 1)...) },
		"expired": func(b *bench, s *Store) {
			b.pass(25 * time.Hour)
			_, err := s.Sweep(context.Background(), b.now())
			must(b.tb, err)
		},
		"dropped":     func(b *bench, s *Store) { b.accept(s, items(10, b.set.MaxPending, "a")) },
		"destination": func(b *bench, s *Store) { use(b, s, "other") },
		"no edits":    func(b *bench, s *Store) { use(b, s, "") },
		"long":        func(b *bench, s *Store) { b.deliver(s, "a", strings.Repeat("x", maxPlace+1)) },
		"week": func(b *bench, s *Store) {
			b.deliver(s, "a", "one")
			b.pass(postTime + time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.set.MaxPending = 20
			s := b.open()
			b.accept(s, inOrderOf(items(0, 2, "a"), 'x'))
			b.deliver(s, "a", "one")
			giveUp(b, s)
			for len(b.lease(s, 2, "a", 50)) > 0 {
			}
			must(t, s.Release(context.Background(), 2, b.now()))
			b.accept(s, inOrderOf(items(100, 1, "b"), 'x'))
			b.accept(s, inOrderOf(items(101, 1, "a"), 'x'))
			for _, m := range b.lease(s, 1, "a", 50) {
				if m.Post != nil {
					t.Errorf("%s has the post %+v", m.ID, m.Post)
				}
			}
		})
	}
}

func use(b *bench, s *Store, destination string) {
	b.tb.Helper()
	_, err := s.UseTrigger(context.Background(), b.now(), "a", "one", destination, time.Hour)
	must(b.tb, err)
}

// TestPostsAreBounded: those that expire first go, and a sweep removes the rest in time.
func TestPostsAreBounded(t *testing.T) {
	b := newBench(t)
	s := b.open()
	const n = maxPosts + 30
	for first := 0; first < n; first += 100 {
		list := items(first, 100, "a")
		for i := range list {
			list[i].Routes[0].Order = fmt.Appendf(nil, "%016d", first+i)
		}
		b.accept(s, list)
		b.pass(time.Second)
		messages := b.lease(s, 1, "a", 100)
		var results []Result
		for i := range messages {
			results = append(results, Result{Message: &messages[i], Outcome: Delivered,
				Post: &Post{Place: "p", Destination: "d", Seq: messages[i].Alerts[0].Seq(), State: []byte(`{}`)}})
		}
		_, err := s.Finish(context.Background(), 1, b.now(), results)
		must(t, err)
	}
	if got := posts(t, s); got != maxPosts {
		t.Errorf("%d posts, want %d", got, maxPosts)
	}
	b.pass(postTime)
	for more := true; more; {
		swept, err := s.Sweep(context.Background(), b.now())
		must(t, err)
		more = swept.More
	}
	if got := posts(t, s); got != 0 {
		t.Errorf("%d posts after their time", got)
	}
}

func posts(t *testing.T, s *Store) (n int) {
	t.Helper()
	must(t, s.core.run(context.Background(), "count", func() error { return s.core.row("SELECT count(*) FROM posts").Scan(&n) }))
	return n
}

// TestOneOfAnOrderLeavesAtATime: a dead letter that comes back waits for a later delivery that is being sent, of any owner, and leaves before those that are
// not; and the halves of a group leave in their order.
func TestOneOfAnOrderLeavesAtATime(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, inOrderOf(items(0, 3, "a"), 'x'))
	b.finish(s, 1, Dead, b.lease(s, 1, "a", 1)...)
	second := b.lease(s, 1, "a", 5)
	if len(second) != 1 || second[0].ID != "al_000000001" {
		t.Fatalf("leased %v", idsOf(second))
	}
	_, _, err := s.Redeliver(context.Background(), b.now(), Select{})
	must(t, err)
	if got := b.lease(s, 2, "a", 5); len(got) != 0 {
		t.Fatalf("%v left beside a later one", idsOf(got))
	}
	b.finish(s, 1, Retry, second...)
	b.pass(time.Minute)
	if got := b.lease(s, 2, "a", 5); len(got) != 1 || got[0].ID != "al_000000000" {
		t.Fatalf("leased %v", idsOf(got))
	}
	b.pass(LeaseTime + time.Second) // its owner died
	if got := b.lease(s, 1, "a", 5); len(got) != 1 || got[0].ID != "al_000000000" {
		t.Fatalf("leased %v after the lease", idsOf(got))
	}

	b = newBench(t)
	s = b.open()
	b.accept(s, inOrderOf(grouped(items(0, 4, "a"), 'x'), 'k'))
	b.pass(time.Minute)
	b.finish(s, 1, Split, b.lease(s, 1, "a", 5)...)
	b.accept(s, inOrderOf(grouped(items(4, 1, "a"), 'x'), 'k'))
	b.pass(time.Minute)
	for _, want := range []string{"al_000000000 al_000000001", "al_000000002 al_000000003", "al_000000004"} {
		got := b.lease(s, 1, "a", 5)
		if len(got) != 1 {
			t.Fatalf("%d messages left at once", len(got))
		}
		var ids []string
		for _, a := range got[0].Alerts {
			ids = append(ids, a.ID)
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("left %v, want %s", ids, want)
		}
		b.finish(s, 1, Delivered, got...)
	}
	b.counts(s, "a")
}
