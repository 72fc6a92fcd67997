package pipeline

import (
	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Event turns what the engine tells into what receivers are told, for programs that only look at alerts, such as the tests of rules.
func Event(a *engine.Alert, id string) trigger.Alert { return event(a, id) }
