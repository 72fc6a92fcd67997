package join

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

var update = flag.Bool("update", false, "write testdata/packs.golden")

// records joins lines as callers do: it asks MayJoin first.
func records(lines [][]byte, time func(i int) int64) (ends []int) {
	var open Trace
	for i, line := range lines {
		switch {
		case open.Open():
			if open.Continue(line, time(i)) == Continues {
				ends[len(ends)-1] = i + 1
				continue
			}
			open = Trace{}
		case i > 0 && MayJoin(lines[i-1], line):
			if t, ok := Begin(lines[i-1], time(i-1)); ok && t.Continue(line, time(i)) == Continues {
				open = t
				ends[len(ends)-1] = i + 1
				continue
			}
		}
		ends = append(ends, i+1)
	}
	return ends
}

// always is records without MayJoin: the meaning that MayJoin must not change.
func always(lines [][]byte, time func(i int) int64) (ends []int) {
	var open Trace
	for i, line := range lines {
		if open.Open() && open.Continue(line, time(i)) == Continues {
			ends[len(ends)-1] = i + 1
			continue
		}
		open, _ = begin(line, time(i))
		ends = append(ends, i+1)
	}
	return ends
}

func begin(line []byte, time int64) (Trace, bool) {
	t, ok := Begin(line, time)
	if !ok {
		return Trace{}, false
	}
	return t, true
}

func at0(int) int64 { return 0 }

// linesOf returns the lines of an output as rules see them.
func linesOf(text []byte) [][]byte {
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	for i := range lines {
		lines[i], _ = safetext.Line(nil, lines[i], false)
	}
	return lines
}

