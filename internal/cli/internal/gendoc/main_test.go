package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReferenceIsCurrent compares docs/commands.md with the commands.
func TestReferenceIsCurrent(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, reference()) {
		t.Error("docs/commands.md is not current: run go generate ./internal/cli")
	}
}

// TestManualPages writes a page for each command, with its flags.
func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	if err := write("", dir); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "docker-fluentbit*.1"))
	if err != nil || len(pages) < 35 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "docker-fluentbit-rules-add.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Add a rule. It applies at once.", `\fB--set\fP`, "docker-fluentbit rules add -f rules.toml"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page of rules add lacks %q:\n%s", want, page)
		}
	}
}
