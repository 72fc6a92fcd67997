package chunk

import (
	"math/rand/v2"
	"slices"
	"testing"

	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
)

// TestSkip skips random values, and every beginning of them: a cut value is not a value.
func TestSkip(t *testing.T) {
	for seed := range uint64(300) {
		g := generator{rand.New(rand.NewPCG(seed, 2))}
		v, _, _ := g.value(0)
		raw := ct.Append(nil, v)
		padded := append(slices.Clone(raw), 0xc1, 0xc1)
		if end, ok := msgpack.Skip(padded, 0); !ok || end != len(raw) {
			t.Fatalf("seed %d: skipped to %d of %d, %v", seed, end, len(raw), ok)
		}
		for n := 0; n < len(raw); n += 1 + n/50 {
			if end, ok := msgpack.Skip(slices.Clone(raw[:n]), 0); ok || end > n {
				t.Fatalf("seed %d: a value cut at %d of %d was skipped to %d", seed, n, len(raw), end)
			}
		}
	}
}

// TestEveryFormat starts a value with every format byte, with few and with many bytes behind it: nothing reads beyond the end.
func TestEveryFormat(t *testing.T) {
	for format := range 256 {
		for length := range 24 {
			b := make([]byte, 1+length)
			b[0] = byte(format)
			b = slices.Clip(b)
			end, ok := msgpack.Skip(b, 0)
			if end < 0 || end > len(b) || ok && end == 0 {
				t.Errorf("format %#x, %d bytes: skipped to %d, %v", format, len(b), end, ok)
			}
			if ok == (format == 0xc1) && length > 20 && format < 0x80 {
				t.Errorf("format %#x: %v", format, ok)
			}
			_, _, isText := msgpack.Text(b, 0)
			_, _, isMap := msgpack.Map(b, 0)
			_, _, isArray := msgpack.Array(b, 0)
			_, isInteger := msgpack.Integer(b, 0)
			_, isFloat := msgpack.Float(b, 0)
			kinds := 0
			for _, is := range []bool{isText, isMap, isArray, isInteger, isFloat} {
				if is {
					kinds++
				}
			}
			if kinds > 1 {
				t.Errorf("format %#x is of %d kinds", format, kinds)
			}
			_, _ = header(b, 0, 0)
			_, _ = appendJSON(nil, b, 0, 0)
			_, _ = lookup(b, 0, "a.b")
		}
	}
}
