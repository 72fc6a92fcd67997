package redis

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// Bounds of one answer. The client allocates the length that an answer announces, and reads nested lists recursively, so both are checked before it sees them.
const (
	maxBulk  = 1 << 20 // bytes of one text
	maxItems = 1 << 17 // entries of one list
	maxDepth = 8
	maxTotal = 64 << 20 // bytes of one answer
	maxLine  = 4 << 10  // bytes of a line: an error, a number, a length. A server in protected mode explains it in 1,067 bytes.
)

// bounded is a connection whose answers have bounds: a read that meets one that exceeds them fails. It ignores the deadlines that the client sets; limit sets
// one.
type bounded struct {
	net.Conn
	scan scanner
}

// limit sets the deadline of all that follows.
func (b *bounded) limit(t time.Time) error { return b.Conn.SetDeadline(t) }

// The deadlines of the client are ignored.
func (b *bounded) SetDeadline(time.Time) error      { return nil }
func (b *bounded) SetReadDeadline(time.Time) error  { return nil }
func (b *bounded) SetWriteDeadline(time.Time) error { return nil }

// Read implements net.Conn.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if bad := b.scan.feed(p[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

// scanner follows the framing of answers (RESP2), byte by byte, whatever the parts in which they come.
type scanner struct {
	line  []byte // of a header that is not complete yet
	skip  int    // bytes of a text that are still to come, with its line end
	open  []int  // entries that are still to come, of each list that is open
	total int    // bytes of the answer so far
	bad   error
}

func (s *scanner) fail(what string) error {
	s.bad = fmt.Errorf("%w: %s", fleet.ErrAnswer, what)
	return s.bad
}

// feed looks at the next bytes.
func (s *scanner) feed(p []byte) error {
	if s.bad != nil {
		return s.bad
	}
	for len(p) > 0 {
		if s.skip > 0 {
			n := min(s.skip, len(p))
			s.skip, s.total, p = s.skip-n, s.total+n, p[n:]
			if s.skip == 0 {
				s.ended()
			}
		} else {
			c := p[0]
			p = p[1:]
			s.line = append(s.line, c)
			s.total++
			if len(s.line) > maxLine {
				return s.fail("a line is too long")
			}
			if c == '\n' {
				if err := s.header(); err != nil {
					return err
				}
			}
		}
		if s.total > maxTotal {
			return s.fail("it is too long")
		}
	}
	return nil
}

// header reads a complete line.
func (s *scanner) header() error {
	line := s.line
	s.line = s.line[:0]
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return s.fail("a line does not end")
	}
	body := line[1 : len(line)-2]
	switch line[0] {
	case '+', '-', ':':
		s.ended()
		return nil
	case '$', '*':
	default:
		return s.fail("its type is unknown")
	}
	if string(body) == "-1" {
		s.ended()
		return nil
	}
	n := 0
	if len(body) == 0 || len(body) > 9 {
		return s.fail("a length is not one")
	}
	for _, c := range body {
		if c < '0' || c > '9' {
			return s.fail("a length is not one")
		}
		n = n*10 + int(c-'0')
	}
	switch {
	case line[0] == '$' && n > maxBulk:
		return s.fail("a text is too long")
	case line[0] == '$':
		s.skip = n + 2
	case n > maxItems:
		return s.fail("a list is too long")
	case n == 0:
		s.ended()
	case len(s.open) >= maxDepth:
		return s.fail("lists are nested too deep")
	default:
		s.open = append(s.open, n)
	}
	return nil
}

// ended closes one value, and the lists that it was the last of.
func (s *scanner) ended() {
	for len(s.open) > 0 {
		last := len(s.open) - 1
		if s.open[last]--; s.open[last] > 0 {
			return
		}
		s.open = s.open[:last]
	}
	s.total = 0 // the answer is complete
}

// broken reports whether an error is one of a connection that the other side has closed.
func broken(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &op) && !op.Timeout() && !errors.Is(err, os.ErrDeadlineExceeded)
}
