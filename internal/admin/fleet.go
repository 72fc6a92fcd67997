package admin

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/fleetnode"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/silence"
)

// maxWindows bounds the windows of an answer.
const maxWindows = 1000

func fleetStats(s *fleetnode.Status) adminapi.FleetStats {
	return adminapi.FleetStats{
		Namespace: s.Namespace, Node: s.Node, Up: s.Up, Reason: s.Why, Keeper: s.Keeper, Nodes: s.Nodes, Claims: s.Claims, Alone: s.Alone,
		GivenHits: s.Totals.Given, ReportedHits: s.Totals.Reported, Forgotten: s.Totals.Forgotten, Outbox: s.Totals.Outbox, Handovers: s.Handovers, Epochs: s.Epochs, Circuits: s.Circuits,
	}
}

// fleetReport returns what this node knows also while the engine does not answer.
func fleetReport(c *call) (any, error) {
	status := c.p.Fleet().Status(c.r.Context())
	if !status.On {
		return nil, problem(http.StatusNotFound, "%v", fleetnode.ErrNone)
	}
	out := adminapi.FleetResponse{FleetStats: fleetStats(&status), Members: []adminapi.FleetMember{}}
	a, err := c.p.Fleet().Account(c.r.Context())
	if err != nil {
		out.Error = err.Error()
		return out, nil //nolint:nilerr // it is part of the answer
	}
	out.Windows, out.Given, out.Reported, out.Unreported, out.Lost = a.Windows, a.Given, a.Reported, a.Unreported, a.Lost()
	for i := range a.Nodes {
		n := &a.Nodes[i]
		out.Members = append(out.Members, adminapi.FleetMember{
			Node: n.Node, Version: n.Version, Age: n.Age.Seconds(), Keeper: a.Keepers[n.Triggers] == n.Node,
		})
	}
	slices.SortFunc(out.Members, func(x, y adminapi.FleetMember) int { return cmp.Compare(x.Node, y.Node) })
	return out, nil
}

func fleetWindows(c *call) (any, error) {
	list, err := c.p.Fleet().Windows(c.r.Context(), maxWindows)
	if err != nil {
		return nil, fleetRefusal(err)
	}
	out := adminapi.FleetWindowsResponse{Windows: []adminapi.FleetWindow{}}
	for i := range list {
		out.Windows = append(out.Windows, fleetWindowOf(&list[i], c.p.Now()))
	}
	slices.SortFunc(out.Windows, func(x, y adminapi.FleetWindow) int {
		return cmp.Or(y.Opened.Compare(x.Opened), cmp.Compare(x.Key, y.Key))
	})
	return out, nil
}

func fleetWindowOf(w *fleet.Window, now time.Time) adminapi.FleetWindow {
	out := adminapi.FleetWindow{
		Key: string(w.Key), Rule: w.Title.Rule, Workload: w.Title.Text, Left: w.Left.Seconds(), Lead: w.LeadNode, Alert: w.LeadID, Waiting: w.Waiting,
		Unreported: w.Unreported + w.Frozen, Nodes: w.Nodes,
	}
	if w.Opened > 0 {
		out.Opened = now.Add(-w.Opened).UTC()
	}
	return out
}

func closeFleetWindow(c *call) (any, error) {
	key := fleet.Key(c.r.PathValue("key"))
	if !key.Valid() {
		return nil, problem(http.StatusNotFound, "a window's key has 32 hexadecimal digits: see /api/v1/fleet/windows")
	}
	open, err := c.p.Fleet().CloseWindow(c.r.Context(), key)
	if err != nil {
		return nil, fleetRefusal(err)
	}
	if open {
		c.note("close", "window", string(key), nil, nil)
	}
	return adminapi.FleetCloseResponse{Open: open}, nil
}

func fleetRefusal(err error) error {
	switch {
	case errors.Is(err, fleetnode.ErrNone):
		return problem(http.StatusNotFound, "%v", err)
	case errors.Is(err, fleetnode.ErrNoAnswer):
		return problem(http.StatusServiceUnavailable, "%v; a silence of this node alone works without it", err)
	}
	return err
}

// addFleetSilence writes a silence of the fleet to the engine first: what no node would pull is refused.
func addFleetSilence(c *call, s engine.Silence) (any, error) {
	made, before, err := c.p.Silences().Draft(s)
	if err != nil {
		return nil, silenceRefusal(err)
	}
	form, err := silence.ToFleet(&made, c.p.Now())
	if err != nil {
		return nil, err
	}
	if err := c.p.Fleet().PutSilence(c.r.Context(), form); err != nil {
		return nil, fleetRefusal(err)
	}
	out := silenceOf(&made, c.p.Now())
	action := "create"
	if before != nil {
		action = "change"
	}
	c.note(action, "silence", made.ID, noted(before, c.p.Now()), out)
	return out, nil
}
