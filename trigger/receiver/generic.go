package receiver

import (
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

// generic is the default. Its payload is the Alert itself.
var generic = Receiver{
	Format:   trigger.DefaultFormat,
	data:     true,
	document: func(_ *Renderer, v *render.View) any { return genericDocument(v) },
	instead:  "the receiver joins the alerts of an incident by their key",
}

// genericDocument is the alert itself, or a Group.
func genericDocument(v *render.View) any {
	if len(v.All) == 1 {
		return v.First()
	}
	return trigger.Group{
		Version: trigger.AlertVersion, ID: v.ID, Kind: trigger.KindGroup, Severity: v.Worst(),
		Total: len(v.All), More: len(v.All) - len(v.Shown), Alerts: v.Shown,
	}
}
