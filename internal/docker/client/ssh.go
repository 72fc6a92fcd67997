package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// dialSSH returns what connects to the engine of another machine: it runs ssh, and there "docker system dial-stdio", as the Docker CLI
// does. Keys, agents, jump hosts and known hosts are ssh's own business.
func dialSSH(host string) (func(context.Context) (net.Conn, error), error) {
	u, err := url.Parse(host) // its error would tell the password
	if err != nil || u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.User.Username(), "-") {
		return nil, fmt.Errorf("docker host %q: want ssh://[user@]host[:port]", redacted(host))
	}
	if _, secret := u.User.Password(); secret || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("docker host %q: ssh takes no password, query or fragment here", redacted(host))
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
	return func(ctx context.Context) (net.Conn, error) { return startCommand(ctx, "ssh", args...) }, nil
}

// shellQuote makes a text one word of the remote shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// commandConn is a connection over the standard input and output of a process. Deadlines are not supported; closing ends the process.
type commandConn struct {
	io.WriteCloser
	out     io.ReadCloser
	command *exec.Cmd
	close   sync.Once
}

var _ net.Conn = (*commandConn)(nil)

func startCommand(ctx context.Context, name string, args ...string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &commandConn{command: exec.Command(name, args...)}
	c.command.Stderr = os.Stderr
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

// Read reads what the process writes.
func (c *commandConn) Read(p []byte) (int, error) { return c.out.Read(p) }

// Close ends the process.
func (c *commandConn) Close() error {
	c.close.Do(func() {
		_ = c.WriteCloser.Close()
		_ = c.command.Process.Kill()
		_ = c.command.Wait() // the process was killed: its status tells nothing
	})
	return nil
}

// LocalAddr and RemoteAddr name no address: there is none.
func (c *commandConn) LocalAddr() net.Addr  { return commandAddr{} }
func (c *commandConn) RemoteAddr() net.Addr { return commandAddr{} }

// SetDeadline, SetReadDeadline and SetWriteDeadline do nothing: requests end with their contexts.
func (c *commandConn) SetDeadline(time.Time) error      { return nil }
func (c *commandConn) SetReadDeadline(time.Time) error  { return nil }
func (c *commandConn) SetWriteDeadline(time.Time) error { return nil }

type commandAddr struct{}

func (commandAddr) Network() string { return "command" }
func (commandAddr) String() string  { return "command" }
