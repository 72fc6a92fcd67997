//go:build !faultinject

// Package fault makes the program fail on purpose where a test asks for it. Only a build with the tag faultinject can; in every other,
// Inject is empty.
package fault

// Inject does nothing.
func Inject(string) {}
