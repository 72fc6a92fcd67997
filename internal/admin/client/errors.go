package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Unreachable means that there was no response. Hint suggests a fix.
type Unreachable struct {
	URL  string
	Hint string
	Err  error
}

func (e *Unreachable) Error() string {
	text := fmt.Sprintf("cannot reach %s: %v", e.URL, e.Err)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

func (e *Unreachable) Unwrap() error { return e.Err }

// unreachable converts the error of a request without a response. If ctx was cancelled, it returns the cause.
func (c *Client) unreachable(ctx context.Context, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // its text repeats the address
	}
	if cause := ctx.Err(); cause != nil && errors.Is(cause, context.Canceled) {
		return cause
	}
	e := &Unreachable{URL: c.options.URL, Err: err}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist):
		e.Hint = "is it running, and is this the address in [admin] listen? Use --url for another address"
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "this user may not open the socket"
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = errors.New("timeout")
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		e.Hint = "use http://"
	case strings.Contains(err.Error(), "x509:"):
		e.Hint = "use --ca-file for the CA certificates of the server"
	case strings.Contains(err.Error(), "malformed HTTP response"):
		e.Hint = "try https://"
	}
	return e
}

// Problem is a response outside 2xx. Its fields are empty where the server did not send problem details (RFC 9457).
type Problem struct {
	adminapi.Problem
	hint string
}

// Error returns the detail, the single errors on lines of their own, and a hint.
func (p *Problem) Error() string {
	text := p.Title
	if p.Detail != "" {
		text = p.Detail
	}
	for _, e := range p.Errors {
		if strings.Contains(p.Detail, e.Detail) { // the detail of a single error repeats it
			continue
		}
		text += "\n  "
		if e.Field != "" && !strings.Contains(e.Detail, e.Field) {
			text += e.Field + ": "
		}
		text += e.Detail
		if e.Hint != "" {
			text += " (" + e.Hint + ")"
		}
	}
	if p.hint != "" {
		text += "; " + p.hint
	}
	return text
}

// plainToTLS is the beginning of the response of net/http to a request without TLS on a TLS port.
const plainToTLS = "Client sent an HTTP request to an HTTPS server"

// problemOf converts a response outside 2xx.
func (c *Client) problemOf(resp *http.Response) error {
	p, withToken := &Problem{}, c.options.Token != ""
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // a partial body is better than none
	if resp.StatusCode == http.StatusBadRequest && c.base.Scheme == "http" && strings.HasPrefix(string(text), plainToTLS) {
		return &Unreachable{URL: c.options.URL, Err: errors.New("the server requires TLS"), Hint: "use https://" + c.base.Host + c.base.Path}
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "application/problem+json" || kind == "application/json" {
		if json.Unmarshal(text, &p.Problem) != nil {
			p = &Problem{}
		}
	}
	p.Status = resp.StatusCode
	if p.Title == "" && p.Detail == "" {
		p.Title = fmt.Sprintf("unexpected response: %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
		if kind == "text/plain" {
			p.Detail = p.Title + ": " + firstLine(string(text))
		}
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized && withToken:
		p.hint = "the token is not valid for this instance"
	case resp.StatusCode == http.StatusUnauthorized:
		p.hint = "use --token-file or FLUENTBIT_TRIGGER_TOKEN, or run the command as the same user and in the same container as the instance"
	case resp.StatusCode/100 == 3:
		p.Detail = p.Title + ": this is not fluentbit-trigger"
	}
	return p
}

func firstLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return safetext.Shorten(text, 200)
}
