package logging

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

type secret string

func (secret) LogValue() slog.Value { return slog.StringValue("••••") }

func fixedClock() (func() time.Time, *time.Time) {
	now := time.Date(2026, 11, 22, 14, 2, 3, 45e6, time.Local)
	return func() time.Time { return now }, &now
}

func TestLineForm(t *testing.T) {
	clock, _ := fixedClock()
	cases := []struct {
		name string
		log  func(*slog.Logger)
		want string
	}{
		{"info", func(l *slog.Logger) { l.Info("started", "rules", 3) },
			"[2026/11/22 14:02:03.045] [ info] [output:trigger:a] started rules=3\n"},
		{"warn and error", func(l *slog.Logger) { l.Warn("slow"); l.Error("broken", "error", errors.New("a b")) },
			"[2026/11/22 14:02:03.045] [ warn] [output:trigger:a] slow\n" +
				"[2026/11/22 14:02:03.045] [error] [output:trigger:a] broken error=\"a b\"\n"},
		{"debug is off", func(l *slog.Logger) { l.Debug("detail") }, ""},
		{"a line stays a line", func(l *slog.Logger) { l.Info("a\nb", "k", "c\nd\u2028e") },
			"[2026/11/22 14:02:03.045] [ info] [output:trigger:a] a\\nb k=\"c\\nd\\u2028e\"\n"},
		{"hostile values", func(l *slog.Logger) { l.Info("m\x1b[2J", "k", "a\u202e\xff\U000e0041", "q", "say \"x\\\"") },
			"[2026/11/22 14:02:03.045] [ info] [output:trigger:a] m\\u001b[2J k=\"a\\u202e\\xff\\udb40\\udc41\" q=\"say \\\"x\\\\\\\"\"\n"},
		{"groups and attributes", func(l *slog.Logger) {
			l.With("x", 1).WithGroup("g").Info("m", slog.Group("h", "y", 2), "z", "")
		}, "[2026/11/22 14:02:03.045] [ info] [output:trigger:a] m x=1 g.h.y=2 g.z=\"\"\n"},
		{"secrets", func(l *slog.Logger) { l.Info("m", "key", secret("hunter2"), "url", "https://x/hunter2") },
			"[2026/11/22 14:02:03.045] [ info] [output:trigger:a] m key=•••• url=https://x/[gone]\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			redact := func(s string) string { return strings.ReplaceAll(s, "hunter2", "[gone]") }
			c.log(slog.New(New(Options{Writer: &out, Origin: "output:trigger:a", Redact: redact, Now: clock})))
			if out.String() != c.want {
				t.Errorf("got  %q\nwant %q", out.String(), c.want)
			}
		})
	}
}

func TestRateLimit(t *testing.T) {
	clock, now := fixedClock()
	var out bytes.Buffer
	l := slog.New(New(Options{Writer: &out, Now: clock}))
	for range burst + 7 {
		l.Warn("receiver fails")
	}
	l.Warn("another")
	if n := strings.Count(out.String(), "receiver fails"); n != burst {
		t.Errorf("%d lines of one message in a window, want %d", n, burst)
	}
	if !strings.Contains(out.String(), "another") {
		t.Error("one message's rate held back another message")
	}
	out.Reset()
	*now = now.Add(window)
	l.Warn("receiver fails")
	if want := "receiver fails not_logged=7\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("got %q, want it to end in %q", out.String(), want)
	}
	out.Reset()
	*now = now.Add(-time.Hour)
	l.Warn("receiver fails")
	if out.Len() == 0 {
		t.Error("a clock that steps back silences the log")
	}
}

func TestRateLimitIsBounded(t *testing.T) {
	h := New(Options{Writer: &bytes.Buffer{}})
	l := slog.New(h)
	for i := range 3 * maxMessages {
		l.Info(strings.Repeat("x", i))
	}
	if n := len(h.out.seen); n > maxMessages {
		t.Errorf("%d messages kept, bound %d", n, maxMessages)
	}
}

func TestParseLevel(t *testing.T) {
	for word, want := range map[string]slog.Level{"debug": slog.LevelDebug, "Info": slog.LevelInfo, "warning": slog.LevelWarn, "error": slog.LevelError} {
		if got, err := ParseLevel(word); err != nil || got != want {
			t.Errorf("ParseLevel(%q) = %v, %v", word, got, err)
		}
	}
	if _, err := ParseLevel("loud"); err == nil {
		t.Error("an unknown level is accepted")
	}
}
