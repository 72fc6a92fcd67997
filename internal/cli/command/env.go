// Package command is shared by the commands of docker-fluentbit: the environment that they run in, flags, completion, exit codes, and the client of a
// running instance.
//
// A command uses the process only through its Env, so that tests run it with streams, variables and a clock of their own.
package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Env is the environment of a command. Out and Err are safetext's writers: whatever a name, a line, or an answer holds, it cannot steer the terminal.
// Sequences of our own go to Terminal's result.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(key string) string
	Setenv   func(key, value string) error
	Now      func() time.Time
	Version  string // of the program
}

// Terminal returns the writer below one of an Env, for sequences that steer the terminal and for texts that were made visible.
func Terminal(w io.Writer) io.Writer {
	if safe, ok := w.(*safetext.Writer); ok {
		return safe.Unwrap()
	}
	return w
}

// IsTerminal reports whether a writer is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := Terminal(w).(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// EraseLine erases the line that the cursor is on.
const EraseLine = "\r\x1b[2K"

// CanErase reports whether a writer is a terminal that knows EraseLine.
func (e *Env) CanErase(w io.Writer) bool { return IsTerminal(w) && e.Getenv("TERM") != "dumb" }

// Width returns the width of the terminal that w is: else the value of COLUMNS, else 100.
func (e *Env) Width(w io.Writer) int {
	if f, ok := Terminal(w).(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	if columns, err := strconv.Atoi(e.Getenv("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	return 100
}

// Printf writes to Out.
func (e *Env) Printf(format string, args ...any) { _, _ = fmt.Fprintf(e.Out, format, args...) }

// Warnf writes a line to Err, prefixed with the program's name.
func (e *Env) Warnf(format string, args ...any) {
	_, _ = fmt.Fprintf(e.Err, "docker-fluentbit: "+format+"\n", args...)
}

// JSON writes an answer of the API, indented.
func (e *Env) JSON(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	var text bytes.Buffer
	if err := json.Indent(&text, body, "", "  "); err != nil {
		return err
	}
	e.Printf("%s\n", bytes.TrimSpace(text.Bytes()))
	return nil
}

// WriteJSON writes a value as JSON, indented.
func (e *Env) WriteJSON(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return e.JSON(text)
}

// Table writes rows below a header; a row is one text with tabs, whose cells from outside are visible texts.
func (e *Env) Table(header string, rows []string) error {
	t := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, header)
	for _, row := range rows {
		_, _ = fmt.Fprintln(t, row)
	}
	return t.Flush()
}

// When returns a time as the tables show it: the clock alone for today.
func (e *Env) When(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	local := at.Local()
	if local.Format(time.DateOnly) == e.Now().Format(time.DateOnly) {
		return local.Format(time.TimeOnly)
	}
	return local.Format(time.DateTime)
}

// Interruptible returns a context that SIGINT and SIGTERM end. stop releases the signals.
func Interruptible() (ctx context.Context, stop context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
}
