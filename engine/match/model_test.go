package match

import (
	"math/rand"
	"strings"
	"testing"
)

// TestAndNext holds the word-wise conjunction against one bit for bit, at the ends of words and of the text too.
func TestAndNext(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, size := range []int{1, 63, 64, 65, 200} {
		text := make([]byte, size)
		for i := range text {
			text[i] = "ab"[rng.Intn(2)]
		}
		index := newTextIndex(text)
		for _, k := range []int{1, 2, 23, 63} {
			p, q := index.class('a'), index.class('b')
			left := p.andNext(q, k)
			any := false
			for i := range size {
				want := text[i] == 'a' && i+k < size && text[i+k] == 'b'
				if any = any || want; p[i>>6]>>(i&63)&1 != 0 != want {
					t.Fatalf("%q, %d apart: position %d is %t, want %t", text, k, i, !want, want)
				}
			}
			if left != any {
				t.Errorf("%q, %d apart: reports %t, want %t", text, k, left, any)
			}
		}
	}
}

// class returns a copy of the positions of a byte.
func (t *textIndex) class(b byte) positions {
	p := make(positions, (t.size+63)/64)
	copy(p, t.at[b])
	return p
}

// TestClassify: two bytes are of one class exactly when no set and no assertion of the expression distinguishes them.
func TestClassify(t *testing.T) {
	for _, expr := range traps.exprs {
		n, _ := mustBuild(t, expr)
		same := func(a, b byte) bool {
			for i := range n.sets {
				if n.sets[i].has(a) != n.sets[i].has(b) {
					return false
				}
			}
			return isWordByte(a) == isWordByte(b) && (a == '\n') == (b == '\n')
		}
		for a := range 256 {
			for b := range 256 {
				if got, want := n.class[a] == n.class[b], same(byte(a), byte(b)); got != want {
					t.Fatalf("%q: bytes %#x and %#x in one class: %t, want %t", expr, a, b, got, want)
				}
			}
			if r := n.reps[n.class[a]]; !same(byte(a), r) || int(r) > a {
				t.Fatalf("%q: %#x stands for the class of %#x", expr, r, a)
			}
		}
	}
}

// TestIsASCII puts a byte outside of ASCII at every place of lines of every length up to a few words.
func TestIsASCII(t *testing.T) {
	for n := range 80 {
		line := make([]byte, n)
		if !isASCII(line) {
			t.Errorf("%d bytes of ASCII: false", n)
		}
		for i := range line {
			line[i] = 0x80
			if isASCII(line) {
				t.Errorf("%d bytes, %d is not ASCII: true", n, i)
			}
			line[i] = 0x7f
		}
	}
}

func TestFold(t *testing.T) {
	for b := range 256 {
		var s, want byteSet
		s.add(byte(b))
		want.add(lower(byte(b)))
		if s.fold(); s != want {
			t.Errorf("%#x folds to %x, want %x", b, s, want)
		}
	}
}

func TestWordBytes(t *testing.T) {
	for b := range 256 {
		if wordBytes.has(byte(b)) != isWordByte(byte(b)) {
			t.Errorf("%#x", b)
		}
	}
}

func TestAddRange(t *testing.T) {
	for lo := range 256 {
		for hi := range 256 {
			var got, want byteSet
			for b := lo; b <= hi; b++ {
				want.add(byte(b))
			}
			if got.addRange(byte(lo), byte(hi)); got != want {
				t.Fatalf("%#x to %#x: %x, want %x", lo, hi, got, want)
			}
		}
	}
}

// TestCountOfText holds the index of pairs against a search, for texts that occur, that nearly do, and at both ends of the sample.
func TestCountOfText(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	for _, text := range []string{string(sampleText), "aAbBaAbab", "x", "aa", ""} {
		index := newTextIndex([]byte(text))
		folded := strings.ToLower(text) // all ASCII
		for range 500 {
			n := rng.Intn(9) + 1
			want := []byte(textOf(rng, "abcd 0:x", n))
			if from := len(folded) - n; from >= 0 && rng.Intn(3) > 0 {
				copy(want, folded[[...]int{rng.Intn(from + 1), 0, from}[rng.Intn(3)]:])
				if rng.Intn(3) == 0 {
					want[rng.Intn(n)] = 'e'
				}
			}
			count := 0
			for i := range folded {
				if strings.HasPrefix(folded[i:], string(want)) {
					count++
				}
			}
			if got := index.count(want); got != count {
				t.Fatalf("%q occurs %d times, counted %d", want, count, got)
			}
		}
	}
}
