package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// Bounds of files, in bytes.
const (
	maxSecret = 64 << 10
	maxPEM    = 4 << 20
)

// dialer makes connections that are judged, secured and authenticated.
type dialer struct {
	settings  *fleet.Settings
	guard     *egress.Guard
	lookupEnv func(string) (string, bool)
}

// newDialer reads all files once, so that a missing one is reported at the start.
func newDialer(s *fleet.Settings, guard *egress.Guard, lookupEnv func(string) (string, bool)) (*dialer, error) {
	d := &dialer{s, guard, lookupEnv}
	if _, err := d.tls("localhost"); err != nil {
		return nil, err
	}
	for _, sentinel := range []bool{false, true} {
		if _, _, err := d.credentials(sentinel); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// conn is a connection.
type conn struct {
	redigo.Conn
	raw  *bounded
	used time.Time // when it was last returned
}

// dial connects to an address. The address may be one that a sentinel or a cluster named, so it is hostile.
func (d *dialer) dial(ctx context.Context, address string, sentinel bool) (*conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: an address is not one", fleet.ErrAnswer)
	}
	raw, err := d.guard.DialContext(ctx, "tcp", address)
	if err != nil {
		var refusal *egress.Refusal
		if errors.As(err, &refusal) {
			return nil, fmt.Errorf("%w: %w", fleet.ErrRefused, refusal)
		}
		return nil, err
	}
	b := &bounded{Conn: raw}
	if deadline, ok := ctx.Deadline(); ok {
		if err := b.limit(deadline); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := d.secure(ctx, b, host); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	c := &conn{Conn: redigo.NewConn(b, 0, 0), raw: b}
	if err := d.authenticate(c, sentinel); err != nil {
		_ = c.Close() // nothing was sent that could be lost
		return nil, err
	}
	return c, nil
}

// secure begins TLS, or checks that a plain connection is one that the settings allow.
func (d *dialer) secure(ctx context.Context, b *bounded, host string) error {
	if d.settings.Plain() {
		peer, ok := b.RemoteAddr().(*net.TCPAddr)
		if !d.settings.Insecure && (!ok || !peer.IP.IsLoopback()) {
			return fmt.Errorf("%w: plain TCP off loopback, to %s", fleet.ErrRefused, b.RemoteAddr())
		}
		return nil
	}
	config, err := d.tls(host)
	if err != nil {
		return err
	}
	secured := tls.Client(b.Conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("%w: TLS failed: %w", fleet.ErrUnreachable, err)
	}
	b.Conn = secured
	return nil
}

// tls returns the configuration for a host. It reads the files each time, so certificates can be replaced.
func (d *dialer) tls(host string) (*tls.Config, error) {
	s := d.settings.TLS
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if s.MinVersion == "1.3" {
		config.MinVersion = tls.VersionTLS13
	}
	if s.ServerName != "" {
		config.ServerName = s.ServerName
	}
	if s.CAFile != "" {
		pem, err := readFile("tls.ca_file", s.CAFile, maxPEM)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, setting.Fault{Field: "tls.ca_file", Message: fmt.Sprintf("file %s contains no certificate", s.CAFile)}
		}
	}
	if s.CertFile == "" {
		return config, nil
	}
	cert, err := readFile("tls.cert_file", s.CertFile, maxPEM)
	if err != nil {
		return nil, err
	}
	key, err := readFile("tls.key_file", s.KeyFile, maxPEM)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, setting.Fault{Field: "tls.cert_file", Message: "tls.cert_file and tls.key_file must be a certificate and its key"}
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func readFile(field, path string, limit int64) ([]byte, error) {
	text, err := namedfile.Read(path, limit)
	if err != nil {
		err = fmt.Errorf("file %s %w", path, err)
		return nil, setting.Fault{Field: field, Code: setting.Unreadable, Message: err.Error(), Cause: err}
	}
	return text, nil
}

// credentials returns user and password, as they are at the moment.
func (d *dialer) credentials(sentinel bool) (user, password setting.Secret, err error) {
	s := d.settings
	names := [...]string{"username", "password"}
	sources := [...]setting.SecretSource{s.Username, s.Password}
	if sentinel {
		names = [...]string{"sentinel_username", "sentinel_password"}
		sources = [...]setting.SecretSource{s.SentinelUsername, s.SentinelPassword}
	}
	var out [2]setting.Secret
	for i, source := range sources {
		field := source.Key(names[i])
		switch {
		case source.File != "":
			text, err := readFile(field, source.File, maxSecret)
			if err != nil {
				return setting.Secret{}, setting.Secret{}, err
			}
			out[i] = setting.NewSecret(strings.TrimSpace(string(text)))
			if out[i].IsZero() {
				return setting.Secret{}, setting.Secret{}, setting.Fault{Field: field, Code: setting.Unreadable, Message: fmt.Sprintf("file %s is empty", source.File)}
			}
		case source.Env != "":
			text, _ := d.lookupEnv(source.Env)
			if out[i] = setting.NewSecret(strings.TrimSpace(text)); out[i].IsZero() {
				return setting.Secret{}, setting.Secret{}, setting.Fault{
					Field: field, Code: setting.Unreadable, Message: fmt.Sprintf("environment variable %s is not set", source.Env),
				}
			}
		default:
			out[i] = source.Text
		}
	}
	return out[0], out[1], nil
}

func (d *dialer) authenticate(c *conn, sentinel bool) error {
	user, password, err := d.credentials(sentinel)
	if err != nil || password.IsZero() {
		return err
	}
	args := []any{password.Reveal()}
	if !user.IsZero() {
		args = []any{user.Reveal(), password.Reveal()}
	}
	_, err = c.Do("AUTH", args...)
	return failure(err)
}

// timedOut is the error of a call whose context ended.
func timedOut(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err()
	}
	return err
}
