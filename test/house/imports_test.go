// Package house holds the checkout to its own rules.
package house

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tinyforge/fluentbit-trigger"

// TestImportsFollowTheTable compares every import between packages of this module with the table in ARCHITECTURE.md.
func TestImportsFollowTheTable(t *testing.T) {
	rules := table(t)
	used := map[string]bool{}
	for pkg, imports := range packages(t) {
		row := rowOf(rules, pkg)
		if row == "" {
			t.Errorf("%s has no row in ARCHITECTURE.md", pkg)
			continue
		}
		used[row] = true
		for _, imp := range imports {
			if target := rowOf(rules, imp); target != row && !rules[row](target) {
				t.Errorf("%s imports %s, which the row of %s in ARCHITECTURE.md does not allow", pkg, imp, row)
			}
		}
	}
	for row := range rules {
		if !used[row] {
			t.Errorf("ARCHITECTURE.md has a row for %s, and no package is there", row)
		}
	}
}

// table reads the rows: package → what it may import.
func table(t *testing.T) map[string]func(string) bool {
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("`([^`]+)`")
	rules := map[string]func(string) bool{}
	var above []string
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		name := strings.TrimSuffix(code.FindStringSubmatch(cells[1])[1], "/…")
		var named []string
		for _, m := range code.FindAllStringSubmatch(cells[3], -1) {
			named = append(named, m[1])
		}
		earlier := slices.Clone(above)
		switch words := strings.TrimSpace(cells[3]); {
		case words == "anything":
			rules[name] = func(string) bool { return true }
		case words == "all of the above":
			rules[name] = func(p string) bool { return slices.Contains(earlier, p) }
		case strings.HasPrefix(words, "all but "):
			rules[name] = func(p string) bool { return !slices.Contains(named, p) && p != "test" }
		default:
			rules[name] = func(p string) bool { return slices.Contains(named, p) }
		}
		above = append(above, name)
	}
	if len(rules) < 10 {
		t.Fatalf("only %d rows found in ARCHITECTURE.md", len(rules))
	}
	return rules
}

// rowOf returns the row that a package belongs to: its own, or that of the longest folder above it that has one.
func rowOf[V any](rules map[string]V, pkg string) string {
	for p := pkg; p != ""; {
		if _, ok := rules[p]; ok {
			return p
		}
		cut := strings.LastIndexByte(p, '/')
		if cut < 0 {
			return ""
		}
		p = p[:cut]
	}
	return ""
}

// packages returns the packages of the module, each with those of the module that its code, tests left out, imports.
func packages(t *testing.T) map[string][]string {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		words := strings.Fields(line)
		pkg := strings.TrimPrefix(strings.TrimPrefix(words[0], module), "/")
		all[pkg] = []string{}
		for _, imp := range words[1:] {
			if rest, ok := strings.CutPrefix(imp, module+"/"); ok {
				all[pkg] = append(all[pkg], rest)
			}
		}
	}
	if len(all) < 10 {
		t.Fatalf("go list shows only %d packages", len(all))
	}
	return all
}
