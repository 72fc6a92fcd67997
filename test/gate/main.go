// Package main compares benchmarks of the checkout with those of the commit it is based on. It fails if a benchmark allocates more often than at the base, by
// even one allocation, or if its time is more than a generous factor of the base's. Both run in turns on the same machine, and a difference in time counts
// only if a second, longer comparison confirms it.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/benchmark/parse"
)

// gated are the benchmarks on the way of a line, by package. They allocate the same in every run.
var gated = []struct{ pkg, pattern string }{
	{"./engine", "^BenchmarkProcess$/^rules=100$"},
	{"./engine/match", "^BenchmarkMatch$/^rules=100$"},
	{"./internal/chunk", "^BenchmarkDecode$/^(docker|cri|otlp)$"},
	{"./internal/pipeline", "^BenchmarkEvaluate$"},
}

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	base := flag.String("base", "", "the commit to compare with (default: where HEAD left origin/main, or its parent)")
	bound := flag.Float64("bound", 3, "how many times the base's time a benchmark may take")
	count := flag.Int("count", 3, "runs of each side; a second comparison takes twice as many")
	flag.Parse()
	err := run(ctx, os.Stdout, *base, *bound, *count)
	var none *noBaseError
	switch {
	case errors.As(err, &none):
		fmt.Println("bench-gate:", err)
	case err != nil:
		log.Fatal("bench-gate: ", err)
	}
}

// noBaseError says that there is nothing to compare with.
type noBaseError struct{ reason string }

func (e *noBaseError) Error() string { return "nothing was compared: " + e.reason }

func run(ctx context.Context, out io.Writer, base string, bound float64, count int) error {
	if base == "" {
		base = defaultBase(ctx)
	}
	_, _ = git(ctx, "worktree", "prune") // of a run that was killed
	commit, err := git(ctx, "rev-parse", "--verify", "--quiet", base+"^{commit}")
	if err != nil {
		return &noBaseError{"the base " + base + " is not in this clone"}
	}
	folder, err := os.MkdirTemp("", "bench-gate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	tree := filepath.Join(folder, "base")
	if _, err := git(ctx, "worktree", "add", "--detach", tree, commit); err != nil {
		return &noBaseError{err.Error()}
	}
	defer git(context.WithoutCancel(ctx), "worktree", "remove", "--force", tree)
	fmt.Fprintf(out, "bench-gate: %s\n", commit)
	var bad []string
	for _, g := range gated {
		now, then := filepath.Join(folder, "now.test"), filepath.Join(folder, "then.test")
		if err := build(ctx, ".", g.pkg, now); err != nil {
			return err
		}
		if err := build(ctx, tree, g.pkg, then); err != nil {
			fmt.Fprintf(out, "%s: not compared: %v\n", g.pkg, err)
			continue
		}
		side := func(binary, root string) *side {
			return &side{binary: binary, folder: filepath.Join(root, g.pkg), pattern: g.pattern}
		}
		a, b := side(then, tree), side(now, ".")
		if err := inTurns(ctx, a, b, count); err != nil {
			return err
		}
		if len(judge(a, b, bound)) > 0 {
			if err := inTurns(ctx, a, b, 2*count); err != nil { // more runs: a busy machine may have slowed one side
				return err
			}
		}
		table(out, g.pkg, a, b)
		bad = append(bad, judge(a, b, bound)...)
	}
	if len(bad) > 0 {
		return errors.New("worse than the base:\n  " + strings.Join(bad, "\n  "))
	}
	return nil
}

// defaultBase returns where HEAD left origin/main, or its parent on the main branch itself.
func defaultBase(ctx context.Context) string {
	head, _ := git(ctx, "rev-parse", "HEAD")
	if base, err := git(ctx, "merge-base", "HEAD", "origin/main"); err == nil && base != head {
		return base
	}
	return "HEAD~1"
}

func git(ctx context.Context, args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

func build(ctx context.Context, root, pkg, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, pkg)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the benchmarks of %s in %s: %w\n%s", pkg, root, err, out)
	}
	return nil
}

// side is one of the two commits, with the least of all its runs.
type side struct {
	binary, folder, pattern string
	best                    map[string]result
}

// result is the least time in ns and the least and the greatest number of allocations of one operation.
type result struct {
	ns         float64
	least, top uint64
}

func inTurns(ctx context.Context, a, b *side, count int) error {
	for range count {
		if err := errors.Join(a.run(ctx), b.run(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func (s *side) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.binary, "-test.run", "^$", "-test.bench", s.pattern, "-test.benchmem", "-test.benchtime", "50ms", "-test.cpu", "1")
	cmd.Dir = s.folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", s.folder, err, out)
	}
	return s.add(bytes.NewReader(out))
}

// add takes the benchmarks of one run.
func (s *side) add(output io.Reader) error {
	set, err := parse.ParseSet(output)
	if err != nil {
		return err
	}
	if s.best == nil {
		s.best = map[string]result{}
	}
	for name, list := range set {
		for _, b := range list {
			r, known := s.best[name]
			if !known {
				r = result{ns: math.Inf(1), least: math.MaxUint64}
			}
			s.best[name] = result{min(r.ns, b.NsPerOp), min(r.least, b.AllocsPerOp), max(r.top, b.AllocsPerOp)}
		}
	}
	return nil
}

// both returns the names of the benchmarks that both sides have.
func both(a, b *side) []string {
	var names []string
	for name := range a.best {
		if _, ok := b.best[name]; ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// judge returns the benchmarks that are worse at b than at a, with the reason.
func judge(a, b *side, bound float64) (bad []string) {
	for _, name := range both(a, b) {
		then, now := a.best[name], b.best[name]
		if now.least > then.top {
			bad = append(bad, fmt.Sprintf("%s: %d allocations instead of %d", name, now.least, then.top))
		}
		if now.ns > bound*then.ns {
			bad = append(bad, fmt.Sprintf("%s: %.2f × the time, the bound is %g ×", name, now.ns/then.ns, bound))
		}
	}
	return bad
}

var cpuSuffix = regexp.MustCompile(`-\d+$`)

func table(out io.Writer, pkg string, a, b *side) {
	names := both(a, b)
	fmt.Fprintf(out, "%s: %d benchmarks", pkg, len(names))
	if more := len(b.best) - len(names); more > 0 {
		fmt.Fprintf(out, ", %d without a counterpart at the base", more)
	}
	fmt.Fprintln(out)
	for _, name := range names {
		then, now := a.best[name], b.best[name]
		fmt.Fprintf(out, "  %5.2f ×  %12.1f ns  %6d allocations (%d)  %s\n", now.ns/then.ns, now.ns, now.least, then.least, cpuSuffix.ReplaceAllString(name, ""))
	}
}
