package trace_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"github.com/tinyforge/fluentbit-trigger/engine/template"
	"github.com/tinyforge/fluentbit-trigger/engine/trace"
)

const python = "2026-11-30 08:00:00 ERROR orders order 4711 failed\nTraceback (most recent call last):\n  File \"/app/orders.py\", line 12, in handle\n    charge(order)\n" +
	"  File \"/app/orders.py\", line 9, in charge\n    raise ValueError(order)\nValueError: card of order 4711 was declined"

// TestOneBugIsOneKind changes a trace in the ways in which it changes from time to time, and in those that make it another bug.
func TestOneBugIsOneKind(t *testing.T) {
	t.Parallel()
	want := string(template.Append(nil, []byte(python)))
	quoted := func(text string) string { return strings.NewReplacer(`"`, `\"`, "\n", `\n`).Replace(text) }
	_, bare, _ := strings.Cut(python, "\n")
	for name, text := range map[string]string{
		"message":         strings.ReplaceAll(python, "4711", "12"),
		"words":           strings.Replace(python, "was declined", "has expired", 1),
		"line numbers":    strings.Replace(python, "line 9", "line 90", 1),
		"another place":   strings.ReplaceAll(python, "/app/", "/srv/releases/17/app/"),
		"no logger":       bare,
		"JSON":            `{"level":"error","order":7,"exc_info":"` + quoted(bare) + `"}`,
		"carriage return": strings.ReplaceAll(python, "\n", "\r\n"),
	} {
		if got := string(template.Append(nil, []byte(text))); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for name, text := range map[string]string{
		"type":     strings.Replace(python, "ValueError: ", "KeyError: ", 1),
		"function": strings.Replace(python, "in charge", "in refund", 1),
		"file":     strings.Replace(python, "/app/orders.py\", line 9", "/app/cards.py\", line 9", 1),
		"cause":    python + "\n\nDuring handling of the above exception, another exception occurred:\n\n" + strings.Replace(bare, "ValueError: ", "KeyError: ", 1),
	} {
		if got := string(template.Append(nil, []byte(text))); got == want {
			t.Errorf("another %s has the same template", name)
		}
	}
}

// TestRead has the exception for people: the most recent call first.
func TestRead(t *testing.T) {
	t.Parallel()
	e, ok := trace.Read([]byte(python))
	if !ok || e.Type != "ValueError" || e.Message != "card of order 4711 was declined" || len(e.Frames) != 2 ||
		e.Frames[0] != (trace.Frame{Function: "charge", File: "/app/orders.py", Line: 9}) {
		t.Errorf("%t %+v", ok, e)
	}
	for _, text := range []string{"", "ValueError: x", "a\nb", "error\n\tat once", `{"msg":"a\nb"}`} {
		if e, ok := trace.Read([]byte(text)); ok {
			t.Errorf("%q holds %+v", text, e)
		}
	}
}

// TestHostileTraces reads texts that are made of parts of traces, and finds that none panics and that all results are bounded.
func TestHostileTraces(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{
		"Traceback (most recent call last):\n", "  File \"", "\", line 1, in ", "\tat ", "(", ")", ":1", "\n", "goroutine 1 [running]:\n", "#0 ", ": ", " ---> ", "Caused by: ",
		"\\n", "\\\"", "\"", "{", "panic: ", "stack backtrace:\n", "  0: ", "a.b.C", "Error", " in ", " called at ", "'", "`", "\x00", "\xff", "[", "]", "@", "é", "9",
		"{m,f,1,[{file,\"", "\"},{line,", "==1== ", "by 0x1: ", "** (", "** {{a,", "Raised at ", " in file \"", ")[0x", "exception error: ", " got signal ",
	}
	for range 20_000 {
		var b strings.Builder
		for range random.IntN(60) {
			b.WriteString(parts[random.IntN(len(parts))])
		}
		holds(t, []byte(b.String()))
	}
	for _, one := range parts {
		holds(t, []byte(strings.Repeat(one, 64<<10/len(one))))
		holds(t, []byte("x\n"+strings.Repeat(one+" ", 16<<10)))
	}
}

// holds compares the two readers, and holds their bounds.
func holds(t *testing.T, text []byte) {
	t.Helper()
	before := bytes.Clone(text)
	e, ok := trace.Read(text)
	key, found := trace.AppendFingerprint([]byte("p"), text)
	if ok != found || key[0] != 'p' || !found && len(key) != 1 || len(key) > 256<<10 || !bytes.Equal(text, before) {
		t.Fatalf("%q: %t %t %d bytes", text[:min(len(text), 300)], ok, found, len(key))
	}
	size := unsafe.Sizeof(e) + uintptr(len(e.Type)+len(e.Message))
	for _, c := range e.Chain {
		size += uintptr(len(c.Type) + len(c.Message))
	}
	for _, f := range e.Frames {
		size += uintptr(len(f.Function) + len(f.File))
	}
	if size > 16<<10 || len(e.Chain) > 5 || len(e.Frames) > 5 {
		t.Fatalf("%q: an exception of %d bytes", text[:min(len(text), 300)], size)
	}
	once := template.Append(nil, text)
	if again := template.Append(nil, once); found && !bytes.Equal(once, again) {
		t.Fatalf("%q: masked once %q, twice %q", text[:min(len(text), 300)], once[:min(len(once), 300)], again[:min(len(again), 300)])
	}
}

func FuzzTrace(f *testing.F) {
	f.Add([]byte(python))
	f.Add([]byte("panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x1d\n"))
	f.Add([]byte("Exception in thread \"main\" a.B: c\n\tat d.E.f(E.java:7)\nCaused by: g.H\n\t... 3 more"))
	f.Add([]byte("x\n  File \", line 1, in f"))
	f.Fuzz(func(t *testing.T, text []byte) { holds(t, text) })
}

// TestFingerprintsAllocateNothing beyond the buffer of their caller: neither for a line without a trace, nor for a trace.
func TestFingerprintsAllocateNothing(t *testing.T) {
	for name, text := range map[string]string{"line": "GET /cart 200 12ms user=ann", "python": python, "go": "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x1d\n"} {
		line, dst := []byte(text), make([]byte, 0, 4<<10)
		if n := testing.AllocsPerRun(100, func() { dst, _ = trace.AppendFingerprint(dst[:0], line) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if n := testing.AllocsPerRun(100, func() { dst = template.Append(dst[:0], line) }); n != 0 {
			t.Errorf("%s: the template takes %v allocations", name, n)
		}
	}
}

func BenchmarkFingerprint(b *testing.B) {
	for name, text := range map[string]string{"line": "GET /cart 200 12ms user=ann", "python": python} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			line := []byte(text)
			for b.Loop() {
				dst, _ = trace.AppendFingerprint(dst[:0], line)
			}
		})
	}
}

// TestFramesOfAPanic leaves out the function that recovers, which debug.Stack prints above the panic.
func TestFramesOfAPanic(t *testing.T) {
	t.Parallel()
	e, ok := trace.Read([]byte("panic: boom [recovered]\n\ngoroutine 1 [running]:\nruntime/debug.Stack()\n\t/usr/local/go/src/runtime/debug/stack.go:26 +0x5e\n" +
		"main.handle.func1()\n\t/app/main.go:10 +0x1d\npanic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:1 +0x1\nmain.greet(...)\n\t/app/main.go:7\nmain.handle(0x0)\n\t/app/main.go:11 +0x2\n"))
	if !ok || len(e.Frames) != 2 || e.Frames[0] != (trace.Frame{Function: "main.greet", File: "/app/main.go", Line: 7}) || e.Frames[1].Function != "main.handle" {
		t.Errorf("%t %+v", ok, e)
	}
}
