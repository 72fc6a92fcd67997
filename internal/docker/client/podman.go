package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	sdk "github.com/docker/docker/client"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// podmanVersion returns the version of Podman's own API, or "" for another engine. It caches the
// version; Info requests it again, because the engine may have been replaced.
func (c *Client) podmanVersion(ctx context.Context) (string, error) {
	if known := c.podman.Load(); known != nil {
		return *known, nil
	}
	return c.askPodmanVersion(ctx)
}

// askPodmanVersion requests the version. If a proxy denies the request, the engine counts as Docker.
func (c *Client) askPodmanVersion(ctx context.Context) (string, error) {
	v, err := c.sdk.ServerVersion(ctx)
	if err != nil && !errdefs.IsPermissionDenied(err) && !errdefs.IsNotFound(err) {
		return "", translate(err)
	}
	version := ""
	for _, part := range v.Components {
		if part.Name == "Podman Engine" {
			version = part.Version
			if own := part.Details["APIVersion"]; own != "" {
				version = own
			}
		}
	}
	c.podman.Store(&version)
	return version, nil
}

// maxRefusal bounds the response to a failed request.
const maxRefusal = 64 << 10

// podmanLogs opens a log through Podman's own API, which frames the log of a terminal as well. Docker's API inserts time stamps at unmarked positions in the
// middle of such lines. podmanLogs always reads the whole log, for two reasons: Podman 4 counts wrongly from the end, because it joins the parts of a line to
// the line before them, and every version first counts and then follows from the end of the file, so that it skips the records written in between.
func (c *Client) podmanLogs(ctx context.Context, version, id string, o container.LogsOptions) (io.ReadCloser, error) {
	if o.Follow {
		// Podman 4 ends a follow of an ended container before it has read the log.
		i, err := c.sdk.ContainerInspect(ctx, id)
		if err != nil {
			return nil, translate(err)
		}
		o.Follow = i.ContainerJSONBase != nil && i.State != nil && i.State.Running
	}
	skip := 0
	if tail, err := strconv.Atoi(o.Tail); err == nil {
		body, err := c.podmanStream(ctx, version, id, container.LogsOptions{Since: o.Since})
		if err != nil {
			return nil, err
		}
		records, err := countRecords(body)
		_ = body.Close() // it was read only
		if err != nil {
			return nil, fmt.Errorf("container %s: %w", id, err)
		}
		skip = records - tail
	}
	body, err := c.podmanStream(ctx, version, id, container.LogsOptions{Since: o.Since, Follow: o.Follow})
	if err != nil {
		return nil, err
	}
	return &stamped{Closer: body, in: bufio.NewReader(body), skip: skip, hash: fnv.New64a(), seen: map[uint64]int{}}, nil
}

// countRecords counts the records of a framed log.
func countRecords(log io.Reader) (n int, err error) {
	in := bufio.NewReader(log)
	for ; ; n++ {
		var header [8]byte
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return n, ended(err)
		}
		if _, err := io.CopyN(io.Discard, in, int64(binary.BigEndian.Uint32(header[4:]))); err != nil {
			return n, ended(err)
		}
	}
}

// ended returns nil for the end of a log, even in the middle of an unfinished record.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// stamped is a framed log with distinct times. Podman's times are whole seconds, so equal records of one second would be indistinguishable: stamped adds a
// nanosecond to the second one, two to the third, and so on. Since reading starts at the beginning of a second, a record gets the same time in every read.
type stamped struct {
	io.Closer
	in     *bufio.Reader
	skip   int // records to leave out
	record []byte
	rest   []byte // of record, not yet read
	hash   hash.Hash64
	second []byte         // of the last record
	seen   map[uint64]int // the records of that second, by hash
}

// maxRecord bounds a frame. Podman's frames have 8 KiB, or with journald the size of an entry.
const maxRecord = 16 << 20

// Read reads the next bytes of the log.
func (s *stamped) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
		if s.skip > 0 {
			s.skip, s.rest = s.skip-1, nil
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// next reads a record and completes its time stamp.
func (s *stamped) next() error {
	const header, digits = 8, len(".000000000")
	s.record = append(s.record[:0], make([]byte, header+digits)...)
	if _, err := io.ReadFull(s.in, s.record[:header]); err != nil {
		return err
	}
	size := int(binary.BigEndian.Uint32(s.record[4:header]))
	if size > maxRecord {
		return fmt.Errorf("a record of %d bytes, at most %d are allowed", size, maxRecord)
	}
	s.record = slices.Grow(s.record, size)[:header+digits+size]
	payload := s.record[header+digits:]
	if _, err := io.ReadFull(s.in, payload); err != nil {
		return err
	}
	seconds := len("2006-01-02T15:04:05")
	if size <= seconds || payload[seconds] == '.' || payload[seconds] == ' ' { // a fraction, or no time stamp
		s.rest = append(s.record[:header], payload...)
		return nil
	}
	if !bytes.Equal(s.second, payload[:seconds]) {
		s.second = append(s.second[:0], payload[:seconds]...)
		clear(s.seen)
	}
	s.hash.Reset()
	_, _ = s.hash.Write(s.record[:1]) // the stream; writing to a hash never fails
	_, _ = s.hash.Write(payload[seconds:])
	sum := s.hash.Sum64()
	copy(s.record[header:], payload[:seconds])
	fraction := strconv.AppendInt(nil, int64(1e9+s.seen[sum]), 10)
	fraction[0] = '.'
	copy(s.record[header+seconds:], fraction)
	s.seen[sum]++
	binary.BigEndian.PutUint32(s.record[4:header], uint32(size+digits))
	s.rest = s.record
	return nil
}

// podmanStream sends the request.
func (c *Client) podmanStream(ctx context.Context, version, id string, o container.LogsOptions) (io.ReadCloser, error) {
	query := url.Values{"stdout": {"true"}, "stderr": {"true"}, "timestamps": {"true"}, "follow": {fmt.Sprint(o.Follow)}, "tail": {"all"}}
	if o.Since != "" {
		query.Set("since", o.Since)
	}
	base := url.URL{Scheme: "http", Host: "podman"} // the transport connects to the socket
	if host, err := sdk.ParseHostURL(c.sdk.DaemonHost()); err == nil && host.Scheme != "unix" && host.Scheme != "npipe" {
		base.Host, base.Path = host.Host, strings.TrimSuffix(host.Path, "/")
		if t, ok := c.sdk.HTTPClient().Transport.(*http.Transport); ok && t.TLSClientConfig != nil {
			base.Scheme = "https"
		}
	}
	base.Path += "/v" + version + "/libpod/containers/" + id + "/logs"
	base.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", id, err)
	}
	response, err := c.sdk.HTTPClient().Do(request)
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", id, err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer func() { _ = response.Body.Close() }() // it was read only
	var refusal struct{ Cause, Message string }
	if err := json.NewDecoder(io.LimitReader(response.Body, maxRefusal)).Decode(&refusal); err != nil {
		refusal.Message = "no reason given"
	}
	err = fmt.Errorf("container %s: status %d: %.1000s", id, response.StatusCode, refusal.Message)
	switch {
	case response.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%w: %w", docker.ErrNotFound, err)
	case response.StatusCode == http.StatusConflict:
		return nil, fmt.Errorf("%w: %w", docker.ErrDead, err)
	case refusal.Cause == "this container is not logging output", // the drivers none and passthrough
		strings.Contains(refusal.Message, "without the journald --events-backend"):
		return nil, fmt.Errorf("%w: %w", docker.ErrUnreadable, err)
	}
	return nil, err
}
