package admin

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
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
	open         bool    // it takes no token
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

// timeParams select by the time at which something was stored.
var timeParams = []param{
	{"since", "string", "Only from this time on: RFC 3339, or a duration before now such as 10m."},
	{"until", "string", "Only before this time: RFC 3339, or a duration before now such as 10m."},
}

// alertParams select alerts.
var alertParams = append([]param{
	limitParam, cursorParam,
	{"rule", "string", "A glob of the rule's name."},
	{"workload", "string", "A glob of the workload."},
	{"container", "string", "A glob of the container's name, or the beginning of its ID."},
	{"severity", "string", "Severities, separated by commas: " + strings.Join(trigger.Severities(), ", ") + "."},
	{"kind", "string", "Kinds of alert, separated by commas: " + strings.Join(trigger.Kinds(), ", ") + "."},
	{"text", "string", "Text that the message or the summary contains, in upper or lower case."},
}, timeParams...)

// auditParams select audit entries.
var auditParams = append([]param{
	limitParam, cursorParam,
	{"workload", "string", "A glob of the workload."},
	{"text", "string", "Text that the author, action, kind, workload or name contains, in upper or lower case."},
}, timeParams...)

// routes returns the routes of the API. It is the one place that lists them: handlers and document are made from it.
func routes() []route {
	all := []route{
		{method: "GET", path: "/healthz", summary: "The program runs.", answer: adminapi.HealthResponse{}, global: true, open: true, handle: health},
		{method: "GET", path: "/readyz", summary: "All instances take records.", answer: adminapi.HealthResponse{}, global: true, open: true, problems: []int{503}, handle: ready},
		{method: "GET", path: "/metrics", summary: "All counters, for Prometheus.", answer: schema{}, kind: "text/plain", global: true, handle: serveMetrics},
		{method: "GET", path: "/api/v1/openapi.json", summary: "This document.", answer: schema{"type": "object"}, global: true, handle: openAPI},
		{method: "POST", path: listen.LoginPath, summary: "Logs a browser in, by a code or a token: sets a cookie, and answers with the key that goes with it.",
			body: adminapi.LoginRequest{}, answer: adminapi.LoginResponse{}, global: true, open: true, problems: []int{429}, handle: login},
		{method: "POST", path: "/logout", summary: "Logs the browser out.", global: true, handle: logout},
		{method: "POST", path: "/api/v1/login-codes", summary: "Makes a code that logs one browser in, once, within ten minutes. It takes a token: a browser cannot let others in.",
			answer: adminapi.LoginCodeResponse{}, global: true, handle: newLoginCode},
		{method: "GET", path: "/api/v1/instances", summary: "The instances behind this listener.", answer: adminapi.InstancesResponse{}, global: true, handle: instances},
		{method: "GET", path: "/api/v1/stats", summary: "All counters.", answer: adminapi.StatsResponse{}, handle: stats},
		{method: "GET", path: "/api/v1/containers", summary: "The containers of the engine that the standalone program follows, each with whether it is followed, and why not.",
			params: []param{limitParam, cursorParam}, answer: adminapi.ContainersResponse{}, problems: []int{404}, handle: containers},
		{method: "POST", path: "/-/reload", summary: "Reads the configuration anew.", answer: adminapi.ReloadResponse{}, problems: []int{409}, handle: reload},

		{method: "GET", path: "/api/v1/alerts", summary: "The last alerts, newest first.", params: alertParams, answer: adminapi.AlertsResponse{}, handle: alerts},
		{method: "GET", path: "/api/v1/alerts/{id}", summary: "One of the last alerts, by its id or number.", answer: adminapi.StoredAlert{}, problems: []int{404}, handle: oneAlert},
		{
			method: "GET", path: "/api/v1/deliveries", summary: "Deliveries of the last alerts, newest first.",
			params: append(slices.Clip(alertParams), param{"trigger", "string", "The trigger's name."}, param{"state", "string", "States, separated by commas: " + strings.Join(store.States(), ", ") + "."}),
			answer: adminapi.DeliveriesResponse{}, handle: deliveries,
		},
		{
			method: "GET", path: "/api/v1/dead-letters", summary: "Deliveries that are not tried any more, newest first.",
			params: []param{limitParam, cursorParam, {"trigger", "string", "The trigger's name."}, {"alert_id", "string", "The alert's id."}}, answer: adminapi.DeadLettersResponse{}, handle: deadLetters,
		},
		{
			method: "GET", path: "/api/v1/dead-letters/{trigger}/{alert}", summary: "One dead letter, with its alert.",
			answer: adminapi.DeadLetter{}, problems: []int{404}, handle: oneDeadLetter,
		},
		{
			method: "GET", path: "/api/v1/alerts/stream", summary: "Alerts as they come: server-sent events named alert, whose id is the alert's number.",
			params: []param{{"after", "integer", "Begin behind this number; as the header Last-Event-ID does."}}, kind: "text/event-stream",
			answer: schema{}, problems: []int{503}, handle: streamAlerts,
		},

		{
			method: "GET", path: "/api/v1/workloads", summary: "The workloads that were met, and the blocks that are configured.",
			params: []param{limitParam, cursorParam}, answer: adminapi.WorkloadsResponse{}, handle: workloads,
		},
		{method: "GET", path: "/api/v1/workloads/{workload}/effective-rules", summary: "The rules as they apply to a workload.", answer: adminapi.EffectiveRulesResponse{}, handle: effectiveRules},
		{
			method: "POST", path: "/api/v1/explain", summary: "What each rule of a workload makes of a line, now. Nothing is counted or sent.",
			body: adminapi.ExplainRequest{}, answer: adminapi.ExplainResponse{}, handle: explain,
		},
	}
	all = append(all,
		route{
			method: "POST", path: "/api/v1/rules/test", summary: "Tries a rule, given or named, on lines. Nothing is counted or sent.",
			body: adminapi.RuleTestRequest{}, answer: adminapi.RuleTestResponse{}, problems: []int{422}, handle: testRule,
		},
		route{
			method: "POST", path: "/api/v1/triggers/{name}/test", summary: "Sends a test alert through a trigger, and tells how it went.",
			answer: adminapi.TriggerTestResponse{}, handle: testTrigger,
		},
		route{method: "PUT", path: "/api/v1/workloads/{workload}/disabled/{rule}", summary: "Turns a global rule off for the workloads of a glob.", problems: []int{409, 422, 507}, handle: disable},
		route{method: "DELETE", path: "/api/v1/workloads/{workload}/disabled/{rule}", summary: "Takes that back.", handle: enable},
		route{method: "POST", path: "/api/v1/dead-letters/redeliver", summary: "Makes dead letters pending again.", body: adminapi.DeadLettersRequest{}, answer: adminapi.RedeliverResponse{}, handle: redeliver},
		route{method: "POST", path: "/api/v1/dead-letters/drop", summary: "Drops dead letters for good.", body: adminapi.DeadLettersRequest{}, answer: adminapi.DropResponse{}, handle: dropDeadLetters},
		route{method: "GET", path: "/api/v1/silences", summary: "The silences.", answer: adminapi.SilencesResponse{}, handle: silences},
		route{method: "POST", path: "/api/v1/silences", summary: "Makes a silence, or changes the one of the id.", body: adminapi.SilenceRequest{}, answer: adminapi.Silence{}, problems: []int{409, 422, 507}, handle: addSilence},
		route{method: "DELETE", path: "/api/v1/silences/{id}", summary: "Ends a silence now.", answer: schema{"type": "object"}, problems: []int{409}, handle: expireSilence},
		route{method: "GET", path: "/api/v1/audit", summary: "The changes that were made here, newest first.", params: auditParams, answer: adminapi.AuditResponse{}, handle: audit},
		route{
			method: "GET", path: "/api/v1/tap", summary: "Records as they are evaluated, with the decision for each: server-sent events record, and missed.",
			params: []param{
				{"workload", "string", "A glob of the workload."}, {"container", "string", "A glob of the container's name, or the beginning of its id."},
				{"stream", "string", "stdout or stderr."}, {"rule", "string", "A glob of a rule that the record hits."},
				{"match", "string", "A regular expression that the line matches."}, {"hits", "boolean", "Only records that some rule hits."},
			},
			kind: "text/event-stream", answer: schema{}, handle: tap,
		},
	)
	all = append(all, globalRules.routes("/api/v1/rules")...)
	all = append(all, triggers.routes("/api/v1/triggers")...)
	all = append(all, ownRules.routes("/api/v1/workloads/{workload}/rules")...)
	all = append(all, overrides.routes("/api/v1/workloads/{workload}/overrides")...)
	for i := range all {
		if all[i].body != nil {
			all[i].problems = append(all[i].problems, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
		}
	}
	return all
}
