package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Usable returns nil if this machine has the address of the settings, and otherwise a setting.Fault. An address that is in use is usable, since the instance
// that is to start may be running. Usable opens at most another port for a moment, and no socket.
func Usable(s Settings) error {
	if err := usable(s.Listen); err != nil {
		return setting.Fault{Field: "listen", Value: s.Listen, Message: "cannot listen here: " + err.Error(), Cause: err}
	}
	return nil
}

func usable(address string) error {
	path, ok := strings.CutPrefix(address, socketScheme)
	if !ok {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			var op *net.OpError
			if errors.As(err, &op) { // its text has the port that was not asked for
				err = op.Err
			}
			return err
		}
		return ln.Close()
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket", path)
	}
	dir := filepath.Dir(path)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "access", Path: dir, Err: err}
	}
	return nil
}
