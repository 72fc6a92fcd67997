package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"time"
)

// Event is one event of a stream.
type Event struct {
	ID   string
	Name string // "message" if the server sent none
	Data []byte // valid until the callback returns
}

// maxEvent bounds one event in bytes.
const maxEvent = 1 << 20

// errEvent is the error of an event longer than maxEvent.
var errEvent = fmt.Errorf("an event of the stream is longer than %d KiB", maxEvent>>10)

// Stream reads server-sent events and calls fn for each, until ctx ends or fn returns an error. When the connection ends, it reconnects after a second, or
// after the time the server requested, and continues after the last event with an ID. Failing to connect at first is an error, as is a 4xx response at any time.
func (c *Client) Stream(ctx context.Context, r Request, fn func(Event) error) error {
	s := &stream{retry: time.Second, fn: fn}
	for first := true; ; first = false {
		err := c.stream(ctx, r, s)
		var problem *Problem
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case s.failed != nil:
			return s.failed
		case errors.As(err, &problem) && problem.Status < 500, first && s.events == 0 && err != nil, errors.Is(err, errEvent):
			return err
		}
		wait := time.NewTimer(s.retry)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
	}
}

// stream is the state that outlives a connection.
type stream struct {
	lastID string
	retry  time.Duration
	events int
	failed error // the error of fn
	fn     func(Event) error
}

// stream reads one connection to its end.
func (c *Client) stream(ctx context.Context, r Request, s *stream) error {
	resp, err := c.send(ctx, r, "text/event-stream", s.lastID)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // the rest is of no use
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/event-stream" {
		return fmt.Errorf("unexpected response from %s: %q instead of events, is it fluentbit-trigger?", c.options.URL, kind)
	}
	return s.read(resp.Body)
}

// read parses the lines of https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream.
func (s *stream) read(from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 1<<12), maxEvent)
	e := Event{}
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if err := s.dispatch(&e); err != nil {
				return err
			}
		case field == "data":
			if len(e.Data)+len(value) >= maxEvent {
				return errEvent
			}
			e.Data = append(append(e.Data, value...), '\n')
		case field == "event":
			e.Name = value
		case field == "id" && !strings.ContainsRune(value, 0):
			e.ID = value
		case field == "retry":
			if ms, err := time.ParseDuration(value + "ms"); err == nil && ms > 0 && ms <= time.Minute {
				s.retry = ms
			}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return errEvent
	}
	return lines.Err()
}

// dispatch passes an event to fn and clears it.
func (s *stream) dispatch(e *Event) error {
	if e.ID != "" {
		s.lastID = e.ID
	}
	done := *e
	*e = Event{}
	if len(done.Data) == 0 {
		return nil
	}
	done.Data = done.Data[:len(done.Data)-1]
	if done.Name == "" {
		done.Name = "message"
	}
	s.events++
	s.failed = s.fn(done)
	return s.failed
}
