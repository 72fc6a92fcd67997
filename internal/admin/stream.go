package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/listen"
)

// The pace of streams.
const (
	streamLook  = time.Second      // how late an alert without an announcement can be
	streamBeat  = 15 * time.Second // a comment, so that both sides notice a broken connection
	streamBatch = 100
)

// stream is a response of server-sent events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// openStream starts a stream unless too many are open. The caller must call done at its end.
func (c *call) openStream() (s *stream, done func(), err error) {
	select {
	case c.api.streams <- struct{}{}:
	default:
		c.w.Header().Set("Retry-After", "5")
		return nil, nil, problem(http.StatusServiceUnavailable, "too many streams: the limit is %d", maxStreams)
	}
	done = func() { <-c.api.streams }
	s = &stream{c.w, http.NewResponseController(c.w)}
	// The server's timeout for reading a request would end the stream.
	if err := s.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		done()
		return nil, nil, err
	}
	c.w.Header().Set("Content-Type", "text/event-stream")
	// nginx would keep events until its buffer is full.
	c.w.Header().Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	return s, done, nil
}

// send writes events. It fails if the client does not read them within the timeout of a response.
func (s *stream) send(text []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(listen.WriteTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(text); err != nil {
		return err
	}
	return s.control.Flush()
}

// appendEvent appends one event. data is JSON, on one line.
func appendEvent(dst []byte, id, name string, data []byte) []byte {
	if id != "" {
		dst = fmt.Appendf(dst, "id: %s\n", id)
	}
	dst = fmt.Appendf(dst, "event: %s\ndata: ", name)
	dst = append(dst, data...)
	return append(dst, "\n\n"...)
}

// streamAlerts sends alerts when they are stored. A client that reconnects with the number of its last alert misses none that is still stored. An event "gap"
// reports that some are not.
func streamAlerts(c *call) (any, error) {
	after, err := c.number("after")
	if err != nil {
		return nil, err
	}
	if last := c.r.Header.Get("Last-Event-ID"); last != "" {
		if after, err = strconv.ParseInt(last, 10, 64); err != nil || after < 0 {
			return nil, problem(http.StatusBadRequest, "Last-Event-ID %s: must be the number of an alert", quoted(last))
		}
	}
	begin, err := c.p.Store().Alerts(c.r.Context(), 0, 1)
	if err != nil {
		return nil, err
	}
	gap := false
	if after == 0 && len(begin) > 0 {
		after = begin[0].Seq
	} else if after > 0 {
		oldest, err := c.p.Store().AlertsAfter(c.r.Context(), 0, 1)
		if err != nil {
			return nil, err
		}
		gap = len(oldest) > 0 && after < oldest[0].Seq-1
	}
	// Before the first look at the store, so that an alert in between is announced.
	news, unsubscribe := c.p.SubscribeAlerts()
	defer unsubscribe()
	s, done, err := c.openStream()
	if err != nil {
		return nil, err
	}
	defer done()
	hello := []byte("retry: 1000\n\n: here\n\n")
	if gap {
		hello = appendEvent(hello, "", "gap", []byte(`{"detail":"some alerts are no longer stored"}`))
	}
	if s.send(hello) != nil {
		return nil, errAnswered
	}
	look, beat := time.NewTicker(streamLook), time.NewTicker(streamBeat)
	defer look.Stop()
	defer beat.Stop()
	for {
		for {
			page, err := c.p.Store().AlertsAfter(c.r.Context(), after, streamBatch)
			if err != nil {
				break // the store failed, which the next look may mend, or the request ended
			}
			var text []byte
			for i := range page {
				// Also for a damaged alert, or the stream would read it again and again.
				after = page[i].Seq
				if json.Valid(page[i].Payload) {
					text = appendEvent(text, strconv.FormatInt(after, 10), "alert", page[i].Payload)
				}
			}
			if len(text) > 0 && s.send(text) != nil {
				return nil, errAnswered
			}
			if len(page) < streamBatch {
				break
			}
		}
		select {
		case <-c.r.Context().Done():
			return nil, errAnswered
		case <-news:
		case <-look.C:
		case <-beat.C:
			if s.send([]byte(": still here\n\n")) != nil {
				return nil, errAnswered
			}
		}
	}
}
