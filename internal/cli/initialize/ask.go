package initialize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
)

// asker asks questions on a terminal. Elsewhere, and with --yes, every answer is the default.
type asker struct {
	env *command.Env
	on  bool
}

func newAsker(env *command.Env, yes bool) *asker {
	f, ok := env.In.(*os.File)
	return &asker{env, !yes && ok && isatty.IsTerminal(f.Fd()) && command.IsTerminal(env.Out)}
}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 8 << 10

// errNoAnswer is the end of the input where an answer was expected.
var errNoAnswer = &command.Error{Code: command.Usage, Text: "the input ended before the last answer"}

// errInterrupted is a signal where an answer was expected, or while containers are looked at.
var errInterrupted = &command.Error{Code: command.Usage, Text: "interrupted"}

// line reads a line, byte by byte: what is typed ahead is for the next question, which may read it without an echo.
func line(in io.Reader) (string, error) {
	var text []byte
	for one := make([]byte, 1); len(text) < maxAnswer; {
		n, err := in.Read(one)
		switch {
		case n == 1 && one[0] == '\n', errors.Is(err, io.EOF) && len(text) > 0:
			return strings.TrimSpace(string(text)), nil
		case n == 1:
			text = append(text, one[0])
		case errors.Is(err, io.EOF):
			return "", errNoAnswer
		case err != nil:
			return "", err
		}
	}
	return "", fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
}

// read calls a function that reads an answer, until the context ends. The read may go on after that: the program ends then.
func read(ctx context.Context, from func() (string, error)) (string, error) {
	type result struct {
		answer string
		err    error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		if err := guard.Do(func() error {
			r.answer, r.err = from()
			return nil
		}); err != nil {
			r.err = err
		}
		done <- r
	}()
	select {
	case r := <-done:
		return r.answer, r.err
	case <-ctx.Done():
		return "", errInterrupted
	}
}

// ask returns the answer to a question; an empty one is the default.
func (a *asker) ask(ctx context.Context, question, otherwise string) (string, error) {
	if !a.on {
		return otherwise, nil
	}
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	a.env.Printf("%s: ", question)
	answer, err := read(ctx, func() (string, error) { return line(a.env.In) })
	if answer == "" && err == nil {
		answer = otherwise
	}
	return answer, err
}

// hidden asks for a secret, which does not appear on the terminal.
func (a *asker) hidden(ctx context.Context, question string) (string, error) {
	a.env.Printf("%s (not shown): ", question)
	terminal := int(a.env.In.(*os.File).Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	answer, err := read(ctx, func() (string, error) {
		text, err := term.ReadPassword(terminal)
		return strings.TrimSpace(string(text)), err
	})
	a.env.Printf("\n")
	if errors.Is(err, io.EOF) {
		err = errNoAnswer
	}
	return answer, errors.Join(err, term.Restore(terminal, before)) // a read that goes on leaves the terminal without an echo
}

// confirm returns whether a question is answered with yes, which is the default.
func (a *asker) confirm(ctx context.Context, question string) (bool, error) {
	for {
		answer, err := a.ask(ctx, question+" (yes/no)", "yes")
		if err != nil {
			return false, err
		}
		switch strings.ToLower(answer) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
	}
}
