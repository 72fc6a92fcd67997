package match

import (
	"math/rand"
	"regexp"
	"slices"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
)

// variants are all the ways in which a Set can work; each must find the same.
var variants = map[string]Options{
	"best":       {},
	"noasm":      {NoASM: true},
	"stride1":    {Stride: 1},
	"stride1go":  {Stride: 1, NoASM: true},
	"stride2":    {Stride: 2},
	"stride2go":  {Stride: 2, NoASM: true},
	"stride4":    {Stride: 4},
	"noliterals": {NoLiterals: true},
	"nowindows":  {NoWindows: true},
	"onlydfa":    {NoLiterals: true, NoWindows: true},
	"nodfa":      {NoDFA: true},
	"nothing":    {NoLiterals: true, NoWindows: true, NoDFA: true},
	"tinycache":  {CacheBytes: 1},
}

// oracle is the plain loop that every variant is compared with.
type oracle struct {
	exprs    []string
	res      []*regexp.Regexp
	matchers map[string]*Matcher
}

func newOracle(t testing.TB, exprs []string) *oracle {
	o := &oracle{exprs: exprs, matchers: map[string]*Matcher{}}
	for _, x := range exprs {
		o.res = append(o.res, regexp.MustCompile(x))
	}
	for name, opt := range variants {
		s, err := Compile(exprs, opt)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		o.matchers[name] = s.NewMatcher()
	}
	return o
}

// check compares every variant with the loop, over all expressions and over those of a mask.
func (o *oracle) check(t testing.TB, line []byte, mask []uint64) (hits int) {
	t.Helper()
	line = slices.Clip(slices.Clone(line))
	var all, some []int32
	for i, re := range o.res {
		if re.Match(line) {
			all = append(all, int32(i))
			if w := i >> 6; w < len(mask) && mask[w]>>(i&63)&1 != 0 {
				some = append(some, int32(i))
			}
		}
	}
	for name, m := range o.matchers {
		o.compare(t, name, line, m.Match(line, nil, nil), all)
		o.compare(t, name+", mask", line, m.Match(line, mask, nil), some)
	}
	return len(all)
}

func (o *oracle) compare(t testing.TB, name string, line []byte, got, want []int32) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for _, id := range want {
		if !slices.Contains(got, id) {
			t.Errorf("%s: line %q: lost %d %q", name, line, id, o.exprs[id])
		}
	}
	for _, id := range got {
		if !slices.Contains(want, id) {
			t.Errorf("%s: line %q: invented %d %q", name, line, id, o.exprs[id])
		}
	}
	t.Fatalf("%s: line %q: got %v, want %v", name, line, got, want)
}