// TestPacks shows the records of the traces of real programs, and of their ordinary output.
func TestPacks(t *testing.T) {
	const folder = "../../test/packs/testdata"
	var golden strings.Builder
	files := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".stdout" && filepath.Ext(path) != ".stderr" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := linesOf(text)
		ends := records(lines, at0)
		if want := always(lines, at0); fmt.Sprint(ends) != fmt.Sprint(want) {
			t.Errorf("%s: records end at %v, without MayJoin at %v", path, ends, want)
		}
		files++
		name, _ := filepath.Rel(folder, path)
		fmt.Fprintf(&golden, "%s: %d lines", name, len(lines))
		start := 0
		for _, end := range ends {
			if end > start+1 {
				fmt.Fprintf(&golden, ", %d–%d", start+1, end)
			}
			start = end
		}
		golden.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 700 {
		t.Fatalf("%d files", files)
	}
	const file = "testdata/packs.golden"
	if *update {
		if err := os.WriteFile(file, []byte(golden.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != golden.String() {
		t.Errorf("%s differs: write it with -update and look at the difference", file)
	}
}

func split(text string) [][]byte { return bytes.Split([]byte(text), []byte("\n")) }

// TestRecords shows where records begin. Each text is lines; the numbers are the ends of its records.
func TestRecords(t *testing.T) {
	for name, c := range map[string]struct {
		lines string
		ends  []int
	}{
		"nothing of a trace":                    {"a\nb\nc", []int{1, 2, 3}},
		"indented lines behind an ordinary one": {"listening on\n  port 80\n  port 443\nready", []int{1, 2, 3, 4}},
		"indented lines behind an error":        {"ERROR: no connection\n  host: db\n  port: 5432\nready", []int{3, 4}},
		"an error alone":                        {"ERROR: a\nERROR: b", []int{1, 2}},
		"an error and a blank line":             {"ERROR: a\n\nready", []int{2, 3}},
		"indentation behind a blank line":       {"ERROR: a\n\n  b", []int{2, 3}},
		"two exceptions of one line":            {"java.io.IOException: a\njava.io.IOException: b\n\tat x.Y.z(Y.java:1)", []int{1, 3}},
		"two exceptions with frames": {
			"java.io.IOException: a\n\tat x.Y.z(Y.java:1)\njava.io.IOException: b\n\tat x.Y.z(Y.java:1)\n\t... 3 more\nCaused by: x.B: c\n\tat x.B.c(B.java:2)\nINFO on", []int{2, 7, 8}},
		"a logger's line, its exception, and the next": {
			"12:00 ERROR c.e.Shop - cannot pay\ncom.example.PaymentDeclined: no\n\tat c.e.Shop.pay(Shop.java:3)\n12:01 ERROR c.e.Shop - cannot pay\ncom.example.PaymentDeclined: no", []int{3, 5}},
		"frames whose first line is of a message": {"java.lang.X: first\nsecond line\n\tat x.Y.z(Y.java:1)\n\tat x.Y.a(Y.java:2)", []int{1, 2, 4}},
		"Python's chain": {
			"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    1/0\nZeroDivisionError: division by zero\n\n" +
				"During handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 3, in g\n    f()\nshop.Declined: no\nINFO:root:on",
			[]int{11, 12}},
		"two tracebacks":          {"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'a'\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'a'", []int{3, 6}},
		"its last line twice":     {"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'a'\nKeyError: 'a'\nKeyError: 'a'", []int{4, 5}},
		"the end of a traceback":  {"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyboardInterrupt\nTypeError: of another", []int{3, 4}},
		"Go":                      {"panic: boom [recovered]\n\tpanic: again\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x1d\ncreated by main.run in goroutine 1\n\t/app/main.go:9 +0x1\nexit status 2\nnext", []int{9, 10}},
		"a panic twice":           {"panic: a\npanic: a\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x1d", []int{1, 6}},
		"Rust":                    {"thread 'main' panicked at src/main.rs:2:5:\nboom\nnote: run with `RUST_BACKTRACE=1` environment variable\nnext", []int{3, 4}},
		"PHP":                     {"PHP Fatal error:  Uncaught Exception: boom in /a.php:3\nStack trace:\n#0 /a.php(7): f()\n#1 {main}\n  thrown in /a.php on line 3\nnext", []int{5, 6}},
		"Ruby":                    {"a.rb:3:in `f': boom (RuntimeError)\n\tfrom a.rb:7:in `<main>'\nnext", []int{2, 3}},
		"Perl":                    {"boom at a.pl line 3.\n\tmain::f(1) called at a.pl line 7\nnext", []int{2, 3}},
		"Node.js":                 {"/srv/a.js:3\n  throw new Error('boom')\n  ^\n\nError: boom\n    at f (/srv/a.js:3:9) {\n  code: 'E'\n}\n\nNode.js v20.20.2\nnext", []int{10, 11}},
		".NET":                    {"Unhandled exception. System.Exception: boom\n ---> System.IO.IOException: disk\n   --- End of inner exception stack trace ---\n   at Shop.Pay() in /a.cs:line 3\nnext", []int{4, 5}},
		"Elixir":                  {"12:00:00.000 [error] GenServer Shop terminating\n** (RuntimeError) boom\n    (shop 0.1.0) lib/shop.ex:3: Shop.f/1\nnext", []int{3, 4}},
		"Lua":                     {"lua: a.lua:3: boom\nstack traceback:\n\t[C]: in function 'error'\n\ta.lua:3: in function 'f'\nnext", []int{4, 5}},
		"Elixir's blank lines":    {"** (FunctionClauseError) no clause\n    \n    The following arguments:\n    \n        # 1\n        :nothing\n    \n    crash.exs:8: Shop.f/1\nnext", []int{8, 9}},
		"Elixir's Logger":         {"12:00:00.000 [error] GenServer Shop terminating\n** (stop) boom\n    (shop 0.1.0) lib/shop.ex:3: Shop.f/1\nLast message: :pay\nState: %{}\nClient #PID<0.96.0> is alive\n\n    (stdlib 4.2) gen.erl:256: :gen.do_call/4\n12:00:00.100 [info] on", []int{8, 9}},
		"a state without a trace": {"ERROR: a\nState: ready", []int{1, 2}},
		"OCaml":                   {"Fatal error: exception Billing.Declined(42)\nRaised at Billing.charge in file \"billing.ml\", line 4, characters 23-63\nCalled from Crash in file \"crash.ml\", line 47, characters 23-31\nnext", []int{3, 4}},
		"Erlang":                  {"=ERROR REPORT==== 30-Nov-2026::08:54:59.872593 ===\nError in process <0.79.0> with exit value:\n{{declined,42},\n [{billing,charge,1,[]}]}\n\n=CRASH REPORT==== 30-Nov-2026::08:55:02.746711 ===\n  crasher:\n    pid: <0.79.0>\nnext", []int{5, 8, 9}},
		"Erlang's single line":    {"=ERROR REPORT==== 30-Nov-2026::08:54:59.872593 ===\nno funds\nnext\n=INFO REPORT==== 30-Nov-2026::08:54:59.872593 ===\nready", []int{2, 3, 4, 5}},
		"a sanitizer":             {"=====\n==42==ERROR: AddressSanitizer: heap-use-after-free on address 0x602\nREAD of size 4 at 0x602 thread T0\n    #0 0x562 in f /a.cpp:47\n\n0x602 is located 4 bytes inside of 8-byte region\nfreed by thread T0 here:\n    #0 0x7f3 in g /a.cpp:46\n\nSUMMARY: AddressSanitizer: heap-use-after-free /a.cpp:47 in f\n==42==ABORTING\nnext", []int{1, 11, 12}},
		"two sanitizer reports":   {"==42==ERROR: LeakSanitizer: a\n==42==ERROR: LeakSanitizer: b", []int{1, 2}},
		"valgrind":                {"==42== Memcheck, a memory error detector\n==42== \n==42== Invalid read of size 4\n==42==    at 0x10B: f (a.cpp:47)\n==42==  Address 0x4d is 4 bytes inside\n==42== \n==42== HEAP SUMMARY:\n==42==     in use at exit: 0 bytes", []int{1, 2, 5, 6, 7, 8}},
		"backtrace_symbols":       {"caught signal 11\n./crash(_ZN4shopE+0x18)[0x556]\n/lib/libc.so.6(+0x3c050)[0x7f6]\ncrash(main+0x36f) [0x556]\nnext", []int{4, 5}},
		"a line behind an error":  {"ERROR: a\n=====\nERROR: b\n==== step 2 ====\nERROR: c\nrun(\"x\") [ok]", []int{1, 2, 3, 4, 5, 6}},
		"an object of JSON":       {"{\"level\":\"error\"}\n\tat x.Y.z(Y.java:1)", []int{1, 2}},
		"an object behind frames": {"java.lang.X: a\n\tat x.Y.z(Y.java:1)\n{\"level\":\"info\"}", []int{2, 3}},
		"blank lines first":       {"\n\na", []int{1, 2, 3}},
		"only blank lines":        {"", []int{1}},
	} {
		if got := records(split(c.lines), at0); fmt.Sprint(got) != fmt.Sprint(c.ends) {
			t.Errorf("%s: records end at %v, want %v:\n%s", name, got, c.ends, c.lines)
		}
	}
}

// TestBounds holds records to their bounds, at and past each.
func TestBounds(t *testing.T) {
	frame := []byte("\tat x.Y.z(Y.java:1)")
	cases := []struct {
		name      string
		line      []byte
		more      int
		gap       int64
		verdict   Verdict
		wantLines int
	}{
		{name: "as many lines as there may be", line: frame, more: MaxLines - 1, verdict: Continues, wantLines: MaxLines},
		{name: "a line more", line: frame, more: MaxLines, verdict: Cut, wantLines: MaxLines},
		{name: "a gap", line: frame, more: 1, gap: MaxGap, verdict: Continues, wantLines: 2},
		{name: "a longer gap", line: frame, more: 1, gap: MaxGap + 1, verdict: Ends, wantLines: 1},
		{name: "a clock set back", line: frame, more: 1, gap: -MaxGap - 1, verdict: Ends, wantLines: 1},
		{name: "a long line", line: append([]byte("\t"), make([]byte, maxLine)...), more: 1, verdict: Ends, wantLines: 1},
	}
	for _, c := range cases {
		record, ok := Begin([]byte("java.lang.X: a"), 0)
		if !ok {
			t.Fatal("an exception begins no record")
		}
		var got Verdict
		now := int64(0)
		for range c.more {
			now += c.gap
			got = record.Continue(c.line, now)
		}
		if got != c.verdict || record.Lines() != c.wantLines {
			t.Errorf("%s: verdict %d with %d lines, want %d with %d", c.name, got, record.Lines(), c.verdict, c.wantLines)
		}
	}
	record, _ := Begin([]byte("ERROR: a"), 0)
	long := append([]byte("\t"), bytes.Repeat([]byte("x"), MaxBytes/8)...)
	total, n := len("ERROR: a"), 0
	for record.Continue(long, 0) == Continues {
		total += 1 + len(long)
		n++
	}
	if total > MaxBytes || total+1+len(long) <= MaxBytes || n == 0 {
		t.Errorf("a record has %d bytes, want as many as fit in %d", total, MaxBytes)
	}
}

// TestOnlyTheLinesDecide joins a log in pieces: the records are the same wherever it was cut, since a record is one of the lines before it alone.
func TestOnlyTheLinesDecide(t *testing.T) {
	lines := split("a\nERROR x\njava.lang.X: b\n\tat x.Y.z(Y.java:1)\n\nINFO\npanic: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1\nend")
	whole := records(lines, at0)
	for n := 1; n < len(lines); n++ {
		var want []int
		for _, end := range whole {
			want = append(want, min(end, n))
			if end >= n {
				break
			}
		}
		if got := records(lines[:n], at0); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the first %d lines: records end at %v, want %v", n, got, want)
		}
	}
}

// TestTextsOfSeveralLines: what Fluent Bit joined before goes on, or is a part of a record, as its lines would be.
func TestTextsOfSeveralLines(t *testing.T) {
	trace := "java.io.IOException: a\n\tat x.Y.z(Y.java:1)"
	for _, c := range []struct {
		texts []string
		ends  []int
	}{
		{[]string{"ERROR cannot pay", trace, "\tat x.Y.a(Y.java:2)\nCaused by: x.B: c", "\tat x.B.c(B.java:2)", "INFO on"}, []int{4, 5}},
		{[]string{trace, trace}, []int{1, 2}},
		{[]string{trace + "\nINFO on", "\tat x.Y.a(Y.java:2)"}, []int{1, 2}},
		{[]string{"ERROR a", "\tat x.Y.a(Y.java:2)\nINFO on"}, []int{1, 2}},
	} {
		var lines [][]byte
		for _, text := range c.texts {
			lines = append(lines, []byte(text))
		}
		if got := records(lines, at0); fmt.Sprint(got) != fmt.Sprint(c.ends) {
			t.Errorf("%q: records end at %v, want %v", c.texts, got, c.ends)
		}
	}
}

// FuzzRecords holds any text to what the package promises: MayJoin is never wrong in its no, bounds hold, and records of a part of the lines are those of
// all.
func FuzzRecords(f *testing.F) {
	files, err := filepath.Glob("../../test/packs/testdata/*/hit/*/*.std*")
	if err != nil || len(files) < 700 {
		f.Fatal(len(files), err)
	}
	for i, name := range files {
		if text, err := os.ReadFile(name); err != nil {
			f.Fatal(err)
		} else if i%20 == 0 && len(text) < 4<<10 {
			f.Add(text, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, cut uint8) {
		lines := linesOf(text)
		at := func(i int) int64 { return int64(i) * int64(cut) * MaxGap / 200 }
		ends := records(lines, at)
		if want := always(lines, at); fmt.Sprint(ends) != fmt.Sprint(want) {
			t.Fatalf("records end at %v, without MayJoin at %v", ends, want)
		}
		n := len(lines) * int(cut) / 256
		for i, end := range records(lines[:n], at) {
			if end != min(ends[i], n) {
				t.Fatalf("record %d of the first %d lines ends at %d, of all at %d", i, n, end, ends[i])
			}
		}
		start := 0
		for _, end := range ends {
			size := 0
			for _, line := range lines[start:end] {
				size += 1 + len(line)
			}
			if end-start > MaxLines || end-start > 1 && size-1 > MaxBytes {
				t.Fatalf("a record of %d lines and %d bytes", end-start, size-1)
			}
			start = end
		}
	})
}

// ordinary are the lines without errors of all packs.
func ordinary(tb testing.TB) (lines [][]byte) {
	tb.Helper()
	files, err := filepath.Glob("../../test/packs/testdata/*/miss/*.std*")
	if err != nil || len(files) < 50 {
		tb.Fatal(len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		for _, line := range linesOf(text) {
			if len(line) > 0 && !isBlank(line[0]) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// TestOrdinaryLinesAllocateNothing: lines that are no traces cost no memory.
func TestOrdinaryLinesAllocateNothing(t *testing.T) {
	lines := ordinary(t)
	may := 0
	if n := testing.AllocsPerRun(10, func() {
		may = 0
		for i := range lines[1:] {
			if MayJoin(lines[i], lines[i+1]) {
				may++
				if open, ok := Begin(lines[i], 0); ok {
					open.Continue(lines[i+1], 0)
				}
			}
		}
	}); n != 0 {
		t.Errorf("%d lines allocate %v times", len(lines), n)
	}
	if may*20 > len(lines) {
		t.Errorf("%d of %d ordinary lines need a closer look, want at most one in twenty", may, len(lines))
	}
}

// BenchmarkOrdinaryLines measures the cost of a line that is no part of a trace, in logs of several forms. The log of all packs changes its form with
// nearly each line, which no log of a container does.
func BenchmarkOrdinaryLines(b *testing.B) {
	for name, lines := range map[string][][]byte{
		"json":    split(`{"level":"info","ts":1764446242.51,"caller":"app/main.go:41","msg":"order received","order":4711}` + "\n" + `{"level":"info","ts":1764446242.52,"msg":"charged"}`),
		"nginx":   split(`172.17.0.1 - - [29/Nov/2026:20:11:02 +0000] "GET /orders/4711 HTTP/1.1" 200 612 "-" "curl/7.88.1"` + "\n" + `10.0.0.7 - - [29/Nov/2026:20:11:03 +0000] "GET / HTTP/1.1" 304 0`),
		"logback": split("2026-11-29 20:11:02.113  INFO 7 --- [nio-8080-exec-1] c.e.shop.OrderController : order 4711 received\n2026-11-29 20:11:02.118 DEBUG 7 --- [nio-8080-exec-1] c.e.shop.Billing : charging"),
		"python":  split("INFO:     172.17.0.1:51234 - \"GET /orders HTTP/1.1\" 200 OK\nINFO:root:order 4711 received"),
		"klog":    split("I1129 20:01:56.000000       1 main.go:41] order received\nI1129 20:01:56.000000       1 main.go:43] order charged"),
		"packs":   ordinary(b),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i++; i == len(lines) {
					i = 1
				}
				if MayJoin(lines[i-1], lines[i]) {
					Begin(lines[i-1], 0)
				}
			}
		})
	}
}
