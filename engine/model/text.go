package model

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Roughly writes a length of time in ns with at most two units.
func Roughly(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		d = d.Round(time.Second)
		return trimZero(fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second), "0s")
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return trimZero(fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute), "0m")
	}
	d = d.Round(time.Hour)
	return trimZero(fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour), "0h")
}

// trimZero cuts a last unit of zero off: "5m0s" is "5m", and "1m30s" stays.
func trimZero(s, zero string) string {
	cut := len(s) - len(zero)
	if cut > 0 && s[cut:] == zero && (s[cut-1] < '0' || s[cut-1] > '9') {
		return s[:cut]
	}
	return s
}

// Bounds of the texts of an alert, in bytes.
const (
	MaxMatched = 64 << 10 // of a line, looked at
	MaxMessage = 8 << 10  // of a line, in the alert
	MaxSummary = 512
	MaxCapture = 1 << 10
	MaxField   = MaxCapture + MaskMargin // of a field, looked at
	MaskMargin = 256                     // of a text beyond its bound, looked at, so that a secret that the bound splits is masked
	ShortLine  = 200                     // of the line, in the default summary
)

// OneLine returns the text with its line ends and other control characters turned into spaces, cut to limit bytes.
func OneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	return safetext.Cut(strings.TrimSpace(s), limit)
}

// ValidText copies a line's bytes into a valid UTF-8 string of at most limit bytes. cut reports whether something was left out.
func ValidText(b []byte, limit int) (s string, cut bool) {
	if len(b) > limit+utf8.UTFMax {
		b, cut = b[:limit+utf8.UTFMax], true
	}
	s = strings.ToValidUTF8(string(b), "\uFFFD")
	if len(s) > limit {
		return safetext.Cut(s, limit), true
	}
	return s, cut
}