// traps are expressions and pieces of lines at which filters go wrong.
var traps = struct{ exprs, pieces []string }{
	exprs: []string{
		``, `x*`, `^`, `$`, `^$`, `\z`, `\A`, `(?m)^$`, `(?m)^foo$`, `foo$`, `foo\z`, `(?m)foo$`, `\b`, `\B`, `^\b`, `\B$`,
		`(?i)kelvin`, `(?i)class`, `(?i)mask\b`, `(?i)sky high`, `(?i)k`, `(?i)s$`, `[KkSs]ey`, `[k\x{212A}]elp`, `(?i)[a-z]{3}-ok`,
		`.`, `^.$`, `^..$`, `a.c`, `(?s)a.c`, `(?s)^.*end$`, `a[^x]c`, `\x00`, `a\x00b`, `�`, `bad�rune`, `[^\x00-\x{10FFFF}]`,
		`é`, `(?i)é`, `caf\x{e9} noir`, `(?i)straße`, `(?i)ΩMEGA`, `日本`, `[日本]語`, `\pL{3}`, `\PL`, `\p{Greek}+`, `[[:^ascii:]]`,
		`\b[45]\d\d\b`, `\d+ms\b`, `\b\d{1,3}(?:\.\d{1,3}){3}\b`, `\berr\b`, `[A-Z]{3,5}:`, `status=[45]`, `=\d+$`, `^\d`, `^\s+at `,
		`error|fail(?:ed|ure)?|panic`, `(?i)error|warn`, `foo.*bar`, `foo.*?bar|baz`, `(?U)fo+.*bar`, `(foo|bar)+baz`, `(?:ab)*cd`, `a?b?c?d`,
		`connection (?:refused|reset|timed out)`, `(?i)out of memory`, `oom-kill`, `panic: `, `^panic: (.+)`, `timeout after (\d+)ms`,
		`x{0}y`, `x{3}`, `x{2,}y`, `(?:x{2,3}y){2}`, `[a-f0-9]{32}`, `a{70}`, `(?:ab){65,66}c`, `.{3,70}z`, `^(?:a|b)*c`, `(?:^|,)foo`, `foo(?:$|,)`,
		`(?m)^\s*$`, `\n`, `a\nb`, `(?m)a$`, `(?i:a)B`, `[^a]`, `[^\n]\n`, `(?:)`, `|a`, `a||b`, `(a*)*`, `(a*)+b`, `(?:a*b*)*c`, `\Qa.b\E`,
		`[[:^space:]]{4}!`, `(?i)password\s*[:=]\s*\S+`, `AKIA[0-9A-Z]{16}`, `(?:^|[^0-9])5[0-9]{2}(?:[^0-9]|$)`, `0x[0-9a-f]+`, `\.go:\d+`,
		`abcdefghijklmnopqrstuvwxyz0123456789`, `ab`, `abc`, `abcd`, `abcde`, `abcdef`, `abcdefg`, `ABCDEFG`, `(?i)ABCDEFGH`, `.*.*.*x`, `@[` + "`" + `{]`,
	},
	pieces: []string{
		"k", "K", "\u212a", "s", "S", "\u017f", "\u212aelvin", "cla\u017fs", "CLASS", "ma\u017f\u212a", "\u017fky high", "\u212aey", "\xe2\x84", "\xe2", "\xc5", "\xff", "\xed\xa0\x80", "�",
		"bad\xffrune", "bad�rune", "\x00", "a\x00b", "\n", "\r\n", "foo\n", "\nfoo", "foo", "bar", "baz", " ", "\t", "a", "b", "c", "x", "xx", "xxx", "z", ",", "é", "É", "caf\u00e9 noir", "STRASSE", "straße", "STRA\u1e9eE",
		"ωmega", "日本", "語", "\u00e9\u00e9\u00e9", "404", "500", "4", "12ms", "10.0.0.1", "err", "ERROR", "Warn", "failure", "connection refused", "Out Of Memory", "oom-kill", "panic: x", "timeout after 15ms",
		"ab", "abcdefg", "abcdefghijklmnopqrstuvwxyz0123456789", "ABCDEFGH", "password = hunter2", "AKIA0123456789ABCDEF", "0xdeadbeef", "main.go:12", "status=5", "=7", "-ok", "end", "@[", "`{", "!", "_",
		"0123456789abcdef0123456789abcdef", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababc",
	},
}

// mutate makes a line of pieces and scraps of the sample.
func mutate(rng *rand.Rand) []byte {
	var line []byte
	for n := rng.Intn(6); n >= 0; n-- {
		switch rng.Intn(4) {
		case 0:
			from := rng.Intn(len(sampleText))
			line = append(line, sampleText[from:min(len(sampleText), from+rng.Intn(60))]...)
		default:
			line = append(line, traps.pieces[rng.Intn(len(traps.pieces))]...)
		}
	}
	for n := rng.Intn(8) - 5; n > 0 && len(line) > 0; n-- {
		switch i := rng.Intn(len(line)); rng.Intn(4) {
		case 0:
			line[i] = byte(rng.Intn(256))
		case 1:
			line = line[:i]
		case 2:
			line = line[i:]
		case 3:
			line[i] ^= 0x20
		}
	}
	return line
}

// TestSameOnRules: rules and lines as they are met, mutated.
func TestSameOnRules(t *testing.T) {
	rules := matchtest.Rules(240)
	o := newOracle(t, rules)
	delete(o.matchers, "nothing") // the loop itself
	rng := rand.New(rand.NewSource(2))
	lines := matchtest.Lines(600, 0.7, rules)
	for i, line := range lines {
		line = slices.Clone(line)
		for n := rng.Intn(4); n > 0 && len(line) > 0; n-- {
			at := rng.Intn(len(line))
			switch rng.Intn(3) {
			case 0:
				line[at] = byte(rng.Intn(256))
			case 1:
				line[at] ^= 0x20
			case 2:
				other := lines[rng.Intn(i+1)]
				line = append(line[:at:at], other[rng.Intn(len(other)+1):]...)
			}
		}
		o.check(t, line, []uint64{rng.Uint64(), rng.Uint64(), rng.Uint64()})
	}
}

func TestSameAsRegexp(t *testing.T) {
	o := newOracle(t, traps.exprs)
	rng := rand.New(rand.NewSource(1))
	hits := 0
	o.check(t, nil, []uint64{})
	for range 3000 {
		hits += o.check(t, mutate(rng), []uint64{rng.Uint64(), rng.Uint64()})
	}
	t.Logf("%d hits", hits)
}
