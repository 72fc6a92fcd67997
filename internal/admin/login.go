package admin

import (
	"net/http"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/listen"
)

// loginBody is what a browser logs in by: one of the two.
type loginBody struct {
	Code  string `json:"code"`
	Token string `json:"token"`
}

type loginResponse struct {
	Key string `json:"key"` // to be sent with each call, in the header Fluentbit-Trigger-Key
}

type loginCodeResponse struct {
	Code    string    `json:"code"`
	Path    string    `json:"path"` // of the link, below the address by which the browser calls
	Expires time.Time `json:"expires"`
}

func login(c *call) (any, error) {
	var body loginBody
	if err := c.bodyInto(&body); err != nil {
		return nil, err
	}
	if (body.Code == "") == (body.Token == "") {
		return nil, problem(http.StatusBadRequest, "one of code and token must be set")
	}
	key, why := c.api.front().Login(c.w, c.r, body.Code, body.Token)
	if why != nil {
		return nil, refused(*why)
	}
	return loginResponse{key}, nil
}

func logout(c *call) (any, error) {
	c.api.front().Logout(c.w, c.r)
	return nil, nil
}

func newLoginCode(c *call) (any, error) {
	of := listen.CallerOf(c.r.Context())
	if of.Session {
		return nil, problem(http.StatusForbidden, "a browser that is logged in cannot let others in: \"docker-fluentbit page\" prints a link")
	}
	code, until := c.api.door.logins.Code(of)
	return loginCodeResponse{code, listen.Link("", code), until.UTC()}, nil
}

// front returns who may enter now.
func (a *api) front() *listen.Front {
	a.registry.mu.Lock()
	defer a.registry.mu.Unlock()
	return a.door.front
}
