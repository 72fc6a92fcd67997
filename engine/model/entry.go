package model

// StateEntry is one piece of keyed state in the form in which it is saved. Value is nil when the key was forgotten.
type StateEntry struct {
	Key   string
	Value []byte // JSON
}
