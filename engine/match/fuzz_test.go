package match

import (
	"regexp"
	"testing"
)

// FuzzMatch compares every variant with the standard library on an expression, next to others that need each stage.
func FuzzMatch(f *testing.F) {
	for i, expr := range traps.exprs {
		f.Add(expr, []byte(traps.pieces[i%len(traps.pieces)]+" "+expr+traps.pieces[i*7%len(traps.pieces)]))
	}
	beside := []string{`connection refused`, `(?i)out of disk`, `\b[45]\d\d\b`, `^\w+:`, `[^a]b$`}
	f.Fuzz(func(t *testing.T, expr string, line []byte) {
		if _, err := regexp.Compile(expr); err != nil || len(expr) > 200 || len(line) > 2000 {
			t.Skip()
		}
		o := newOracle(t, append([]string{expr}, beside...))
		o.check(t, line, []uint64{0b10101})
		// Once more with what the automata have learned, and with the line in the midst of another.
		o.check(t, append(append([]byte("GET /x 404 key=500 connection refused "), line...), "\nerror: out of disk in worker 12 ab"...), []uint64{0b011011})
	})
}
