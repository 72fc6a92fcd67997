//go:build faultinject

// Package fault makes the program fail on purpose where a test asks for it. Only a build with the tag faultinject can; in every other,
// Inject is empty.
package fault

import "os"

// Inject dereferences a nil pointer when the environment variable FLUENTBIT_TRIGGER_TEST_PANIC names the place.
func Inject(place string) {
	if os.Getenv("FLUENTBIT_TRIGGER_TEST_PANIC") == place {
		var nothing *int
		*nothing = 1
	}
}
