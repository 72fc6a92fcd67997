// Package receiver is a webhook receiver for tests and demonstrations. It records every request, answers as a Behaviour says (well, badly,
// slowly, never, at random), can die and come back on the same address, and prints alerts for people.
package receiver
