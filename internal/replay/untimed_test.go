package replay

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// TestLinesWithoutATimeAreCounted reads logs whose lines have times, in part or not at all.
func TestLinesWithoutATimeAreCounted(t *testing.T) {
	const timed = "2026-11-26T11:00:01Z a\n"
	for name, c := range map[string]struct {
		log  string
		want map[string]int64 // by the first word of the reason; nil: all times are known
		line int
	}{
		"all timed":            {strings.Repeat(timed, 3), nil, 0},
		"a trace":              {timed + "\tat x\nCaused by: y\n" + timed, nil, 0},
		"a banner before":      {"Starting up\n=====\n" + timed, nil, 0},
		"none at all":          {"one\ntwo\n\nfour\n", map[string]int64{"no": 4}, 1},
		"docker logs":          {"boom\n", map[string]int64{"no": 1}, 1},
		"a date, then no more": {timed + strings.Repeat("x\n", maxBehind+5), map[string]int64{"no": 5}, maxBehind + 2},
		"times of day":         {timed + "11:00:02 [main] x\n11:00:03,5 y\n", map[string]int64{"a": 2}, 2},
		"another zone":         {timed + "2026-11-26 11:00:01 IST x\n", map[string]int64{"a": 1}, 2},
		"to come":              {timed + "2026-12-26T11:00:01Z x\n", map[string]int64{"a": 1}, 2},
		"JSON":                 {`{"time":"2026-11-26T11:00:01Z","msg":"a"}` + "\n" + `{"time":"11/26/2026 11:00:01","msg":"b"}` + "\n", map[string]int64{"a": 1}, 2},
		"JSON without":         {`{"msg":"a"}` + "\n" + `{"msg":"b"}` + "\n", map[string]int64{"no": 2}, 1},
		"json-file to come":    {`{"log":"a\n","stream":"stdout","time":"2027-11-26T11:00:01Z"}` + "\n", map[string]int64{"a": 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, t.TempDir(), "app.log", []byte(c.log))
			s := open(t, options(), path)
			readAll(t, s)
			u := s.Stats().Untimed
			if c.want == nil {
				if u != nil {
					t.Errorf("got %v", u)
				}
				return
			}
			if u == nil {
				t.Fatal("nothing is counted")
			}
			got, sum := map[string]int64{}, int64(0)
			for why, n := range u.Reasons {
				word, _, _ := strings.Cut(why, " ")
				got[word] += n
				sum += n
			}
			lines := int64(strings.Count(c.log, "\n"))
			if !maps.Equal(got, c.want) || u.Lines != sum || u.Of != lines || u.File != path || u.Line != c.line {
				t.Errorf("got %+v", *u)
			}
			if text := u.String(); !strings.HasPrefix(text, fmt.Sprintf("%d of %d lines have no time that is known: ", sum, lines)) || !strings.Contains(text, "docker logs -t") {
				t.Error(text)
			}
		})
	}
}

// TestAFewNULsAreText reads logs with a few NULs and skips binary files.
func TestAFewNULsAreText(t *testing.T) {
	line := "2026-11-26T11:00:01Z a line of a log, as long as they are\n"
	for name, c := range map[string]struct {
		file  string
		texts int
	}{
		"one":              {"2026-11-26T11:00:01Z a\x00b\n", 1},
		"one in each line": {strings.Repeat(strings.Replace(line, "as", "a\x00", 1), 50), 50},
		"a hole before":    {strings.Repeat("\x00", 10_000) + line, 1},
		"UTF-16":           {"\xff\xfea\x00 \x00l\x00i\x00n\x00e\x00\n\x00", 0},
		"a program":        {"\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x03\x00>\x00\x01\x00\x00\x00" + strings.Repeat("code\x00\x01", 20), 0},
		"a hole":           {strings.Repeat("\x00", 10_000), 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, t.TempDir(), "app.log", []byte(c.file))
			s, err := Open(t.Context(), []string{path}, options())
			if c.texts == 0 {
				if err == nil || !strings.Contains(err.Error(), "no text") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			records := readAll(t, s)
			if len(records) != c.texts || !strings.Contains(records[0], "\x00") {
				t.Errorf("%d lines, the first %.80q", len(records), records[0])
			}
		})
	}
}

// readAll returns the texts of all series.
func readAll(t *testing.T, s *Set) (texts []string) {
	t.Helper()
	for _, one := range s.Series() {
		for _, r := range all(t, one, 64<<10) {
			texts = append(texts, r.Text)
		}
	}
	return texts
}
