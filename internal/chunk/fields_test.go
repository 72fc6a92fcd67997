package chunk

import (
	"math"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

func TestFields(t *testing.T) {
	body := ct.M("log", "text", "a", ct.M("b", ct.M("c", 1), "b.c", 2, "d", "deep"), "a.b", ct.M("c", 3), "a.x", "scalar", "neg", -77000, "big", uint64(math.MaxUint64),
		"f", 1.5, "f32", float32(0.25), "yes", true, "no", false, "nil", nil, "arr", []any{1}, "bin", ct.Bin("bytes"), "ext", ct.Ext{Type: 1, Data: []byte("12")},
		"i8", -100, "u8", 200, "u16", 60000, "u32", 4000000000, "i64", int64(math.MinInt64), "", "empty key", "empty", "", "resource", "body wins")
	chunk := ct.GroupStart(nil, ct.M("service.name", "checkout", "n", 5))
	chunk = ct.Event(chunk, 1, ct.M("otlp", ct.M("severity_number", 17, "attributes", ct.M("http.method", "GET"))), body)
	calls := 0
	newDecoder(t).Decode(chunk, "t", testNow, func(rec *engine.Record, _ []byte) {
		calls++
		for path, want := range map[string]string{
			"log": "text", "a.b.c": "3", "a.d": "deep", "a.x": "scalar", "neg": "-77000", "big": "18446744073709551615", "f": "1.5", "f32": "0.25", "yes": "true",
			"no": "false", "bin": "bytes", "i8": "-100", "u8": "200", "u16": "60000", "u32": "4000000000", "i64": "-9223372036854775808", "empty": "",
			"otlp.severity_number": "17", "otlp.attributes.http.method": "GET", "resource.attributes.service.name": "checkout",
			"resource.service.name": "checkout", "resource.attributes.n": "5", "scope.name": "lib", "resource": "body wins",
		} {
			got, ok := rec.Fields.AppendField([]byte("+"), path)
			if !ok || string(got) != "+"+want {
				t.Errorf("%s: got %q, %v, want %q", path, got, ok, want)
			}
		}
		for _, path := range []string{"", ".", "a", "a.", ".a", "a.b", "a.b.", "a.b.c.d", "a.x.y", "nil", "arr", "arr.0", "ext", "absent", "otlp", "resource.absent", "lo", "logs", "log.x"} {
			if got, ok := rec.Fields.AppendField([]byte("+"), path); ok || string(got) != "+" {
				t.Errorf("%q: got %q, %v", path, got, ok)
			}
		}
	})
	if calls != 1 {
		t.Fatalf("%d lines", calls)
	}
}

// TestFieldsEndWithTheCall checks that fields kept against the rules read nothing rather than another record.
func TestFieldsEndWithTheCall(t *testing.T) {
	var kept engine.Fields
	newDecoder(t).Decode(one(ct.M("log", "x")), "t", testNow, func(rec *engine.Record, _ []byte) { kept = rec.Fields })
	if got, ok := kept.AppendField(nil, "log"); ok {
		t.Errorf("got %q", got)
	}
}
