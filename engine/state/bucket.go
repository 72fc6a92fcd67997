package state

// bucket is a token bucket as a theoretical arrival time (GCRA, ITU-T I.371): one integer instead of a level and a time.
type bucket struct {
	key     string
	arrival int64 // ns
}
