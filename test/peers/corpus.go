package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
)

// corpus has the rules and the lines that everything is measured on: those of matchtest, or those of two folders.
type corpus struct {
	own   bool     // of folders
	exprs []string // of the folder, mixed
	lines [][]byte // likewise
}

// newCorpus reads the folders: in one a regular expression a line in files that end in .txt, without empty lines and those that begin with #, in the other
// lines of logs. Without folders the rules and lines are made up. It prints what it leaves out.
func newCorpus(ruleFolder, lineFolder string) (*corpus, error) {
	if ruleFolder == "" && lineFolder == "" {
		return &corpus{}, nil
	}
	if ruleFolder == "" || lineFolder == "" {
		return nil, errors.New("-rule-folder and -line-folder belong together")
	}
	c := &corpus{own: true}
	var seen, refused, unprintable, size int
	err := eachLine(ruleFolder, ".txt", func(_ string, line []byte) {
		if len(line) == 0 || line[0] == '#' {
			return
		}
		seen++
		if _, err := match.Compile([]string{string(line)}, match.Options{}); err != nil || !printable(line) {
			refused++
			return
		}
		c.exprs = append(c.exprs, string(line))
	})
	if err != nil {
		return nil, err
	}
	var logs [][][]byte
	last, distinct := "", map[string]bool{}
	err = eachLine(lineFolder, "", func(path string, line []byte) {
		if len(line) == 0 || !printable(line) {
			unprintable++
			return
		}
		if path != last {
			logs, last = append(logs, nil), path
		}
		logs[len(logs)-1] = append(logs[len(logs)-1], bytes.Clone(line))
		distinct[string(line)] = true
		size += len(line)
	})
	if err != nil {
		return nil, err
	}
	c.lines = mix(rand.New(rand.NewSource(1)), logs)
	if len(c.exprs) == 0 || len(c.lines) == 0 {
		return nil, fmt.Errorf("%d rules in %s, %d lines in %s", len(c.exprs), ruleFolder, len(c.lines), lineFolder)
	}
	// Rules of one source look alike. Mixed by a fixed seed, the first hundred are of all of them.
	rand.New(rand.NewSource(1)).Shuffle(len(c.exprs), func(i, j int) { c.exprs[i], c.exprs[j] = c.exprs[j], c.exprs[i] })
	fmt.Printf("\n%d of %d expressions of %s (the others are no RE2, or beyond ASCII), %d lines of %d files of %s, of which %d differ, of %.0f bytes "+
		"on average (%d that are empty or beyond ASCII left out).\n", len(c.exprs), seen, ruleFolder, len(c.lines), len(logs), lineFolder, len(distinct),
		float64(size)/float64(len(c.lines)), unprintable)
	return c, nil
}

// longestRun is how many lines of one log follow each other at most, when several are mixed.
const longestRun = 16

// mix puts the lines of several logs into one order, as a machine with as many containers would: runs of a few lines of each, by chance, and
// each log in its own order.
func mix(rng *rand.Rand, logs [][][]byte) [][]byte {
	var out [][]byte
	rest := slices.Clone(logs)
	for len(rest) > 0 {
		i := rng.Intn(len(rest))
		n := min(1+rng.Intn(longestRun), len(rest[i]))
		out = append(out, rest[i][:n]...)
		if rest[i] = rest[i][n:]; len(rest[i]) == 0 {
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return out
}

// shortestNumber is how many digits a number has at least that otherNumbers replaces: what is shorter may be a part of an address, a status or a
// time, which rules tell apart.
const shortestNumber = 4

// otherNumbers returns a line that differs in its long numbers, such as ports, processes and ids. Their first digit and their length stay, and
// what looks like a year.
func otherNumbers(rng *rand.Rand, line []byte) []byte {
	out := bytes.Clone(line)
	for i := 0; i < len(out); {
		end := i
		for end < len(out) && out[end] >= '0' && out[end] <= '9' {
			end++
		}
		if end-i >= shortestNumber && !isYear(out[i:end]) {
			for j := i + 1; j < end; j++ {
				out[j] = '0' + byte(rng.Intn(10))
			}
		}
		i = end + 1
	}
	return out
}

// isYear reports whether digits are a year, a date or a date and a time.
func isYear(digits []byte) bool {
	n := len(digits)
	return (n == 4 || n == 8 || n == 14) && (bytes.HasPrefix(digits, []byte("19")) || bytes.HasPrefix(digits, []byte("20")))
}

// eachLine calls use with every line of the files of a folder whose names have the suffix, and with the name of its file.
func eachLine(folder, suffix string, use func(path string, line []byte)) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		content, err := os.ReadFile(path)
		for line := range bytes.Lines(content) {
			use(path, bytes.TrimRight(line, "\r\n"))
		}
		return err
	})
}

// rules returns n rules, or as many as there are.
func (c *corpus) rules(n int) []string {
	if c.own {
		return c.exprs[:min(n, len(c.exprs))]
	}
	return matchtest.Rules(n)
}

// ruleSet is a set of rules by its name: a number, with an L when those without fixed text are left out.
type ruleSet struct {
	name    string
	n       int
	literal bool
	exprs   []string
}

// ruleSet returns a set by its name. ok is false if a folder does not have it: those without fixed text are not told apart there.
func (c *corpus) ruleSet(name string) (s ruleSet, ok bool, err error) {
	number, literal := strings.CutSuffix(name, "L")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return ruleSet{}, false, fmt.Errorf("-rules: %q is no number of rules", name)
	}
	if c.own && (literal || n > len(c.exprs)) {
		return ruleSet{}, false, nil
	}
	s = ruleSet{name: name, n: n, literal: literal, exprs: c.rules(n)}
	if literal {
		s.exprs = matchtest.LiteralRules(n)
	}
	return s, true, nil
}

// hitEvery: of lines that are made up, one in so many matches a rule; the others match none.
const hitEvery = 100

// newLines returns n lines of printable ASCII: of a folder, spread over its files, and with other numbers again if there are too few; made up otherwise, where
// those without a hit all differ. Beyond ASCII, Hyperscan and regexp disagree about \s and (?i). The matcher under test says which lines have no hit; each comparison checks
// that with a plain loop over regexp.
func (c *corpus) newLines(n int, exprs, hitExprs []string) ([][]byte, error) {
	if c.own {
		lines := slices.Clone(spread(c.lines, n))
		rng := rand.New(rand.NewSource(7))
		for i := 0; len(lines) < n; i++ {
			lines = append(lines, otherNumbers(rng, c.lines[i%len(c.lines)]))
		}
		return lines, nil
	}
	set, err := match.Compile(exprs, match.Options{})
	if err != nil {
		return nil, err
	}
	m := set.NewMatcher()
	rng := rand.New(rand.NewSource(7))
	var hits [][]byte
	for _, line := range matchtest.Lines(400, 1, hitExprs) {
		if printable(line) {
			hits = append(hits, line)
		}
	}
	if len(hits) == 0 {
		return nil, errors.New("there are no lines that hit")
	}
	lines := make([][]byte, 0, n)
	for len(lines) < n {
		line := []byte(matchtest.Line(rng))
		if len(lines)%hitEvery == hitEvery-1 {
			line = hits[rng.Intn(len(hits))]
		} else if !printable(line) || len(m.Match(line, nil, nil)) > 0 {
			continue
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func printable(line []byte) bool {
	for _, c := range line {
		if c != '\t' && c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
