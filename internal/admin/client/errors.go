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
)

// Unreachable says that nothing answered, and what may help.
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

// unreachable explains a request that failed without an answer. The end of ctx stays what it is.
func (c *Client) unreachable(ctx context.Context, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // it repeats the address
	}
	if cause := ctx.Err(); cause != nil && errors.Is(cause, context.Canceled) {
		return cause
	}
	e := &Unreachable{URL: c.options.URL, Err: err}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist):
		e.Hint = "is it running, and does its [admin] listen there? --url says another place"
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "this user may not open that socket"
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = errors.New("no answer in time")
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		e.Hint = "it speaks http://"
	case strings.Contains(err.Error(), "x509:"):
		e.Hint = "--ca-file names the certificates to check it against"
	case strings.Contains(err.Error(), "malformed HTTP response"):
		e.Hint = "it may speak https://"
	}
	return e
}

// Problem is a response outside 2xx. Its fields are empty where the server did not send problem details (RFC 9457).
type Problem struct {
	adminapi.Problem
	hint string
}

// Error returns the detail, the errors behind it on lines of their own, and a hint.
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

// wantsTLS begins what net/http answers to a request without TLS where it speaks TLS.
const wantsTLS = "Client sent an HTTP request to an HTTPS server"

// problemOf reads the beginning of a bad answer.
func (c *Client) problemOf(resp *http.Response) error {
	p, withToken := &Problem{}, c.options.Token != ""
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what came is told
	if resp.StatusCode == http.StatusBadRequest && c.base.Scheme == "http" && strings.HasPrefix(string(text), wantsTLS) {
		return &Unreachable{URL: c.options.URL, Err: errors.New("the address speaks TLS"), Hint: "call it by https://" + c.base.Host + c.base.Path}
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "application/problem+json" || kind == "application/json" {
		if json.Unmarshal(text, &p.Problem) != nil {
			p = &Problem{}
		}
	}
	p.Status = resp.StatusCode
	if p.Title == "" && p.Detail == "" {
		p.Title = fmt.Sprintf("the answer was %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
		if kind == "text/plain" {
			p.Detail = p.Title + ": " + firstLine(string(text))
		}
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized && withToken:
		p.hint = "the token is not the one that it wants"
	case resp.StatusCode == http.StatusUnauthorized:
		p.hint = "give the token with --token-file FILE or in FLUENTBIT_TRIGGER_TOKEN, or run this as the user, and in the container, that the instance runs in"
	case resp.StatusCode/100 == 3:
		p.Detail = p.Title + ": this is no fluentbit-trigger"
	}
	return p
}

func firstLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}
