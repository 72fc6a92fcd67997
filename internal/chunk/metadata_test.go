package chunk

import (
	"math/rand"
	"testing"

	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
)

// TestMetadataEndsWhereItsValueEnds: readMetadata accepts what msgpack.Skip accepts, and ends where that does, whatever the bytes are.
func TestMetadataEndsWhereItsValueEnds(t *testing.T) {
	whole := ct.Append(nil, ct.M("a", 1, "otlp", ct.M("severity_number", 17, "severity_text", "ERROR", "x", ct.M("y", "z"),
		"attributes", ct.M("log.iostream", "stderr")), "b", "c"))
	rng := rand.New(rand.NewSource(1))
	accepted := 0
	for range 100_000 {
		b := append([]byte(nil), whole...)
		for range rng.Intn(3) {
			b[rng.Intn(len(b))] = byte(rng.Intn(256))
		}
		b = b[:len(b)-rng.Intn(2)*rng.Intn(len(b))]
		if len(b) == 0 || !msgpack.IsMap(b[0]) {
			continue
		}
		next, _, _, ok := readMetadata(b, 0)
		want, wantOK := msgpack.Skip(b, 0)
		if ok != wantOK || ok && next != want || next < 0 || next > len(b) {
			t.Fatalf("%x: ends at %d (%t), want %d (%t)", b, next, ok, want, wantOK)
		}
		if ok {
			accepted++
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d of the texts are msgpack", accepted)
	}
}
