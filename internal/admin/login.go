package admin

import (
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
)

func login(c *call) (any, error) {
	var body adminapi.LoginRequest
	if err := c.bodyInto(&body); err != nil {
		return nil, err
	}
	if (body.Code == "") == (body.Token == "") {
		return nil, problem(http.StatusBadRequest, "exactly one of code and token must be set")
	}
	key, why := c.api.policy().Login(c.w, c.r, body.Code, body.Token)
	if why != nil {
		return nil, refused(*why)
	}
	return adminapi.LoginResponse{Key: key}, nil
}

func logout(c *call) (any, error) {
	c.api.policy().Logout(c.w, c.r)
	return nil, nil
}

func newLoginCode(c *call) (any, error) {
	of := listen.CallerOf(c.r.Context())
	if of.Session {
		return nil, problem(http.StatusForbidden, "a browser session cannot create codes: \"docker-fluentbit page\" prints a link")
	}
	code, until := c.api.listener.logins.Code(of)
	return adminapi.LoginCodeResponse{Code: code, Path: listen.Link("", code), Expires: until.UTC()}, nil
}

// policy returns the access policy in force.
func (a *api) policy() *listen.Policy {
	a.registry.mu.Lock()
	defer a.registry.mu.Unlock()
	return a.listener.policy
}
