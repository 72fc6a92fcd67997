package match

import (
	"math/rand"
	"slices"
	"testing"
)

func randomWindows(rng *rand.Rand, n int) (out []window) {
	for range n {
		w := window{classes: make([]byteSet, 1+rng.Intn(windowLen))}
		for k := range w.classes {
			for m := 1 + rng.Intn(4); m > 0; m-- {
				lo := byte(rng.Intn(256))
				w.classes[k].addRange(lo, min(lo+byte(rng.Intn(20)), 255-20)+20)
			}
		}
		out = append(out, w)
	}
	return out
}

// stands is the plain definition of a window.
func (w window) stands(line []byte, pos int) bool {
	for k, c := range w.classes {
		if pos+k >= len(line) || !c.has(line[pos+k]) {
			return false
		}
	}
	return true
}

func randomLine(rng *rand.Rand, n int) []byte {
	line := make([]byte, n)
	rng.Read(line)
	return line
}

func TestWindowsAreFound(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 60 {
		n, grouped := 1+rng.Intn(3*groupSize), 0
		x := buildWindows(randomWindows(rng, n))
		for i := range x.groups {
			grouped += len(x.groups[i].windows)
			if len(x.groups[i].windows) > groupSize {
				t.Fatalf("a group of %d windows", len(x.groups[i].windows))
			}
		}
		if grouped != n {
			t.Fatalf("%d windows are in groups, of %d", grouped, n)
		}
		line := randomLine(rng, rng.Intn(100))
		var coarse []int
		for i := x.next(line, 0); i >= 0; i = x.next(line, i+1) {
			coarse = append(coarse, i)
		}
		for pos := range line {
			for k := range x.groups {
				g := &x.groups[k]
				mask := g.match(line, pos)
				for i, w := range g.windows {
					if w.stands(line, pos) != (mask>>i&1 != 0) {
						t.Fatalf("window %v at %d of %q: table says %v", w, pos, line, mask>>i&1 != 0)
					}
				}
				if mask != 0 && !slices.Contains(coarse, pos) {
					t.Fatalf("position %d of %q is passed over", pos, line)
				}
			}
		}
	}
}

// TestWindowKernel: the assembly passes exactly what the nibble tables say, and each position with a window.
func TestWindowKernel(t *testing.T) {
	if !haveKernels() {
		t.Skip("no assembly for this machine")
	}
	rng := rand.New(rand.NewSource(2))
	for range 60 {
		x := buildWindows(randomWindows(rng, 1+rng.Intn(groupSize)))
		g := &x.groups[0]
		line := randomLine(rng, blockRead+rng.Intn(200))
		last := len(line) - blockRead
		var out blocks
		windowBlocks(&line[0], last, &g.nibbles, &out[0])
		for i := range blockCount(last) {
			for k := range blockSize {
				pos := min(i*blockSize, last) + k
				want := byte(0xff)
				for j := range windowLen {
					b := line[pos+j]
					want &= g.nibbles[2*j*32+int(b&15)] & g.nibbles[(2*j+1)*32+int(b>>4)]
				}
				if got := out[i]>>k&1 != 0; got != (want != 0) {
					t.Fatalf("position %d of %d: %v", pos, len(line), got)
				}
				if want == 0 && g.match(line, pos) != 0 {
					t.Fatalf("position %d: the nibble tables lose a window", pos)
				}
			}
		}
	}
}
