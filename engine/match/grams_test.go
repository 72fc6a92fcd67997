package match

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
)

// found is a literal and where it begins.
type found struct {
	literal string
	at      int
}

// findLiterals runs stage A alone.
func findLiterals(g *gramIndex, line []byte, positions []int) (out []found) {
	for _, pos := range positions {
		for _, u := range g.at(line, pos) {
			text := g.literals[u.literal].text
			if !u.mayStandAt(line, pos) {
				continue
			}
			if at, ok := u.standsAt(line, pos, text); ok {
				out = append(out, found{text, at})
			}
		}
	}
	return out
}

func plainPositions(g *gramIndex, line []byte) (out []int) {
	for i := g.next(line, 0); i >= 0; i = g.next(line, i+g.stride) {
		out = append(out, i)
	}
	return out
}

// textOf makes a text of few letters, so that literals occur by chance.
func textOf(rng *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[rng.Intn(len(alphabet))]
	}
	return string(b)
}

func TestLiteralsAreFound(t *testing.T) {
	for _, stride := range []int{1, 2, 4} {
		t.Run(fmt.Sprint("stride ", stride), func(t *testing.T) {
			rng := rand.New(rand.NewSource(int64(stride)))
			for range 300 {
				var literals []literal
				for n := rng.Intn(6) + 1; n > 0; n-- {
					literals = append(literals, literal{text: textOf(rng, "ab[{\xe9", stride+3+rng.Intn(12))})
				}
				g := buildGrams(literals, stride, newModel())
				line := []byte(textOf(rng, "abABaab[{\xe9 ", rng.Intn(120)))
				for range 3 {
					if at := rng.Intn(len(line) + 1); rng.Intn(2) == 0 {
						line = slices.Insert(line, at, []byte(strings.ToUpper(literals[0].text))...)
					}
				}
				line = slices.Clip(line)
				got := findLiterals(g, line, plainPositions(g, line))
				for _, l := range literals {
					for at := 0; at+len(l.text) <= len(line); at++ {
						if equalFold(line[at:at+len(l.text)], l.text) && !slices.Contains(got, found{l.text, at}) {
							t.Fatalf("%q at %d of %q is lost", l.text, at, line)
						}
					}
				}
				for _, f := range got {
					if !equalFold(line[f.at:f.at+len(f.literal)], f.literal) {
						t.Fatalf("%q at %d of %q is invented", f.literal, f.at, line)
					}
				}
			}
		})
	}
}

// TestGramKernel: the assembly passes exactly the positions that plain Go passes.
func TestGramKernel(t *testing.T) {
	if !haveKernels() {
		t.Skip("no assembly for this machine")
	}
	rng := rand.New(rand.NewSource(7))
	for _, stride := range []int{1, 2, 4} {
		g := buildGrams([]literal{{text: "abababa"}, {text: "connection"}, {text: "aaabbba"}}, stride, newModel())
		for range 500 {
			line := []byte(textOf(rng, "abAB", blockRead+rng.Intn((maxBlocks-1)*blockSize+1)))
			last := len(line) - blockRead
			var out blocks
			gramBlocks(&line[0], last, stride, &g.bitmap, &out[0])
			for i := range blockCount(last) {
				at := min(i*blockSize, last)
				for k := range 32 {
					o, l := k>>3, k&7
					if o*stride >= 4 {
						continue
					}
					pos := at + o*stride + 4*l
					gram := foldGram(string(line[pos : pos+4]))
					if got := out[i]>>k&1 != 0; got != g.bitmap.has(gram) {
						t.Fatalf("stride %d, position %d of %d: %v", stride, pos, len(line), got)
					}
				}
			}
		}
	}
}
