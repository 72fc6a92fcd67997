package main

import (
	"bytes"
	"os"
	"testing"
)

// TestReferenceIsGenerated compares the committed reference with what the settings structs give now.
func TestReferenceIsGenerated(t *testing.T) {
	const root = "../../../.."
	want, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(root + "/docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/configuration.md is out of step with the settings: run go generate ./internal/config")
	}
}
