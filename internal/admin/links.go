package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/links"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Bounds of the requests about links, per address and minute.
const (
	maxLinkRequests = 120
	maxWrongLinks   = 10
)

// linkLimits bound who asks about links, which nobody has to log in for.
type linkLimits struct{ requests, wrong *listen.Attempts }

func newLinkLimits(now func() time.Time) linkLimits {
	return linkLimits{listen.NewAttempts(maxLinkRequests, now), listen.NewAttempts(maxWrongLinks, now)}
}

// The values of LinkResponse.State.
const (
	linkOpen    = "open"
	linkUsed    = "used"
	linkExpired = "expired"
)

// linkOf reads the link of a request, and chooses the instance whose key made it. The token is a secret: no answer repeats it.
func (c *call) linkOf() (token string, one engine.Silence, claim *links.Claim, state string, err error) {
	address, limits := listen.AddressOf(c.r), c.api.linkLimits
	if limits.requests.Limited(address) || limits.wrong.Limited(address) {
		c.w.Header().Set("Retry-After", "60")
		return "", one, nil, "", problem(http.StatusTooManyRequests, "too many requests: try again in a minute")
	}
	limits.requests.Count(address)
	var body adminapi.LinkRequest
	if err := c.bodyInto(&body); err != nil {
		return "", one, nil, "", err
	}
	for _, i := range c.api.listener.all() {
		one, claim, err = i.Pipeline.Link(body.Link)
		c.instance, c.p = i, i.Pipeline
		switch {
		case err == nil:
			return body.Link, one, claim, linkOpen, nil
		case errors.Is(err, pipeline.ErrLinkUsed):
			return body.Link, one, claim, linkUsed, nil
		case errors.Is(err, links.ErrExpired):
			return body.Link, one, claim, linkExpired, nil
		}
	}
	limits.wrong.Count(address)
	return "", one, nil, "", problem(http.StatusForbidden, "%v", links.ErrInvalid)
}

// lookAtLink describes a link, and changes nothing.
func lookAtLink(c *call) (any, error) {
	_, one, claim, state, err := c.linkOf()
	if err != nil {
		return nil, err
	}
	out := adminapi.LinkResponse{
		State: state, Rule: claim.Rule, Alert: claim.Alert, Key: claim.Key, Fleet: claim.Fleet, Minutes: int(claim.Length / time.Minute), Expires: claim.Expires,
	}
	if state == linkUsed {
		made := silenceOf(&one, c.p.Now())
		out.Silence = &made
	}
	stored, found, err := c.p.Store().Alert(c.r.Context(), claim.Alert)
	if err != nil {
		return nil, err
	}
	var a trigger.Alert
	if found && json.Unmarshal(stored.Payload, &a) == nil && a.Key == claim.Key {
		out.Workload, out.Summary, out.Time = a.Source.Workload, safetext.Cut(a.Summary, maxLinkSummary), a.Time
	}
	return out, nil
}

// maxLinkSummary bounds the summary that a form shows, in bytes.
const maxLinkSummary = 300

// useLink creates the silence of a link. It is a POST with the token in its body, so that no preview or scanner of links silences anything, and it needs no check
// against forged requests: it goes by nothing that a browser adds by itself, and whoever knows the token may use it.
func useLink(c *call) (any, error) {
	token, made, claim, state, err := c.linkOf()
	if err == nil && state == linkOpen {
		made, err = c.p.UseLink(c.r.Context(), token)
		if errors.Is(err, pipeline.ErrLinkUsed) { // since it was read
			state, err = linkUsed, nil
		}
	}
	switch {
	case err != nil && claim != nil && claim.Fleet:
		return nil, fleetRefusal(err)
	case err != nil:
		return nil, silenceRefusal(err)
	case state == linkUsed:
		return nil, problem(http.StatusConflict, "%v: the silence %s", pipeline.ErrLinkUsed, endOf(&made, c.p.Now()))
	case state == linkExpired:
		return nil, problem(http.StatusGone, "%v, at %s", links.ErrExpired, claim.Expires.Format(time.RFC3339))
	}
	out := silenceOf(&made, c.p.Now())
	c.who = made.Author
	c.note("create", "silence", made.ID, nil, out)
	return out, nil
}

func endOf(s *engine.Silence, now time.Time) string {
	word := "ends"
	if s.Ended(now.UnixNano()) {
		word = "ended"
	}
	return word + " at " + time.Unix(0, s.Until).UTC().Format(time.RFC3339)
}

// rotateLinks replaces the key of links.
func rotateLinks(c *call) (any, error) {
	switch err := c.p.RotateLinks(); {
	case errors.Is(err, pipeline.ErrNoLinks):
		return nil, problem(http.StatusConflict, "%v", err)
	case err != nil:
		return nil, err
	}
	c.note("rotate", "links", "", nil, nil)
	return struct{}{}, nil
}
