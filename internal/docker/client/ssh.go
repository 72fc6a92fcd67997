package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// dialSSH returns a function that connects to the engine of another machine: it runs ssh with "docker system dial-stdio", as the Docker CLI does. ssh
// handles keys, agents, jump hosts and known hosts.
func dialSSH(host string, log *atomic.Pointer[slog.Logger]) (func(context.Context) (net.Conn, error), error) {
	u, err := url.Parse(host) // its error would contain the password
	if err != nil || u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.User.Username(), "-") {
		return nil, fmt.Errorf("docker host %q: must be ssh://[user@]host[:port]", redacted(host))
	}
	if _, secret := u.User.Password(); secret || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("docker host %q: must not have a password, query or fragment", redacted(host))
	}
	args := []string{"-o", "ConnectTimeout=30", "-T"}
	if name := u.User.Username(); name != "" {
		args = append(args, "-l", name)
	}
	if port := u.Port(); port != "" {
		args = append(args, "-p", port)
	}
	args = append(args, "--", u.Hostname(), "docker")
	if path := strings.TrimSuffix(u.Path, "/"); path != "" {
		args = append(args, "--host", "unix://"+shellQuote(path))
	}
	args = append(args, "system", "dial-stdio")
	return func(ctx context.Context) (net.Conn, error) { return startCommand(ctx, log.Load(), "ssh", args...) }, nil
}

// shellQuote makes a text one word of the remote shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// commandConn is a connection over the standard input and output of a process. Deadlines are not supported; closing ends the process.
type commandConn struct {
	io.WriteCloser
	out     io.ReadCloser
	command *exec.Cmd
	stderr  *stderrLog // nil: stderr is not logged
	close   sync.Once
}

var _ net.Conn = (*commandConn)(nil)

// startCommand starts a process. Its stderr is logged, or goes to this program's stderr if log is nil.
func startCommand(ctx context.Context, log *slog.Logger, name string, args ...string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &commandConn{command: exec.Command(name, args...)}
	c.command.Stderr = os.Stderr
	if log != nil {
		c.stderr = &stderrLog{log: log, name: name}
		c.command.Stderr = c.stderr
		c.command.WaitDelay = stderrGrace
	}
	var err error
	if c.WriteCloser, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	if c.out, err = c.command.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("docker host: %w", err)
	}
	return c, nil
}

// Read reads from the process's stdout.
func (c *commandConn) Read(p []byte) (int, error) { return c.out.Read(p) }

// Close ends the process.
func (c *commandConn) Close() error {
	c.close.Do(func() {
		_ = c.WriteCloser.Close()
		_ = c.command.Process.Kill()
		_ = c.command.Wait() // the process was killed: its status means nothing
		if c.stderr != nil {
			c.stderr.end()
		}
	})
	return nil
}

// stderrGrace bounds the wait for the end of stderr after the process has ended: its children may keep it open.
const stderrGrace = 500 * time.Millisecond

// maxStderrLine bounds a logged line; the rest of a longer line is dropped.
const maxStderrLine = 512

// stderrLog logs the lines of a process's stderr. It is for one goroutine at a time.
type stderrLog struct {
	log  *slog.Logger
	name string
	line []byte // the beginning of a line that has not ended
}

// Write logs the lines that the next bytes complete.
func (s *stderrLog) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		line, more, ended := bytes.Cut(rest, []byte{'\n'})
		s.line = append(s.line, line[:min(len(line), maxStderrLine-len(s.line))]...)
		if ended {
			s.end()
		}
		rest = more
	}
	return len(p), nil
}

// end logs an unfinished line.
func (s *stderrLog) end() {
	if text := strings.TrimSpace(strings.ToValidUTF8(string(s.line), "")); text != "" {
		s.log.Warn(s.name+" stderr", "text", text)
	}
	s.line = s.line[:0]
}

// LocalAddr and RemoteAddr return a placeholder: there is no address.
func (c *commandConn) LocalAddr() net.Addr  { return commandAddr{} }
func (c *commandConn) RemoteAddr() net.Addr { return commandAddr{} }

// SetDeadline, SetReadDeadline and SetWriteDeadline do nothing: requests end with their contexts.
func (c *commandConn) SetDeadline(time.Time) error      { return nil }
func (c *commandConn) SetReadDeadline(time.Time) error  { return nil }
func (c *commandConn) SetWriteDeadline(time.Time) error { return nil }

type commandAddr struct{}

func (commandAddr) Network() string { return "command" }
func (commandAddr) String() string  { return "command" }
