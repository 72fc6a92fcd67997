package redis

import (
	"errors"
	"fmt"
	"strings"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// answer reads the parts of a list in their order. The first part that is not as expected is its error; all further reads return zero values.
type answer struct {
	parts []any
	err   error
}

// read returns the answer of a script.
func read(v any, err error) *answer {
	if err != nil {
		return &answer{err: err}
	}
	list, ok := v.([]any)
	if !ok {
		return &answer{err: fmt.Errorf("%w: it is no list", fleet.ErrAnswer)}
	}
	return &answer{parts: list}
}

func (a *answer) fail(what string) {
	if a.err == nil {
		a.err = fmt.Errorf("%w: %s", fleet.ErrAnswer, what)
	}
}

func (a *answer) next() any {
	if len(a.parts) == 0 {
		a.fail("it is too short")
		return nil
	}
	v := a.parts[0]
	a.parts = a.parts[1:]
	return v
}

// number returns a number from low to high.
func (a *answer) number(low, high int64) int64 {
	v := a.next()
	if a.err != nil {
		return 0
	}
	n, ok := v.(int64)
	if !ok || n < low || n > high {
		a.fail("a number is out of bounds")
		return 0
	}
	return n
}

// Bounds of numbers in answers.
const (
	maxMillis = 1 << 43 // 278 years, and the year 2248: as nanoseconds it still fits 64 bits
	maxHits   = 1 << 53
)

func (a *answer) millis() int64 { return a.number(0, maxMillis) }

// bytes returns a text of at most most bytes.
func (a *answer) bytes(most int) []byte {
	v := a.next()
	if a.err != nil {
		return nil
	}
	b, ok := v.([]byte)
	if !ok || len(b) > most {
		a.fail("a text is not one, or too long")
		return nil
	}
	return b
}

// name returns a text that another node wrote, safe to show.
func (a *answer) name() string {
	return safetext.Cut(safetext.Visible(string(a.bytes(fleet.MaxName))), fleet.MaxName)
}

// id returns an id, or "".
func (a *answer) id() string {
	s := string(a.bytes(fleet.MaxID))
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			a.fail("an id is not one")
			return ""
		}
	}
	return s
}

func (a *answer) key() fleet.Key {
	k := fleet.Key(a.bytes(fleet.MaxID))
	if a.err == nil && !k.Valid() {
		a.fail("a key is not one")
		return ""
	}
	return k
}

// list returns a list of at most most parts.
func (a *answer) list(most int) *answer {
	v := a.next()
	if a.err != nil {
		return &answer{err: a.err}
	}
	parts, ok := v.([]any)
	if !ok || len(parts) > most {
		a.fail("a list is not one, or too long")
		return &answer{err: a.err}
	}
	return &answer{parts: parts}
}

// counts reads "reason=number reason=number".
func (a *answer) counts() fleet.Counts {
	c := fleet.Counts{}
	for word := range strings.FieldsSeq(string(a.bytes(maxCounts))) {
		reason, text, _ := strings.Cut(word, "=")
		n, err := parse(text)
		if err != nil || !fleet.Reason(reason) || len(c) >= maxMerged {
			a.fail("counts are not such")
			return nil
		}
		c[reason] = n
	}
	return c
}

const (
	maxMerged = 256 // reasons of all nodes together
	maxCounts = maxMerged * (fleet.MaxReason + 20)
)

// parse returns a decimal number without a sign.
func parse(text string) (n int64, err error) {
	if text == "" || len(text) > 16 {
		return 0, fleet.ErrAnswer
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, fleet.ErrAnswer
		}
		n = n*10 + int64(text[i]-'0')
	}
	return n, nil
}

// code returns the code of an error that the server answered: its first word in capitals. Redis before 7 answers ERR for a command that failed in a script,
// and the command's own error after ": -". The rest is hostile, or repeats the command.
func code(e redigo.Error) string {
	text := string(e)
	if _, inner, ok := strings.Cut(text, ": -"); ok && strings.HasPrefix(text, "ERR Error running script ") {
		text = inner
	}
	word, _, _ := strings.Cut(text, " ")
	if word == "" || len(word) > 20 || strings.ContainsFunc(word, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '_' }) {
		return "an error without a code"
	}
	return word
}

// passing are the codes of errors that pass by themselves.
var passing = [...]string{"LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "MOVED", "ASK", "NOREPLICAS", "UNBLOCKED", "NOSCRIPT"}

// failure returns the error of this package for one of the client. It holds no text of the server but a code.
func failure(err error) error {
	var said redigo.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said):
		word := code(said)
		for _, p := range passing {
			if word == p {
				return fmt.Errorf("%w: it answers %s", fleet.ErrUnreachable, word)
			}
		}
		return fmt.Errorf("%w: %s", fleet.ErrRefused, word)
	case errors.Is(err, fleet.ErrAnswer), errors.Is(err, fleet.ErrRefused), errors.Is(err, fleet.ErrCircuit), errors.Is(err, fleet.ErrUnreachable):
		return err
	case fleet.Why(err) == "timeout":
		return err
	case broken(err):
		return fmt.Errorf("%w: %w", fleet.ErrUnreachable, err)
	case strings.HasPrefix(err.Error(), "redigo:"): // of the framing
		return fmt.Errorf("%w: its framing is wrong", fleet.ErrAnswer)
	}
	return fmt.Errorf("%w: %w", fleet.ErrUnreachable, err)
}
