package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryPackIsInTheProgram compares the packs with the files of the folder.
func TestEveryPackIsInTheProgram(t *testing.T) {
	files, err := filepath.Glob("rules/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	embedded := map[string]string{}
	for _, p := range Packs() {
		embedded[p.Name] = p.Text
	}
	for _, file := range files {
		name, isTest := strings.CutSuffix(strings.TrimSuffix(filepath.Base(file), ".toml"), ".test")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !isTest && embedded[name] != string(text) {
			t.Errorf("%s is not in the program: add it to packs.go", file)
		}
	}
	if 2*len(embedded) != len(files) {
		t.Errorf("%d packs for %d files, half of which are tests", len(embedded), len(files))
	}
}
