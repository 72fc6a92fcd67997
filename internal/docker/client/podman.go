package client

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	sdk "github.com/docker/docker/client"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// podmanVersion returns the version of Podman's own API, or "" for another engine. It asks once, and again after each Info. An engine whose proxy
// refuses to answer is taken for Docker.
func (c *Client) podmanVersion(ctx context.Context) (string, error) {
	if known := c.podman.Load(); known != nil {
		return *known, nil
	}
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

// maxRefusal bounds the answer to a request that failed.
const maxRefusal = 64 << 10

// podmanLogs opens a log through Podman's own API, which puts the log of a terminal in frames as well. Through Docker's, time stamps stand in the middle of
// its lines, at places that nothing shows.
func (c *Client) podmanLogs(ctx context.Context, version, id string, o container.LogsOptions) (io.ReadCloser, error) {
	tail, err := strconv.Atoi(o.Tail)
	all := err != nil
	if before5(version) && o.Follow {
		// Such a version ends a follow of a container that has ended before it has read the log.
		i, err := c.sdk.ContainerInspect(ctx, id)
		if err != nil {
			return nil, translate(err)
		}
		o.Follow = i.ContainerJSONBase != nil && i.State != nil && i.State.Running
	}
	if all || !before5(version) {
		return c.podmanStream(ctx, version, id, o)
	}
	// Nor can it count from the end: it joins the parts of a line to the line before them.
	whole := container.LogsOptions{Tail: "all", Since: o.Since}
	body, err := c.podmanStream(ctx, version, id, whole)
	if err != nil {
		return nil, err
	}
	records, err := skipRecords(body, math.MaxInt)
	_ = body.Close() // it was read only
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("container %s: %w", id, err)
	}
	whole.Follow = o.Follow
	if body, err = c.podmanStream(ctx, version, id, whole); err != nil {
		return nil, err
	}
	return &skipping{ReadCloser: body, records: records - tail}, nil
}

// before5 reports whether a version of Podman's is older than 5.
func before5(version string) bool {
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n < 5
}

// skipRecords reads so many records of a log in frames, and returns how many it read.
func skipRecords(log io.Reader, number int) (n int, err error) {
	for ; n < number; n++ {
		var header [8]byte
		if _, err := io.ReadFull(log, header[:]); err != nil {
			return n, err
		}
		if _, err := io.CopyN(io.Discard, log, int64(binary.BigEndian.Uint32(header[4:]))); err != nil {
			return n, err
		}
	}
	return n, nil
}

// skipping is a log without its first records.
type skipping struct {
	io.ReadCloser
	records int
}

// Read reads behind the records that are left out.
func (s *skipping) Read(p []byte) (int, error) {
	if s.records > 0 {
		n, err := skipRecords(s.ReadCloser, s.records)
		if s.records -= n; err != nil {
			return 0, err
		}
	}
	return s.ReadCloser.Read(p)
}

// podmanStream makes the request.
func (c *Client) podmanStream(ctx context.Context, version, id string, o container.LogsOptions) (io.ReadCloser, error) {
	query := url.Values{"stdout": {"true"}, "stderr": {"true"}, "timestamps": {"true"}, "follow": {fmt.Sprint(o.Follow)}, "tail": {o.Tail}}
	if o.Since != "" {
		query.Set("since", o.Since)
	}
	base := url.URL{Scheme: "http", Host: "podman"} // the transport knows where a socket is
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
