// Package slow leaves tests that build and run the programs for minutes out of the inner loop, go test -short ./...
package slow

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// Skipped reports whether go test has -short, and then prints a line that says so. A TestMain returns at once in that case.
func Skipped() bool {
	flag.Parse()
	if testing.Short() {
		fmt.Fprintln(os.Stderr, "skipped: these tests take minutes, and -short asks for the quick ones")
	}
	return testing.Short()
}

// Main is the body of a TestMain that has nothing else to do.
func Main(m *testing.M) {
	if !Skipped() {
		os.Exit(m.Run())
	}
}
