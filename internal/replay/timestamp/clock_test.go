package timestamp

import (
	"os"
	"strings"
	"testing"
	"time"
)

var testNow = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestClockReadsTheFormsOfTime(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"2026-11-26T11:00:01.5Z GET /", "2026-11-26T11:00:01.5Z"},
		{"2026-11-26T11:00:01.123456789+02:00 x", "2026-11-26T09:00:01.123456789Z"},
		{"2026-11-26T11:00:01-0530 x", "2026-11-26T16:30:01Z"},
		{"2026-11-26 11:00:01,123 ERROR app: x", "2026-11-26T11:00:01.123Z"},
		{"2026-11-26 11:00:01.123 UTC [42] FATAL:  x", "2026-11-26T11:00:01.123Z"},
		{"2026/11/26 11:00:01 [error] 7#7: *1 x", "2026-11-26T11:00:01Z"},
		{"2026/11/26 11:00:01.000042 main.go:1: x", "2026-11-26T11:00:01.000042Z"},
		{"[2026/11/26 11:00:01] [error] [input] x", "2026-11-26T11:00:01Z"},
		{"[2026-11-26T11:00:01Z INFO  app] x", "2026-11-26T11:00:01Z"},
		{"\x1b[2m2026-11-26T11:00:01Z\x1b[0m INFO x", "2026-11-26T11:00:01Z"},
		{`203.0.113.1 - - [26/Nov/2026:12:00:01 +0100] "GET / HTTP/1.1" 200 1`, "2026-11-26T11:00:01Z"},
		{"[26/Nov/2026:11:00:01 +0000] x", "2026-11-26T11:00:01Z"},
		{"Nov 26 11:00:01 host app[1]: x", "2026-11-26T11:00:01Z"},
		{"Nov  6 11:00:01 host app[1]: x", "2026-11-06T11:00:01Z"},
		{"Dec 31 23:59:59 host app[1]: of last year", "2025-12-31T23:59:59Z"},
		{"<34>Nov 26 11:00:01 host su: x", "2026-11-26T11:00:01Z"},
		{"<165>1 2026-11-26T11:00:01.003Z host app - - - x", "2026-11-26T11:00:01.003Z"},
		{"E1126 11:00:01.000042       1 main.go:1] x", "2026-11-26T11:00:01.000042Z"},
		{`time="2026-11-26T11:00:01Z" level=error msg=x`, "2026-11-26T11:00:01Z"},
		{"level=info ts=2026-11-26T11:00:01.5Z caller=x", "2026-11-26T11:00:01.5Z"},
		{"ts=1795690801.250 level=info", "2026-11-26T11:00:01.25Z"},
		{"1:M 26 Nov 2026 11:00:01.042 * Ready", "2026-11-26T11:00:01.042Z"},
		{"[Thu Nov 26 11:00:01.123456 2026] [core:error] x", "2026-11-26T11:00:01.123456Z"},
		{"Thu Nov 26 11:00:01 UTC 2026 x", "2026-11-26T11:00:01Z"},
		{"26-Nov-2026 11:00:01.123 SEVERE [main] x", "2026-11-26T11:00:01.123Z"},
		{"1795690801.123     45 10.0.0.1 TCP_MISS/200", "2026-11-26T11:00:01.123Z"},
		{`{"level":"info","ts":1795690801.25,"msg":"x"}`, "2026-11-26T11:00:01.25Z"},
		{`{"time":1795690801123,"msg":"pino"}`, "2026-11-26T11:00:01.123Z"},
		{`{"timestamp":"1795690801123456","msg":"µs"}`, "2026-11-26T11:00:01.123456Z"},
		{`{"@timestamp":"2026-11-26T11:00:01.000Z","message":"x"}`, "2026-11-26T11:00:01Z"},
		{`{"time_local":"26/Nov/2026:11:00:01 +0000","status":200}`, "2026-11-26T11:00:01Z"},
		{"\tat com.example.Main(Main.java:1)", ""},
		{"2026-13-26T11:00:01Z no such month", ""},
		{"1234567890123456 1:2:3", ""},
		{"Nov 26 of a year that we do not know", ""},
		{"", ""},
	} {
		c2 := Clock{Ref: testNow.UnixNano()}
		for range 2 { // the second time, the clock tries the form it found first
			ns, ok := c2.Read([]byte(c.line))
			got := ""
			if ok {
				got = time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
			}
			if got != c.want {
				t.Errorf("%q: %q, want %q", c.line, got, c.want)
			}
		}
	}
}

