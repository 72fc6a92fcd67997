package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// Bounds of an answer.
const (
	maxAnswer       = 4 << 10
	maxAnswerHeader = 64 << 10
	headerTimeout   = 10 * time.Second
	handshakeLimit  = 10 * time.Second
)

// maxPEM bounds a file of certificates, in bytes. A file of all public authorities has about 256 KiB.
const maxPEM = 4 << 20

// newTransport returns the transport of one trigger. All dials go through the guard. It ignores proxies from the environment, and does not ask
// for compression, so that a small answer cannot expand into a large one.
func newTransport(s *trigger.Settings, c *credentials, g *egress.Guard, secured *tls.Config) *http.Transport {
	t := &http.Transport{
		DialContext:            g.DialContext,
		TLSClientConfig:        secured,
		TLSHandshakeTimeout:    handshakeLimit,
		MaxResponseHeaderBytes: maxAnswerHeader,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		// No more attempts run at a time, so more connections would only stay open.
		MaxConnsPerHost:     max(1, s.Concurrency),
		MaxIdleConns:        max(1, s.Concurrency),
		MaxIdleConnsPerHost: max(1, s.Concurrency),
		IdleConnTimeout:     30 * time.Second,
		WriteBufferSize:     4 << 10,
		ReadBufferSize:      4 << 10,
	}
	if s.Timeout > headerTimeout { // otherwise the timeout of the request ends the wait
		t.ResponseHeaderTimeout = headerTimeout
	}
	if c.proxy != nil {
		t.Proxy = http.ProxyURL(c.proxy)
	}
	return t
}

// timedTransport ends a request, its answer included, after a timeout. It does so with a timer alone, where http.Client.Timeout copies the request.
type timedTransport struct {
	*http.Transport
	timeout time.Duration
}

// RoundTrip implements http.RoundTripper.
func (t *timedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(request.Context(), t.timeout)
	answer, err := t.Transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	answer.Body = &timedBody{answer.Body, cancel}
	return answer, nil
}

// timedBody is an answer whose timer stops when it is closed.
type timedBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close implements io.Closer.
func (b *timedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// tlsConfig returns the TLS configuration. It reads the files that the settings name.
func tlsConfig(s trigger.TLS) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	if s.MinVersion == "1.3" {
		config.MinVersion = tls.VersionTLS13
	}
	if s.CAFile != "" {
		pem, err := readPEM(s.CAFile)
		if err != nil {
			return nil, setting.Fault{Field: "tls.ca_file", Code: setting.Unreadable, Message: err.Error(), Cause: err}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, setting.Fault{Field: "tls.ca_file", Message: fmt.Sprintf("file %s contains no certificate", s.CAFile)}
		}
	}
	if s.CertFile == "" {
		return config, nil
	}
	cert, err := readPEM(s.CertFile)
	if err != nil {
		return nil, setting.Fault{Field: "tls.cert_file", Code: setting.Unreadable, Message: err.Error(), Cause: err}
	}
	key, err := readPEM(s.KeyFile)
	if err != nil {
		return nil, setting.Fault{Field: "tls.key_file", Code: setting.Unreadable, Message: err.Error(), Cause: err}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, setting.Fault{Field: "tls.cert_file", Message: "tls.cert_file and tls.key_file must be a certificate and its key"}
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func readPEM(file string) ([]byte, error) {
	text, err := namedfile.Read(file, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("file %s %w", file, err)
	}
	return text, nil
}
