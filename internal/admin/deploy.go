package admin

import (
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
)

// deployReport compares the image that a workload runs with the last one. A workload that is not known has the verdict unknown, so that a
// canary analysis need not know which workloads have written a line.
func deployReport(c *call) (any, error) { return deployOf(c), nil }

func deployOf(c *call) adminapi.DeployResponse {
	name := c.r.PathValue("workload")
	r, ok := c.p.Deploy(name)
	if !ok {
		r = engine.DeployReport{Workload: name, Verdict: engine.DeployUnknown, Reason: "no line of this workload said its image"}
	}
	return adminapi.DeployResponse{DeployReport: r}
}

// deployGate refuses a deploy that is worse.
func deployGate(c *call) (any, error) {
	r := deployOf(c)
	if r.Verdict == engine.DeployWorse {
		return nil, problem(http.StatusConflict, "the image is worse than the last one: %s", r.Reason)
	}
	return r, nil
}
