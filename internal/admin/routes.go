package admin

import (
	"net/http"
	"strings"
)

// route is one method of one path: what serves it, and what the API's document says of it.
type route struct {
	method, path string
	summary      string
	params       []param // of the query, and headers; those of the path follow from it
	body         any     // a value of the type of the request's body, or a schema; nil: none
	answer       any     // likewise, of a good answer; nil: 204
	status       int     // of a good answer; 0: 200
	kind         string  // media type of the answer; "": JSON
	global       bool    // it is of no instance
	match        bool    // it wants If-Match
	problems     []int   // statuses beside those that every route can have
	handle       func(c *call) (any, error)
}

// param is a parameter of the query.
type param struct {
	name, kind, meaning string // kind: string, integer, boolean
}

func (rt *route) paramNames() string {
	names := []string{"instance"}
	for _, p := range rt.params {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

var (
	limitParam  = param{"limit", "integer", "How many at most: 1 to 1000, 100 unless given."}
	cursorParam = param{"cursor", "string", "Where to go on: next of the answer before."}
)

// eventParams choose events.
func eventParams() []param {
	return []param{
		limitParam, cursorParam,
		{"rule", "string", "A glob of the rule's name."},
		{"workload", "string", "A glob of the workload."},
		{"container", "string", "A glob of the container's name, or the beginning of its id."},
		{"severity", "string", "Severities, separated by commas."},
		{"kind", "string", "Kinds of alert, separated by commas."},
		{"text", "string", "A text that message or summary hold, in any case."},
		{"since", "string", "A time (RFC 3339), or a length of time before now such as 10m."},
		{"until", "string", "Likewise: the time before which."},
	}
}

// routes returns the routes of the API. It is the one place that lists them: handlers and document are made from it.
func routes() []route {
	all := []route{
		{method: "GET", path: "/healthz", summary: "The program runs.", answer: healthAnswer{}, global: true, handle: health},
		{method: "GET", path: "/readyz", summary: "All instances take records.", answer: healthAnswer{}, global: true, problems: []int{503}, handle: ready},
		{method: "GET", path: "/api/v1/openapi.json", summary: "This document.", answer: schema{"type": "object"}, global: true, handle: openAPI},
		{method: "GET", path: "/api/v1/instances", summary: "The instances behind this listener.", answer: instancesAnswer{}, global: true, handle: instances},
		{method: "GET", path: "/api/v1/stats", summary: "All counters.", answer: statsAnswer{}, handle: stats},
		{method: "POST", path: "/-/reload", summary: "Reads the configuration anew.", answer: reloadAnswer{}, problems: []int{409}, handle: reload},

		{method: "GET", path: "/api/v1/events", summary: "The last alerts, newest first.", params: eventParams(), answer: eventsAnswer{}, handle: events},
		{method: "GET", path: "/api/v1/events/{id}", summary: "One of the last alerts, by its id or number.", answer: eventAnswer{}, problems: []int{404}, handle: oneEvent},
		{
			method: "GET", path: "/api/v1/deliveries", summary: "Deliveries of the last alerts, newest first.",
			params: append(eventParams(), param{"target", "string", "The trigger's name."}, param{"state", "string", "States, separated by commas: pending, delivered, dead, dropped, removed."}),
			answer: deliveriesAnswer{}, handle: deliveries,
		},
		{
			method: "GET", path: "/api/v1/dead-letters", summary: "Deliveries that are not tried any more, newest first.",
			params: []param{limitParam, {"target", "string", "The trigger's name."}, {"alert_id", "string", "The alert's id."}}, answer: lettersAnswer{}, handle: letters,
		},
		{
			method: "GET", path: "/api/v1/dead-letters/{target}/{alert}", summary: "One dead letter, with its alert.",
			answer: letterAnswer{}, problems: []int{404}, handle: oneLetter,
		},
		{
			method: "GET", path: "/api/v1/alerts/stream", summary: "Alerts as they come: server-sent events named alert, whose id is the alert's number.",
			params: []param{{"after", "integer", "Begin behind this number; as the header Last-Event-ID does."}}, kind: "text/event-stream",
			answer: schema{}, problems: []int{503}, handle: streamAlerts,
		},

		{
			method: "GET", path: "/api/v1/workloads", summary: "The workloads that were met, and the blocks that are configured.",
			params: []param{limitParam, cursorParam}, answer: workloadsAnswer{}, handle: workloads,
		},
		{method: "GET", path: "/api/v1/workloads/{workload}/effective-rules", summary: "The rules as they apply to a workload.", answer: effectiveAnswer{}, handle: effectiveRules},
		{
			method: "POST", path: "/api/v1/explain", summary: "What each rule of a workload makes of a line, now. Nothing is counted or sent.",
			body: explainRequest{}, answer: explainAnswer{}, handle: explain,
		},
	}
	for i := range all {
		if all[i].method == http.MethodPost && all[i].body != nil {
			all[i].problems = append(all[i].problems, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
		}
	}
	return all
}
