package dockertest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// stream is one request for logs.
type stream struct {
	c    *Container
	next int // the record to send next; guarded by the daemon's lock
	cut  bool
}

// logs answers a request for logs.
func (d *Daemon) logs(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	d.mu.Lock()
	d.requests = append(d.requests, r.URL.RawQuery)
	c, faults := d.containers[r.PathValue("id")], d.faults
	dead := c != nil && c.dead
	// Podman 4 counts parts as lines when it counts from the end, and it ends a follow of an ended container too early.
	podman, mixes := d.podman, d.podman && strings.HasPrefix(d.version, "4.")
	d.mu.Unlock()
	if c == nil {
		missing(w, r.PathValue("id"))
		return
	}
	if podman && (c.Driver == "none" || c.Driver == "passthrough") {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprint(w, `{"cause":"this container is not logging output","message":"failed to obtain logs","response":500}`)
		return
	}
	if c.Driver == "none" {
		refuse(w, http.StatusNotImplemented, "configured logging driver does not support reading")
		return
	}
	if dead {
		refuse(w, http.StatusConflict, "can not get logs from container which is dead or marked for removal")
		return
	}
	tail, isTail := query.Get("tail"), query.Get("tail") != "all"
	if isTail && faults.HangTail || !isTail && faults.HangSince {
		<-r.Context().Done()
		return
	}
	context.AfterFunc(r.Context(), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.changed.Broadcast()
	})
	s := &stream{c: c}
	d.mu.Lock()
	if isTail {
		n, _ := strconv.Atoi(tail)
		s.next = max(len(c.records)-n, 0)
	}
	follow := isTrue(query.Get("follow")) && c.running
	if follow {
		d.streams[s] = true
	}
	existing := len(c.records)
	if mixes && !c.running && isTrue(query.Get("follow")) {
		existing /= 2
	}
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.streams, s)
	}()
	out := &writer{w: w, chop: faults.Chop, sent: &d.sent, form: "2006-01-02T15:04:05.000000000Z07:00"}
	if podman {
		out.form = time.RFC3339
	}
	for sent, since := 0, parseSince(query.Get("since")); ; {
		e, ok := d.await(r.Context(), s, follow, existing)
		if !ok && e.corrupt && faults.SendCorrupt {
			_ = out.send(entry{stream: 3, payload: "Error grabbing logs: unexpected end of JSON input\n"}, c.TTY, false) // the client is gone, or it is not
		}
		if !ok {
			return
		}
		if e.time.UnixNano() < since {
			continue
		}
		if !faults.OldSince {
			since = 0
		}
		if mixes && isTail && !strings.HasSuffix(e.payload, "\n") {
			e.payload += "\n"
		}
		if out.send(e, c.TTY && !strings.HasPrefix(r.URL.Path, "/libpod/"), isTrue(query.Get("timestamps"))) != nil {
			return
		}
		if sent++; follow && faults.CutEvery > 0 && sent >= faults.CutEvery {
			return
		}
	}
}

// await waits for the next record of a stream. ok is false at the end of the stream. existing is the number of records at its start: a stream that does not
// follow gets no more.
func (d *Daemon) await(ctx context.Context, s *stream, follow bool, existing int) (e entry, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		if s.next < len(s.c.records) && s.c.records[s.next].corrupt && follow && s.c.running && d.faults.SkipCorrupt {
			s.next = len(s.c.records)
			d.passed++
		}
		deaf := d.faults.Deaf && s.next >= existing || follow && s.next < len(s.c.records) && s.c.records[s.next].corrupt && d.faults.HangCorrupt
		switch {
		case ctx.Err() != nil || s.cut || d.down:
			return entry{}, false
		case s.next < len(s.c.records) && !deaf && (follow || s.next < existing):
			s.next++
			e := s.c.records[s.next-1]
			return e, !e.corrupt
		case !follow || !s.c.running:
			return entry{}, false
		}
		d.changed.Wait()
	}
}

// isTrue parses a boolean parameter in the form of Docker's or Podman's clients.
func isTrue(text string) bool {
	on, err := strconv.ParseBool(text)
	return err == nil && on
}

// parseSince parses SECONDS.NANOSECONDS.
func parseSince(text string) int64 {
	if text == "" {
		return 0
	}
	seconds, fraction, _ := strings.Cut(text, ".")
	s, _ := strconv.ParseInt(seconds, 10, 64)
	n, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	return s*1e9 + n
}

// writer writes records in the engine's format.
type writer struct {
	w    http.ResponseWriter
	chop int
	sent *atomic.Int64
	form string // of time stamps
}

func (o *writer) send(e entry, tty, stamps bool) error {
	payload := e.payload
	if stamps {
		payload = e.time.Format(o.form) + " " + payload
	}
	bytes := []byte(payload)
	if !tty {
		header := [8]byte{e.stream}
		binary.BigEndian.PutUint32(header[4:], uint32(len(payload)))
		bytes = append(header[:], bytes...)
	}
	size := o.chop
	if size == 0 {
		size = len(bytes)
	}
	for len(bytes) > 0 {
		n := min(size, len(bytes))
		if _, err := o.w.Write(bytes[:n]); err != nil {
			return err
		}
		if err := http.NewResponseController(o.w).Flush(); err != nil {
			return fmt.Errorf("flush: %w", err)
		}
		o.sent.Add(int64(n))
		bytes = bytes[n:]
	}
	return nil
}

// sendEvents answers a request for events.
func (d *Daemon) sendEvents(w http.ResponseWriter, r *http.Request) {
	events := make(chan event, 512)
	since := parseSince(r.URL.Query().Get("since"))
	d.mu.Lock()
	for _, e := range d.history {
		if since > 0 && e.TimeNano >= since {
			events <- e
		}
	}
	d.listeners[events] = true
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.listeners, events)
	}()
	w.Header().Set("Content-Type", "application/json")
	flush := http.NewResponseController(w).Flush
	if flush() != nil {
		return
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case e := <-events:
			if json.NewEncoder(w).Encode(e) != nil || flush() != nil {
				return
			}
		case <-tick.C:
			d.mu.Lock()
			down := d.down
			d.mu.Unlock()
			if down {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
