// Package clitest has terminals for the tests of the command line.
package clitest

import (
	"os"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// OpenTerminal opens a pseudo terminal: the side of the screen, and that of the program.
func OpenTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminal can be opened here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

func ResizeTerminal(t *testing.T, side *os.File, lines, columns int) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(side.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(lines), Col: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
}

// Scroll is a terminal of some width that scrolls: the little of ECMA-48 that the status line needs.
type Scroll struct {
	mu      sync.Mutex
	width   int
	rows    [][]rune
	wrapped []bool // the row goes on in the next one
	column  int
	escape  []byte
	Strange string // a sequence that no status line needs
}

func newScroll(width int) *Scroll {
	return &Scroll{width: width, rows: [][]rune{nil}, wrapped: []bool{false}}
}

// Write draws. No character of these tests is cut by a read: all are ASCII but the … of a status, which begins no read.
func (s *Scroll) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range string(b) {
		switch {
		case len(s.escape) > 0 || r == 0x1b:
			s.escape = append(s.escape, byte(r))
			if len(s.escape) > 2 && r >= '@' {
				if text := string(s.escape); text == "\x1b[2K" {
					s.rows[len(s.rows)-1] = nil
				} else {
					s.Strange = text
				}
				s.escape = s.escape[:0]
			}
		case r == '\r':
			s.column = 0
		case r == '\n':
			s.next(false)
		default:
			if s.column == s.width {
				s.next(true)
				s.column = 0
			}
			row := s.rows[len(s.rows)-1]
			for len(row) <= s.column {
				row = append(row, ' ')
			}
			row[s.column] = r
			s.rows[len(s.rows)-1] = row
			s.column++
		}
	}
	return len(b), nil
}

func (s *Scroll) next(wraps bool) {
	s.wrapped[len(s.rows)-1] = wraps
	s.rows, s.wrapped = append(s.rows, nil), append(s.wrapped, false)
}

// Lines returns the whole lines that ended, and the row of the cursor.
func (s *Scroll) Lines() (ended []string, last string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var line string
	for i, row := range s.rows[:len(s.rows)-1] {
		if line += string(row); !s.wrapped[i] {
			ended = append(ended, line)
			line = ""
		}
	}
	return ended, line + string(s.rows[len(s.rows)-1])
}

// ScrollingTerminal opens a pseudo terminal. What is written to its file is drawn on the Scroll.
func ScrollingTerminal(t *testing.T, width int) (*Scroll, *os.File) {
	t.Helper()
	master, slave := OpenTerminal(t)
	s := newScroll(width)
	Resize(t, s, slave, width)
	drawn := make(chan struct{})
	go func() {
		defer close(drawn)
		buffer := make([]byte, 64<<10)
		for {
			n, err := master.Read(buffer)
			if err != nil {
				return // nobody has the other side open any more
			}
			_, _ = s.Write(buffer[:n]) // never fails
		}
	}()
	t.Cleanup(func() {
		_ = slave.Close()
		<-drawn
		_ = master.Close()
	})
	return s, slave
}

func Resize(t *testing.T, s *Scroll, terminal *os.File, width int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.width = width
	ResizeTerminal(t, terminal, 24, width)
}
