package admin

import (
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
)

func reloadOf(r *pipeline.ReloadReport) adminapi.ReloadResponse {
	list := func(ids []string) []string { return append([]string{}, ids[:min(len(ids), maxProblemsShown)]...) }
	out := adminapi.ReloadResponse{
		Applied: r.Applied, Added: list(r.Change.Added), Removed: list(r.Change.Removed), Changed: list(r.Change.Changed), Kept: len(r.Change.Kept),
		Problems: []string{}, Restart: []string{},
	}
	for _, p := range r.Problems[:min(len(r.Problems), maxProblemsShown)] {
		out.Problems = append(out.Problems, p.Error())
	}
	for _, p := range r.Restart {
		out.Restart = append(out.Restart, p.Error())
	}
	if r.LeftOut != nil {
		out.Problems = append(out.Problems, r.LeftOut.Error())
	}
	return out
}

// reload responds 409 if a source cannot be read, in which case nothing changes. The audit records both results.
func reload(c *call) (any, error) {
	report := c.p.Reload()
	out, now := reloadOf(&report), extentOf(report.After)
	c.note("reload", "configuration", "", extentOf(report.Before), struct {
		Rules     int `json:"rules"`
		Workloads int `json:"workloads"`
		Triggers  int `json:"triggers"`
		adminapi.ReloadResponse
	}{now.Rules, now.Workloads, now.Triggers, out})
	if !report.Applied {
		return nil, invalid(http.StatusConflict, report.Problems)
	}
	return out, nil
}
