// Package client calls the admin API of a running instance, plugin or standalone, over TCP or a unix socket.
//
// Errors suggest a fix: *Unreachable if there was no response, *Problem for a response outside 2xx. No error contains the token.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// DefaultURL is the default address of the standalone program.
const DefaultURL = "http://127.0.0.1:2021"

// maxAnswer bounds the body of a response in bytes.
const maxAnswer = 64 << 20

// maxPEM bounds a certificate file in bytes.
const maxPEM = 4 << 20

// Options configure a Client.
type Options struct {
	URL      string // http://, https:// or unix:///path/of/socket; DefaultURL when empty
	Token    string // the bearer token; "": none
	Instance string // the instance; "": the only one
	CAFile   string // PEM file with CA certificates for https://; "": those of the system
	Agent    string // the User-Agent header
	Timeout  time.Duration
}

// Client calls one listener. It is safe for concurrent use.
type Client struct {
	options Options
	base    *url.URL
	http    *http.Client
}

// New checks the options. It does not connect.
func New(o Options) (*Client, error) {
	if o.URL == "" {
		o.URL = DefaultURL
	}
	if strings.ContainsAny(o.Token, "\r\n") {
		return nil, errors.New("the token must be one line")
	}
	base, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("url %q: %w", o.URL, errors.Unwrap(err))
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("url: must not contain a user, a query or a fragment; use --token-file or the environment for the token")
	}
	transport := &http.Transport{
		Proxy: nil, MaxIdleConns: 4, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: 1 << 16,
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	transport.DialContext = dialer.DialContext
	switch {
	case base.Scheme == "unix" && base.Host == "" && filepath.IsAbs(base.Path):
		socket := base.Path
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
		base = &url.URL{Scheme: "http", Host: "localhost"}
	case base.Scheme == "unix":
		return nil, fmt.Errorf("url %q: must be unix:// and an absolute path, such as unix:///run/fluentbit-trigger.sock", o.URL)
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return nil, fmt.Errorf("url %q: must be http://HOST:PORT, https://HOST:PORT or unix:///PATH", o.URL)
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	if o.CAFile != "" {
		pem, err := namedfile.Read(o.CAFile, maxPEM)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.CAFile, err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: contains no PEM certificate", o.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &Client{options: o, base: base, http: &http.Client{
		Transport: transport,
		// Our listener never redirects API calls, and no other server may receive the token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Request is one call. Only Path is required.
type Request struct {
	Method     string // GET when empty
	Path       string // with escaped segments; see the function Path
	Query      url.Values
	Body       any    // encoded as JSON
	Match      string // the header If-Match
	Everywhere bool   // it takes no instance
	Patch      bool   // the body is a JSON merge patch (RFC 7396)
}

// Answer is a successful response.
type Answer struct {
	Status int
	ETag   string
	Body   []byte
}

// Path escapes and joins segments.
func Path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// Do makes one call and decodes the JSON of a successful response into out, unless out is nil.
func (c *Client) Do(ctx context.Context, r Request, out any) (Answer, error) {
	if c.options.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.options.Timeout)
		defer cancel()
	}
	resp, err := c.send(ctx, r, "application/json", "")
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or is of no use
	body, err := namedfile.ReadAll(resp.Body, maxAnswer)
	switch {
	case errors.Is(err, namedfile.ErrTooLong):
		return Answer{}, fmt.Errorf("the response from %s %w", c.options.URL, err)
	case err != nil:
		return Answer{}, fmt.Errorf("incomplete response from %s: %w", c.options.URL, err)
	}
	answer := Answer{Status: resp.StatusCode, ETag: resp.Header.Get("ETag"), Body: body}
	if out == nil || len(body) == 0 {
		return answer, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return answer, fmt.Errorf("unexpected response from %s, which may be another version of fluentbit-trigger: %w", c.options.URL, err)
	}
	return answer, nil
}

// send sends a request and returns a successful response. The caller must close its body.
func (c *Client) send(ctx context.Context, r Request, accept, lastID string) (*http.Response, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	query := url.Values{}
	for key, values := range r.Query {
		query[key] = values
	}
	if c.options.Instance != "" && !r.Everywhere {
		query.Set("instance", c.options.Instance)
	}
	address := c.base.String() + r.Path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var body io.Reader
	if r.Body != nil {
		text, err := json.Marshal(r.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, address, body)
	if err != nil {
		return nil, err
	}
	set := func(key, value string) {
		if value != "" {
			req.Header.Set(key, value)
		}
	}
	set("Accept", accept)
	set("User-Agent", c.options.Agent)
	set("If-Match", r.Match)
	set("Last-Event-ID", lastID)
	if r.Body != nil {
		set("Content-Type", "application/json")
		if r.Patch {
			set("Content-Type", "application/merge-patch+json")
		}
	}
	if c.options.Token != "" {
		set("Authorization", "Bearer "+c.options.Token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer func() { _ = resp.Body.Close() }() // only its beginning is read
		return nil, c.problemOf(resp)
	}
	return resp, nil
}
