package listen

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

const maxPEM = 1 << 20

// certificate is a certificate and its key, read from two files and again when they change. If the new files do not match, the old pair stays in use.
type certificate struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger

	mu        sync.Mutex
	looked    time.Time
	cert, key []byte
	pair      *tls.Certificate
}

func newCertificate(certFile, keyFile string, now func() time.Time, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, now: now, log: log, looked: now()}
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// read loads the files if they changed.
func (c *certificate) read() error {
	cert, err := namedfile.Read(c.certFile, maxPEM)
	if err != nil {
		return setting.Fault{Field: "cert_file", Value: c.certFile, Code: setting.Unreadable, Message: err.Error(), Cause: err}
	}
	key, err := namedfile.Read(c.keyFile, maxPEM)
	if err != nil {
		return setting.Fault{Field: "key_file", Value: c.keyFile, Code: setting.Unreadable, Message: err.Error(), Cause: err}
	}
	if c.pair != nil && bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return setting.Fault{Field: "cert_file", Value: c.certFile, Message: fmt.Sprintf("does not match key_file %s: %v", c.keyFile, err)}
	}
	c.cert, c.key, c.pair = cert, key, &pair
	return nil
}

// get implements tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= lookEvery || now.Before(c.looked) {
		c.looked = now
		if err := c.read(); err != nil {
			c.log.Error("admin API keeps its old certificate: cannot load the new one", "error", err)
		}
	}
	return c.pair, nil
}
