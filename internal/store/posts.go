package store

import (
	"database/sql"
	"errors"
	"time"
)

// Post is the message of an order at a receiver that can edit it: see Item. The store does not look into its texts.
type Post struct {
	Place       string // the receiver's name of the message; "" when it has none, or no longer
	Destination string // where the message is
	Seq         int64  // of the newest alert that it shows: see Stored.Seq
	State       []byte // what it shows; nil removes the post
}

// The bounds of posts.
const (
	maxPosts     = 2_000    // per trigger; the ones that expire first go
	maxPlace     = 256      // bytes of Place and of Destination
	maxPostState = 32 << 10 // bytes of State
	postTime     = 7 * 24 * time.Hour
)

// postOf returns the post of an order at a trigger, or nil.
func (t *tx) postOf(trigger int64, order []byte) (*Post, error) {
	var p Post
	err := t.row("SELECT place, destination, seq, state FROM posts WHERE trigger = ? AND ord = ? AND keep > ?", trigger, order, t.now).
		Scan(&p.Place, &p.Destination, &p.Seq, &p.State)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// setPost replaces the post of an order. It does nothing if the stored one shows a newer alert.
func (t *tx) setPost(trigger int64, order []byte, p *Post) error {
	if p.State == nil || len(p.State) > maxPostState || len(p.Place) > maxPlace || len(p.Destination) > maxPlace {
		_, err := t.exec("DELETE FROM posts WHERE trigger = ? AND ord = ? AND seq <= ?", trigger, order, p.Seq)
		return err
	}
	if _, err := t.exec(`INSERT INTO posts (trigger, ord, place, destination, seq, state, keep) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (trigger, ord) DO UPDATE SET place = excluded.place, destination = excluded.destination, seq = excluded.seq, state = excluded.state,
			keep = excluded.keep WHERE posts.seq <= excluded.seq`,
		trigger, order, p.Place, p.Destination, p.Seq, p.State, t.now+int64(postTime)); err != nil {
		return err
	}
	var n int64
	if err := t.row("SELECT count(*) FROM posts INDEXED BY posts_of WHERE trigger = ?", trigger).Scan(&n); err != nil || n <= maxPosts {
		return err
	}
	_, err := t.exec(`DELETE FROM posts WHERE trigger = ?1 AND ord IN (
		SELECT ord FROM posts INDEXED BY posts_of WHERE trigger = ?1 ORDER BY keep LIMIT ?2)`, trigger, n-maxPosts)
	return err
}

// endPosts removes the posts of the orders of deliveries that were given up: the alert that comes next is a message of its own, which people notice.
func (t *tx) endPosts(trigger int64, deliveries []int64) error {
	for _, seq := range deliveries {
		if _, err := t.exec("DELETE FROM posts WHERE trigger = ? AND ord = (SELECT ord FROM deliveries WHERE seq = ?)", trigger, seq); err != nil {
			return err
		}
	}
	return nil
}

// forgetPosts removes up to n posts, the ones first that expire first, and returns how many.
func (t *tx) forgetPosts(n int, until int64) (int64, error) {
	return t.exec("DELETE FROM posts WHERE (trigger, ord) IN (SELECT trigger, ord FROM posts INDEXED BY posts_keep WHERE keep <= ? ORDER BY keep LIMIT ?)", until, n)
}
