package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestFuzzFailsForFindingsAlone runs `make fuzz` with a stand-in for go that ends as go does.
func TestFuzzFailsForFindingsAlone(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not on PATH")
	}
	for name, c := range map[string]struct {
		output string
		status string
		fails  bool
	}{
		"nothing found": {"fuzz: elapsed: 5s\nPASS\nok  \tx\t5.1s\n", "0", false},
		"the time is over in the middle of a run": {
			"fuzz: elapsed: 5s\n--- FAIL: FuzzX (5.15s)\n    context deadline exceeded\nFAIL\nexit status 1\nFAIL\tx\t5.1s\n", "1", false},
		"a finding": {
			"--- FAIL: FuzzX (0.03s)\n    --- FAIL: FuzzX (0.00s)\n        x_test.go:9: wrong\n\n    Failing input written to testdata/fuzz/FuzzX/1\nFAIL\n", "1", true},
		"a finding that says the same": {
			"--- FAIL: FuzzX (0.03s)\n    context deadline exceeded\n    Failing input written to testdata/fuzz/FuzzX/1\nFAIL\n", "1", true},
		"two targets": {
			"--- FAIL: FuzzX (5.15s)\n    context deadline exceeded\nFAIL\n--- FAIL: TestY (0.00s)\n    y_test.go:9: wrong\nFAIL\n", "1", true},
		"does not build": {"x_test.go:9:2: undefined: y\nFAIL\tx [build failed]\n", "1", true},
		"killed":         {"fuzz: elapsed: 3s\n", "137", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			output, stand := filepath.Join(dir, "output"), filepath.Join(dir, "go")
			if err := os.WriteFile(output, []byte(c.output), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(stand, []byte("#!/bin/sh\ncat '"+output+"'\nexit "+c.status+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			make := exec.Command("make", "fuzz", "GO="+stand, "FUZZ_TARGETS=./x:FuzzX")
			make.Dir = "../.."
			said, err := make.CombinedOutput()
			if _, ended := err.(*exec.ExitError); err != nil && !ended {
				t.Fatal(err)
			}
			if (err != nil) != c.fails {
				t.Errorf("make fuzz ended with %v for\n%s\nand said\n%s", err, c.output, said)
			}
		})
	}
}
