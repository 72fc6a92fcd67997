package house

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// maxRoom bounds how many Go files a package has, tests left out: a package that a reader can hold in mind has about 15.
const maxRoom = 20

// TestPackagesAreSmall finds packages of more files than a reader can hold in mind.
func TestPackagesAreSmall(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{len .GoFiles}} {{len .CgoFiles}}`, "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	sizes := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		words := strings.Fields(line)
		sizes[strings.TrimPrefix(words[0], module+"/")] = number(t, words[1]) + number(t, words[2])
	}
	for pkg, n := range sizes {
		if n > maxRoom {
			t.Errorf("%s has %d files, at most %d: give one of its ideas a package of its own", pkg, n, maxRoom)
		}
	}
}

func number(t *testing.T, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