// TestTimesOfCommonSoftware parses each line of a table twice, the second time with the form that was found first, and again after lines of other forms.
func TestTimesOfCommonSoftware(t *testing.T) {
	table, err := os.ReadFile("testdata/times.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	shared := Clock{Ref: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC).UnixNano()}
	for row := range strings.Lines(string(table)) {
		if row[0] == '#' {
			continue
		}
		rows++
		cells := strings.Split(strings.TrimSuffix(row, "\n"), "\t")
		if len(cells) != 3 {
			t.Fatalf("%q has %d cells", row, len(cells))
		}
		line := []byte(strings.NewReplacer(`\t`, "\t", `\e`, "\x1b").Replace(cells[1]))
		own := Clock{Ref: shared.Ref}
		for _, c := range []*Clock{&own, &own, &shared} {
			got := "? "
			if ns, ok := c.Read(line); ok {
				got = time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
			} else {
				got += c.Why.String()
			}
			if got != cells[2] {
				t.Errorf("%s: %q: %s, want %s", cells[0], line, got, cells[2])
				break
			}
		}
	}
	if rows < 130 {
		t.Errorf("only %d rows", rows)
	}
}

// TestAbbreviationsAreThoseOfTheGivenZone parses ambiguous abbreviations, and abbreviations with another meaning in the given zone.
func TestAbbreviationsAreThoseOfTheGivenZone(t *testing.T) {
	for _, c := range []struct{ zone, line, want string }{
		{"America/Chicago", "2026-03-04 05:06:07 CST x", "2026-03-04T11:06:07Z"},
		{"America/Chicago", "2026-07-04 05:06:07 CDT x", "2026-07-04T10:06:07Z"},
		{"Asia/Shanghai", "2026-03-04 05:06:07 CST x", "2026-03-03T21:06:07Z"},
		{"Asia/Kolkata", "2026-03-04 05:06:07 IST x", "2026-03-03T23:36:07Z"},
		{"Europe/London", "2026-07-04 05:06:07 BST x", "2026-07-04T04:06:07Z"},
		{"Asia/Manila", "2026-03-04 05:06:07 PST x", "2026-03-03T21:06:07Z"},
		{"Europe/Berlin", "2026-10-25 02:30:00 CET x", "2026-10-25T01:30:00Z"},
		{"Europe/Berlin", "2026-10-25 02:30:00 CEST x", "2026-10-25T00:30:00Z"},
		{"Europe/Berlin", "2026-03-04 05:06:07 UTC x", "2026-03-04T05:06:07Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Skip(err)
		}
		c2 := Clock{Ref: testNow.UnixNano(), Zone: zone}
		ns, ok := c2.Read([]byte(c.line))
		if got := time.Unix(0, ns).UTC().Format(time.RFC3339); !ok || got != c.want {
			t.Errorf("%s: %q: %s %v, want %s", c.zone, c.line, got, ok, c.want)
		}
	}
}

// TestHalfAnHourThatComesTwice: when clocks are set back by half an hour, times keep increasing.
func TestHalfAnHourThatComesTwice(t *testing.T) {
	lordHowe, err := time.LoadLocation("Australia/Lord_Howe") // half an hour
	if err != nil {
		t.Skip(err)
	}
	c := Clock{Zone: lordHowe}
	for _, minute := range []int{29, 31, 59, 31, 59, 61} {
		at := moment{year: 2026, month: 4, day: 5, hour: 1 + minute/60, minute: minute % 60}
		ns, ok := c.ns(&at)
		if !ok || ns <= c.Before {
			t.Errorf("minute %d: %v is not behind %v", minute, time.Unix(0, ns).UTC(), time.Unix(0, c.Before).UTC())
		}
		c.Before = ns
	}
}

func TestClockTakesTheZoneThatIsGiven(t *testing.T) {
	zone := time.FixedZone("", 2*3600)
	c := Clock{Zone: zone, Ref: testNow.UnixNano()}
	for line, want := range map[string]string{
		"2026-11-26 11:00:01 x":  "2026-11-26T09:00:01Z",
		"2026-11-26T11:00:01Z x": "2026-11-26T11:00:01Z",
		"Nov 26 11:00:01 host x": "2026-11-26T09:00:01Z",
	} {
		ns, ok := c.Read([]byte(line))
		if got := time.Unix(0, ns).UTC().Format(time.RFC3339); !ok || got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

// TestDaysAgreeWithTheCalendar compares days with package time, for every day of 230 years.
func TestDaysAgreeWithTheCalendar(t *testing.T) {
	for at := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2200; at = at.AddDate(0, 0, 1) {
		if got, want := days(at.Year(), int(at.Month()), at.Day()), at.Unix()/86400; got != want {
			t.Fatalf("%s: day %d, want %d", at.Format(time.DateOnly), got, want)
		}
	}
}

// FuzzClock: parsing a line never panics, and parsing it again returns the same time. Results for RFC 3339 equal those of package time.
func FuzzClock(f *testing.F) {
	f.Add([]byte("2026-11-26T11:00:01.5+01:00 x"))
	f.Add([]byte("<34>Nov 26 11:00:01 host x"))
	f.Add([]byte("1:M 26 Nov 2026 11:00:01.042 * x"))
	f.Add([]byte(`{"ts":1e9}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		c := Clock{Ref: testNow.UnixNano()}
		first, ok := c.Read(line)
		again, ok2 := c.Read(line)
		if first != again || ok != ok2 {
			t.Fatalf("%q: %d %t, then %d %t", line, first, ok, again, ok2)
		}
		if want, err := time.Parse(time.RFC3339Nano, string(line)); err == nil && want.Year() >= 1970 && want.Year() < 2200 && ok {
			if first != want.UnixNano() {
				t.Fatalf("%q: %d, want %d", line, first, want.UnixNano())
			}
		}
	})
}

// TestReadingATimeCostsNoMemory parses lines of plain text in all forms, with and without times.
func TestReadingATimeCostsNoMemory(t *testing.T) {
	lines := [][]byte{
		[]byte("2026-11-26T11:00:01.5Z x"), []byte("2026-11-26  5:00:01 x"), []byte("Nov 26, 2026 5:06:07 PM x"), []byte("04 Mar 2026 05:06:07,123 INFO x"),
		[]byte("2026-11-26 11:00:01 CET x"), []byte("2026-11-26 11:00:01 CST x"), []byte("INFO  [main] 2026-03-04 05:06:07,123 x"), []byte("\tat a trace"),
		[]byte("05:06:07.123 [main] x"), []byte("a line without a time"), []byte("1772600767 x"),
	}
	c := Clock{Ref: testNow.UnixNano()}
	if n := testing.AllocsPerRun(100, func() {
		for _, line := range lines {
			c.Read(line)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
