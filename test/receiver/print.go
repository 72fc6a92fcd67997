package receiver

import (
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// maxMessage is how many characters of a message are printed.
const maxMessage = 140

// Printer writes alerts for people. It may be used by several goroutines.
type Printer struct {
	mu     sync.Mutex
	out    io.Writer
	colour bool
}

// NewPrinter returns a printer, with colours or without.
func NewPrinter(out io.Writer, colour bool) *Printer { return &Printer{out: out, colour: colour} }

// UseColour reports whether a file is a terminal whose user did not ask for plain text (https://no-color.org).
func UseColour(f *os.File) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

const (
	bold = "\x1b[1m"
	dim  = "\x1b[2m"
	none = "\x1b[0m"
)

func severityColour(severity string) string {
	switch severity {
	case "critical":
		return "\x1b[1;37;41m"
	case "error":
		return "\x1b[31m"
	case "warning":
		return "\x1b[33m"
	case "info":
		return "\x1b[36m"
	default:
		return dim
	}
}

// Print writes one alert: a line with severity, rule and source, the message, and the suppressed hits.
func (p *Printer) Print(a trigger.Alert) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s", p.in(dim, a.Time.Local().Format("15:04:05")),
		p.in(severityColour(a.Severity), fmt.Sprintf("%-8s", strings.ToUpper(a.Severity))), p.in(bold, clean(a.Rule)), place(a))
	if a.Kind != trigger.KindLog {
		fmt.Fprintf(&b, " (%s)", clean(a.Kind))
	}
	if a.Summary != "" && !repeats(a.Summary, a.Message) {
		fmt.Fprintf(&b, "\n         %s", safetext.CutRunes(clean(a.Summary), maxMessage))
	}
	if a.Message != "" {
		fmt.Fprintf(&b, "\n         %s %s", p.in(dim, "│"), safetext.CutRunes(clean(a.Message), maxMessage))
	}
	if held := Held(a.Suppressed); held != "" {
		fmt.Fprintf(&b, "\n         %s", p.in("\x1b[35m", held))
	}
	b.WriteByte('\n')
	_, err := io.WriteString(p.out, b.String())
	return err
}

func (p *Printer) in(colour, text string) string {
	if !p.colour {
		return text
	}
	return colour + text + none
}

// Held returns the suppressed hits in words: "+312 since 14:02 (cooldown 300, rate_limit 12)". It is empty where there are none.
func Held(s trigger.Suppressed) string {
	if s.Total == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "+%d", s.Total)
	if s.Since != nil {
		layout := "15:04"
		if time.Since(*s.Since) < 2*time.Minute {
			layout = "15:04:05"
		}
		fmt.Fprintf(&b, " since %s", s.Since.Local().Format(layout))
	}
	if len(s.By) > 0 {
		parts := make([]string, 0, len(s.By))
		for _, reason := range Reasons(s.By) {
			parts = append(parts, fmt.Sprintf("%s %d", strings.ReplaceAll(clean(reason), "_", " "), s.By[reason]))
		}
		fmt.Fprintf(&b, " (%s)", strings.Join(parts, ", "))
	}
	return b.String()
}

// Reasons returns the reasons of a count, the largest count first.
func Reasons(by map[string]int64) []string {
	reasons := make([]string, 0, len(by))
	for reason := range by {
		reasons = append(reasons, reason)
	}
	sort.Slice(reasons, func(i, j int) bool {
		if by[reasons[i]] != by[reasons[j]] {
			return by[reasons[i]] > by[reasons[j]]
		}
		return reasons[i] < reasons[j]
	})
	return reasons
}

// repeats reports whether a summary only repeats the message, whole or as much of it as fits, behind a few words.
func repeats(summary, message string) bool {
	begin := message[:min(len(message), 60)]
	return begin != "" && strings.Contains(summary, begin)
}

func place(a trigger.Alert) string {
	text := clean(a.Source.Workload)
	if name := clean(a.Source.Container.Name); name != "" && name != text {
		text += " " + name
	}
	if a.Source.Stream != "" {
		text += " [" + clean(a.Source.Stream) + "]"
	}
	return text
}

// clean returns a text on one line that is safe to show on a terminal.
func clean(text string) string { return safetext.Visible(blanks.Replace(text)) }

var blanks = strings.NewReplacer("\n", " ", "\t", " ")
