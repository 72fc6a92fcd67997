package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func sideOf(t *testing.T, runs ...string) *side {
	t.Helper()
	s := &side{}
	for _, run := range runs {
		if err := s.add(strings.NewReader(run)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func line(name string, ns, allocs int) string {
	return fmt.Sprintf("Benchmark%s-1 \t 100 \t %d ns/op \t 8 B/op \t %d allocs/op\n", name, ns, allocs)
}

func TestOneMoreAllocationIsWorse(t *testing.T) {
	t.Parallel()
	base := sideOf(t, line("A", 100, 2), line("A", 110, 3))
	for allocs, want := range map[int]int{2: 0, 3: 0, 4: 1} {
		if bad := judge(base, sideOf(t, line("A", 100, allocs)), 1.5); len(bad) != want {
			t.Errorf("%d allocations instead of 2 or 3: %q", allocs, bad)
		}
	}
}

func TestTimeCountsBeyondTheBound(t *testing.T) {
	t.Parallel()
	base := sideOf(t, line("A", 100, 0))
	for ns, want := range map[int]int{50: 0, 149: 0, 151: 1} {
		if bad := judge(base, sideOf(t, line("A", 900, 0), line("A", ns, 0)), 1.5); len(bad) != want {
			t.Errorf("%d ns instead of 100: %q", ns, bad)
		}
	}
}

func TestOnlyWhatBothHaveIsCompared(t *testing.T) {
	t.Parallel()
	a, b := sideOf(t, line("A", 100, 0)+line("Gone", 1, 0)), sideOf(t, line("A", 100, 0)+line("New", 900, 9))
	if bad := judge(a, b, 1.5); len(bad) != 0 {
		t.Errorf("a new benchmark is compared: %q", bad)
	}
	var out strings.Builder
	table(&out, "./x", a, b)
	if text := out.String(); !strings.Contains(text, "1 benchmarks, 1 without a counterpart at the base") || !strings.Contains(text, " 1.00 × ") {
		t.Errorf("the table is\n%s", text)
	}
}

func TestWithoutABaseNothingIsCompared(t *testing.T) {
	t.Parallel()
	var none *noBaseError
	if err := run(context.Background(), io.Discard, "no-such-commit", 1.5, 1); !errors.As(err, &none) {
		t.Errorf("the error is %v", err)
	}
}
