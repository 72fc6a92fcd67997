package replay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var traceLines = []string{"ERROR cannot pay", "java.io.IOException: closed", "\tat shop.Pay.run(Pay.java:3)", "Caused by: shop.Declined: no", "\t... 3 more"}

// jsonFile returns a log of Docker's json-file: traces on stderr with orders on stdout between their lines.
func jsonFile() (log string, want []string) {
	var b strings.Builder
	at := testNow.Add(-time.Hour)
	add := func(stream, text string) {
		at = at.Add(time.Millisecond)
		fmt.Fprintf(&b, "{\"log\":%q,\"stream\":%q,\"time\":%q}\n", text+"\n", stream, at.Format(time.RFC3339Nano))
	}
	for i := range 50 {
		want = append(want, strings.Join(traceLines, "\n"))
		for k, line := range traceLines {
			add("stderr", line)
			if i%3 > 0 {
				add("stdout", fmt.Sprint("order ", i, k))
				want = append(want, fmt.Sprint("order ", i, k))
			}
		}
	}
	return b.String(), want
}

// TestTracesAreOneRecord reads a log in blocks of many sizes: the records, their order, and their numbers are the same.
func TestTracesAreOneRecord(t *testing.T) {
	t.Parallel()
	log, want := jsonFile()
	path := write(t, t.TempDir(), "web-json.log", []byte(log))
	var first []got
	for _, size := range []int{1, 100, 777, 4 << 10, 1 << 20} {
		records := all(t, open(t, options(), path).Series()[0], size)
		var texts []string
		for _, r := range records {
			texts = append(texts, r.Text)
		}
		if !slices.Equal(texts, want) {
			t.Fatalf("blocks of %d bytes: %d records, want %d", size, len(texts), len(want))
		}
		if first == nil {
			first = records
		}
		for i := range records {
			if records[i].Time != first[i].Time || records[i].Number != first[i].Number {
				t.Fatalf("blocks of %d bytes: record %d is of line %d at %s, want %d at %s", size, i, records[i].Number, records[i].Time, first[i].Number, first[i].Time)
			}
		}
	}
	opt := options()
	opt.Records.Join = "off"
	if n := len(only(t, opt, path)); n != strings.Count(log, "\n") {
		t.Errorf("with join off: %d records, want %d", n, strings.Count(log, "\n"))
	}
}

// TestJoinedLinesAreCounted: each line is counted once, as a record or as a part of one.
func TestJoinedLinesAreCounted(t *testing.T) {
	t.Parallel()
	log, _ := jsonFile()
	s := open(t, options(), write(t, t.TempDir(), "web-json.log", []byte(log))).Series()[0]
	lines := 0
	for {
		b := &Block{}
		if err := s.Next(t.Context(), b, 300); err != nil {
			break
		}
		lines += len(b.Records) + len(b.Joined)
	}
	if want := strings.Count(log, "\n"); lines != want {
		t.Errorf("%d lines, want %d", lines, want)
	}
}

// TestTimesEndARecord: lines more than a second apart, by their own times, are records of their own.
func TestTimesEndARecord(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "app.log", []byte("2026-11-26T10:00:00Z stderr F panic: a\n2026-11-26T10:00:01Z stderr F \tat x\n2026-11-26T10:00:02.1Z stderr F \tat y\n"))
	records := only(t, options(), path)
	if len(records) != 2 || records[0].Text != "panic: a\n\tat x" || records[1].Text != "\tat y" {
		t.Errorf("records %+v", records)
	}
}

// TestPlacesOfRecords: a record's place is the file and the line where it began, also for the last one of a log, which may go on, and for a trace that a
// rotation divides.
func TestPlacesOfRecords(t *testing.T) {
	t.Parallel()
	at := func(second int) string {
		return testNow.Add(time.Duration(second) * time.Second).UTC().Format(time.RFC3339)
	}
	docker := func(second int, text string) string {
		return fmt.Sprintf("{\"log\":%q,\"stream\":\"stderr\",\"time\":%q}\n", text+"\n", at(second))
	}
	plain := func(second int, text string) string { return at(second) + " " + text + "\n" }
	cri := func(second int, text string) string { return at(second) + " stderr F " + text + "\n" }
	object := func(second int, text string) string {
		return fmt.Sprintf("{\"time\":%q,\"container_name\":\"web\",\"log\":%q}\n", at(second), text)
	}
	for form, line := range map[string]func(second int, text string) string{"docker": docker, "plain": plain, "cri": cri, "json": object} {
		for _, size := range []int{1, 64 << 10} {
			dir := t.TempDir()
			write(t, dir, "web.log.2", []byte(line(-9, "begun")+line(-9, "ERROR cannot pay")))
			write(t, dir, "web.log.1", []byte(line(-8, "pong")+line(-8, "java.io.IOException: closed")+line(-7, "\tat shop.Pay.run(Pay.java:3)")))
			write(t, dir, "web.log", []byte(line(-7, "\t... 3 more")+line(-6, "ERROR at the end")))
			var got []string
			for _, r := range only(t, options(), dir) {
				got = append(got, fmt.Sprintf("%s:%d", r.File, r.Number))
			}
			want := []string{"web.log.2:1", "web.log.2:2", "web.log.1:1", "web.log.1:2", "web.log:2"}
			if form == "plain" { // every line has its time, which a trace's have not
				want = []string{"web.log.2:1", "web.log.2:2", "web.log.1:1", "web.log.1:2", "web.log.1:3", "web.log:1", "web.log:2"}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s in blocks of %d bytes: %q, want %q", form, size, got, want)
			}
		}
	}
}
