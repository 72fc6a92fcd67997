// Package logging writes this program's own log lines: one line each, in the form of Fluent Bit's, rate limited, without secrets.
package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Bounds of the rate limit: of lines with the same message, at most burst are written in a window; the first line of the next window
// says how many were left out. Lines of the level debug are not limited, because somebody asked for them.
const (
	burst       = 10
	window      = 30 * time.Second
	maxMessages = 1024 // messages with a window; when it is reached, all windows are reset
)

// Options says how lines are written.
type Options struct {
	Writer io.Writer
	// Origin names who logs, in brackets: "output:trigger:ID" in the plugin.
	Origin string
	Level  slog.Leveler
	// Redact removes secrets from a finished line. nil: as it is.
	Redact func(string) string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Handler is a slog.Handler that writes "[2006/01/02 15:04:05.000] [ info] [origin] message key=value" in local time, as Fluent Bit
// does. It is safe for concurrent use and returns the writer's errors.
type Handler struct {
	out    *output
	prefix string // attributes of WithAttrs, each after a space
	group  string // names of WithGroup, each before a dot
}

var _ slog.Handler = (*Handler)(nil)

// output is shared by all handlers that derive from one.
type output struct {
	Options
	mu   sync.Mutex
	seen map[string]*quota
}

// quota counts the lines of one message in a window.
type quota struct {
	start         time.Time
	written, held int
}

// New returns a handler.
func New(o Options) *Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Redact == nil {
		o.Redact = func(s string) string { return s }
	}
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	return &Handler{out: &output{Options: o, seen: map[string]*quota{}}}
}

// Enabled reports whether lines of the level are written.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.out.Level.Level()
}

// Handle writes one record, unless its message has used up its rate.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	now := h.out.Now()
	held, ok := h.out.admit(r, now)
	if !ok {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[%s] [%5s] [%s] %s", now.Format("2006/01/02 15:04:05.000"), levelWord(r.Level), h.out.Origin, safetext.Visible(r.Message))
	b.WriteString(h.prefix)
	r.Attrs(func(a slog.Attr) bool {
		appendAttr(&b, h.group, a)
		return true
	})
	if held > 0 {
		fmt.Fprintf(&b, " not_logged=%d", held)
	}
	_, err := io.WriteString(h.out.Writer, h.out.Redact(b.String())+"\n")
	return err
}

// admit reports whether a line may be written, and how many like it were left out before.
func (o *output) admit(r slog.Record, now time.Time) (held int, ok bool) {
	if r.Level < slog.LevelInfo {
		return 0, true
	}
	key := r.Level.String() + r.Message
	q := o.seen[key]
	if q == nil {
		if len(o.seen) >= maxMessages {
			clear(o.seen)
		}
		q = &quota{start: now}
		o.seen[key] = q
	}
	if age := now.Sub(q.start); age >= window || age < 0 {
		held = q.held
		*q = quota{start: now}
	}
	if q.written >= burst {
		q.held++
		return 0, false
	}
	q.written++
	return held, true
}

// WithAttrs returns a handler that adds the attributes to every line.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(h.prefix)
	for _, a := range attrs {
		appendAttr(&b, h.group, a)
	}
	return &Handler{out: h.out, prefix: b.String(), group: h.group}
}

// WithGroup returns a handler that writes the names of attributes behind the group's name and a dot.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &Handler{out: h.out, prefix: h.prefix, group: h.group + name + "."}
}

func appendAttr(b *strings.Builder, group string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, in := range v.Group() {
			appendAttr(b, group, in)
		}
		return
	}
	if a.Equal(slog.Attr{}) {
		return
	}
	fmt.Fprintf(b, " %s%s=%s", group, a.Key, quoted(v.String()))
}

// quoted puts quotes around a value that would not read as one word.
func quoted(s string) string {
	if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || r == '"' || r == '=' || safetext.Hidden(r) }) {
		return `"` + safetext.Visible(quotes.Replace(s)) + `"`
	}
	return s
}

// quotes escapes the characters that would end a quoted value.
var quotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func levelWord(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	default:
		return "debug"
	}
}

// ParseLevel returns the level of a word: debug, info, warning (or warn) or error.
func ParseLevel(word string) (slog.Level, error) {
	switch strings.ToLower(word) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("unknown level %q: must be one of debug, info, warning, error", word)
}
