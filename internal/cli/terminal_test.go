package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/clitest"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// program returns a command that runs this program in a process of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience) // a program that hangs is killed
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Args[0] = "docker-fluentbit"
	return cmd
}

// terminal is a pseudo terminal with a screen that a program draws on.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	ended  chan error

	mu     sync.Mutex
	screen *screen
}

// onTerminal starts this program on a terminal of a size.
func onTerminal(t *testing.T, lines, columns int, args ...string) *terminal {
	t.Helper()
	master, slave := clitest.OpenTerminal(t)
	x := &terminal{t: t, master: master, cmd: program(t, args...), ended: make(chan error, 1)}
	x.resize(lines, columns)
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = slave, slave, slave
	x.cmd.Env = append(os.Environ(), "TERM=xterm")
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // so that Ctrl-C reaches it
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 64<<10)
		for {
			n, err := master.Read(buf)
			x.mu.Lock()
			x.screen.write(buf[:n])
			x.mu.Unlock()
			if err != nil { // EIO: nobody has the terminal any more
				return
			}
		}
	}()
	go func() {
		err := x.cmd.Wait()
		<-read
		x.ended <- err
	}()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		_ = master.Close()
	})
	return x
}

// resize gives the terminal another size, and a blank screen. The program gets SIGWINCH.
func (x *terminal) resize(lines, columns int) {
	x.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	was := x.screen
	x.screen = &screen{lines: lines, columns: columns, cells: make([][]rune, lines)}
	if was != nil {
		x.screen.alternate, x.screen.hidden, x.screen.rest = was.alternate, was.hidden, was.rest
	}
	clitest.ResizeTerminal(x.t, x.master, lines, columns)
}

// look returns the screen as it is now.
func (x *terminal) look() screen {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := *x.screen
	s.cells = make([][]rune, len(x.screen.cells))
	for i, line := range x.screen.cells {
		s.cells[i] = slices.Clone(line)
	}
	return s
}

// until waits until the screen is as it should.
func (x *terminal) until(what string, holds func(*screen) bool) {
	x.t.Helper()
	var s screen
	defer func() {
		if x.t.Failed() {
			x.t.Logf("%q\n%s", s.faults, s.text())
		}
	}()
	await.That(x.t, patience, what, func() bool {
		s = x.look()
		return len(s.faults) > 0 || holds(&s)
	})
	if len(s.faults) > 0 {
		x.t.Fatal("the screen is not drawn in place")
	}
}

// screen is a terminal, as far as this program draws. A sequence that it does not know, or a line that would scroll or wrap, is a fault.
type screen struct {
	lines, columns    int
	cells             [][]rune
	row, column       int
	alternate, hidden bool
	drawn             int // how often it was drawn from the top
	rest              []byte
	faults            []string
}

func (s *screen) text() string {
	lines := make([]string, len(s.cells))
	for i, line := range s.cells {
		lines[i] = strings.TrimRight(string(line), " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func (s *screen) write(text []byte) {
	s.rest = append(s.rest, text...)
	for len(s.rest) > 0 {
		n := s.one()
		if n == 0 {
			return // the rest of it comes later
		}
		s.rest = s.rest[n:]
	}
}

// one takes the next sequence or character. It returns 0 when it is not whole.
func (s *screen) one() int {
	switch c := s.rest[0]; {
	case c == '\r':
		s.column = 0
		return 1
	case c == '\n':
		if s.row++; s.row == s.lines {
			s.row--
			s.fault("it scrolls")
		}
		return 1
	case c == '^' && strings.HasPrefix(string(s.rest), "^C"): // the terminal's echo
		return 2
	case c == 0x1b:
		for i := 2; i < len(s.rest); i++ {
			if b := s.rest[i]; b >= '@' && b <= '~' {
				s.sequence(string(s.rest[1 : i+1]))
				return i + 1
			}
		}
		return 0
	}
	if !utf8.FullRune(s.rest) {
		return 0
	}
	r, n := utf8.DecodeRune(s.rest)
	if s.column == s.columns {
		s.fault("it wraps")
		return n
	}
	line := s.cells[s.row]
	for len(line) <= s.column {
		line = append(line, ' ')
	}
	line[s.column] = r
	s.cells[s.row] = line
	s.column++
	return n
}

func (s *screen) sequence(text string) {
	switch text {
	case "[?1049h":
		s.alternate = true
	case "[?1049l":
		s.alternate = false
	case "[?25l":
		s.hidden = true
	case "[?25h":
		s.hidden = false
	case "[H":
		s.row, s.column = 0, 0
		s.drawn++
	case "[K":
		s.cells[s.row] = s.cells[s.row][:min(len(s.cells[s.row]), s.column)]
	case "[J":
		s.cells[s.row] = s.cells[s.row][:min(len(s.cells[s.row]), s.column)]
		for i := s.row + 1; i < s.lines; i++ {
			s.cells[i] = nil
		}
	default:
		s.fault(fmt.Sprintf("it writes %q", text))
	}
}

// fault records a fault. Right after a change of size the program may still draw for the size before.
func (s *screen) fault(text string) {
	if s.drawn > 1 {
		s.faults = append(s.faults, text)
	}
}
