package admin

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/openapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/page"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// route is an operation of the API and its handler.
type route struct {
	openapi.Operation
	handle func(c *call) (any, error)
}

func (rt *route) paramNames() string {
	names := []string{"instance"}
	for _, p := range rt.Params {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

type params = []openapi.Param

var (
	limitParam  = openapi.Param{Name: "limit", Kind: "integer", Meaning: "Maximum number of items, from 1 to 1000. Default: 100."}
	cursorParam = openapi.Param{Name: "cursor", Kind: "string", Meaning: "The value of next in the previous page."}
	pageParams  = params{limitParam, cursorParam}
)

// timeParams select by the time of acceptance.
var timeParams = params{
	{Name: "since", Kind: "string", Meaning: "Only from this time on: RFC 3339, or a duration before now such as 10m."},
	{Name: "until", Kind: "string", Meaning: "Only before this time: RFC 3339, or a duration before now such as 10m."},
}

// alertParams select alerts.
var alertParams = slices.Concat(pageParams, params{
	{Name: "rule", Kind: "string", Meaning: "A glob of the rule's name."},
	{Name: "workload", Kind: "string", Meaning: "A glob of the workload."},
	{Name: "container", Kind: "string", Meaning: "A glob of the container's name, or the beginning of its ID."},
	{Name: "severity", Kind: "string", Meaning: "Severities, separated by commas: " + strings.Join(trigger.Severities(), ", ") + "."},
	{Name: "kind", Kind: "string", Meaning: "Kinds of alert, separated by commas: " + strings.Join(trigger.Kinds(), ", ") + "."},
	{Name: "text", Kind: "string", Meaning: "Text in the message or the summary. Case is ignored."},
	{Name: "key", Kind: "string", Meaning: "The key of a problem."},
}, timeParams)

// deliveryParams select deliveries.
var deliveryParams = slices.Concat(alertParams, params{
	{Name: "trigger", Kind: "string", Meaning: "The trigger's name."},
	{Name: "state", Kind: "string", Meaning: "States, separated by commas: " + strings.Join(store.States(), ", ") + "."},
})

// deadLetterParams select dead letters.
var deadLetterParams = slices.Concat(pageParams, params{
	{Name: "trigger", Kind: "string", Meaning: "The trigger's name."},
	{Name: "alert_id", Kind: "string", Meaning: "The alert's ID."},
})

// auditParams select audit entries.
var auditParams = slices.Concat(pageParams, params{
	{Name: "workload", Kind: "string", Meaning: "A glob of the workload."},
	{Name: "text", Kind: "string", Meaning: "Text in the author, action, kind, workload or name. Case is ignored."},
}, timeParams)

// tapParams select records.
var tapParams = params{
	{Name: "workload", Kind: "string", Meaning: "A glob of the workload."},
	{Name: "container", Kind: "string", Meaning: "A glob of the container's name, or the beginning of its ID."},
	{Name: "stream", Kind: "string", Meaning: "stdout or stderr."},
	{Name: "rule", Kind: "string", Meaning: "A glob of a rule that the record matches."},
	{Name: "match", Kind: "string", Meaning: "A regular expression that the line matches."},
	{Name: "hits", Kind: "boolean", Meaning: "Only records that match a rule."},
}

// op is shorthand for an operation.
type op = openapi.Operation

// The statuses of a change that is refused.
var changeProblems = []int{http.StatusConflict, http.StatusUnprocessableEntity, http.StatusInsufficientStorage}

// linkPath is where the form of a link asks for the silence that the link makes.
const linkPath = page.SilencePath + "/look"

// routes returns the routes of the API. Handlers and the OpenAPI document both follow from it.
func routes() []route {
	const eventStream = "text/event-stream"
	object, none := openapi.Schema{"type": "object"}, openapi.Schema{}
	all := []route{
		{op{Method: "GET", Path: "/healthz", Summary: "Liveness: the process runs.", Answer: adminapi.HealthResponse{}, Global: true, Open: true}, health},
		{op{Method: "GET", Path: "/readyz", Summary: "Readiness: all instances accept records.", Answer: adminapi.HealthResponse{}, Global: true, Open: true, Problems: []int{503}}, ready},
		{op{Method: "GET", Path: "/metrics", Summary: "Metrics in the format of Prometheus.", Answer: none, Kind: "text/plain", Global: true}, serveMetrics},
		{op{Method: "GET", Path: "/api/v1/openapi.json", Summary: "This document.", Answer: object, Global: true}, openAPI},
		{op{Method: "POST", Path: listen.LoginPath, Summary: "Log a browser in with a code or a token. Sets a cookie and returns the key of the session.",
			Body: adminapi.LoginRequest{}, Answer: adminapi.LoginResponse{}, Global: true, Open: true, Login: true, Problems: []int{429}}, login},
		{op{Method: "POST", Path: "/logout", Summary: "Log the browser out.", Global: true}, logout},
		{op{Method: "POST", Path: "/api/v1/login-codes", Summary: "Create a code that logs one browser in, once, within ten minutes. Requires a token: a browser session cannot create codes.",
			Answer: adminapi.LoginCodeResponse{}, Global: true}, newLoginCode},
		{op{Method: "GET", Path: "/api/v1/instances", Summary: "List the instances behind this listener.", Answer: adminapi.InstancesResponse{}, Global: true}, instances},
		{op{Method: "GET", Path: "/api/v1/stats", Summary: "Get all counters.", Answer: adminapi.StatsResponse{}}, stats},
		{op{Method: "POST", Path: "/-/reload", Summary: "Reload the configuration.", Answer: adminapi.ReloadResponse{}, Problems: []int{409}}, reload},

		{op{Method: "GET", Path: "/api/v1/alerts", Summary: "List alerts, newest first.", Params: alertParams, Answer: adminapi.AlertsResponse{}}, alerts},
		{op{Method: "GET", Path: "/api/v1/alerts/{id}", Summary: "Get an alert by its ID or number.", Answer: adminapi.StoredAlert{}, Problems: []int{404}}, oneAlert},
		{op{Method: "GET", Path: "/api/v1/alerts/stream", Summary: "Stream new alerts as server-sent events named alert, whose id is the alert's number.",
			Params: params{{Name: "after", Kind: "integer", Meaning: "Start after this number, like the header Last-Event-ID."}}, Kind: eventStream, Answer: none, Problems: []int{503}}, streamAlerts},
		{problemsOp, listProblems},
		{op{Method: "GET", Path: "/api/v1/deliveries", Summary: "List deliveries, those of the newest alert first.", Params: deliveryParams, Answer: adminapi.DeliveriesResponse{}}, deliveries},
		{op{Method: "GET", Path: "/api/v1/dead-letters", Summary: "List dead letters, newest first.", Params: deadLetterParams, Answer: adminapi.DeadLettersResponse{}}, deadLetters},
		{op{Method: "GET", Path: "/api/v1/dead-letters/{trigger}/{alert}", Summary: "Get a dead letter with its alert.", Answer: adminapi.DeadLetter{}, Problems: []int{404}}, oneDeadLetter},
		{op{Method: "POST", Path: "/api/v1/dead-letters/redeliver", Summary: "Redeliver dead letters.", Body: adminapi.DeadLettersRequest{}, Answer: adminapi.RedeliverResponse{}}, redeliver},
		{op{Method: "POST", Path: "/api/v1/dead-letters/drop", Summary: "Drop dead letters for good.", Body: adminapi.DeadLettersRequest{}, Answer: adminapi.DropResponse{}}, dropDeadLetters},
		{op{Method: "GET", Path: "/api/v1/audit", Summary: "List the changes made through the API, newest first.", Params: auditParams, Answer: adminapi.AuditResponse{}}, audit},

		{op{Method: "GET", Path: "/api/v1/containers", Summary: "List the engine's containers, and why those that are not followed are not. Standalone only.",
			Params: pageParams, Answer: adminapi.ContainersResponse{}, Problems: []int{404}}, containers},
		{op{Method: "GET", Path: "/api/v1/workloads", Summary: "List the workloads that sent records, and the configured workload blocks.",
			Params: pageParams, Answer: adminapi.WorkloadsResponse{}}, workloads},
		{op{Method: "GET", Path: "/api/v1/workloads/{workload}/effective-rules", Summary: "List the rules that apply to a workload.", Answer: adminapi.EffectiveRulesResponse{}}, effectiveRules},
		{op{Method: "GET", Path: "/api/v1/workloads/{workload}/deploy", Summary: "Compare the image that a workload runs with the last one: better, same, worse or unknown.",
			Answer: adminapi.DeployResponse{}}, deployReport},
		{op{Method: "POST", Path: "/api/v1/workloads/{workload}/deploy", Summary: "Refuse with 409 if the image that a workload runs is worse than the last one, for webhooks that go by the status. Ignores the body.",
			Answer: adminapi.DeployResponse{}, Problems: []int{409}}, deployGate},
		{op{Method: "PUT", Path: "/api/v1/workloads/{workload}/disabled/{rule}", Summary: "Disable a global rule for the workloads that match a glob.", Problems: changeProblems}, disable},
		{op{Method: "DELETE", Path: "/api/v1/workloads/{workload}/disabled/{rule}", Summary: "Re-enable a global rule for the workloads that match a glob."}, enable},
		{op{Method: "GET", Path: "/api/v1/silences", Summary: "List silences.", Answer: adminapi.SilencesResponse{}}, silences},
		{op{Method: "POST", Path: "/api/v1/silences", Summary: "Create a silence, or change the one with the given ID.",
			Body: adminapi.SilenceRequest{}, Answer: adminapi.Silence{}, Problems: slices.Concat(changeProblems, []int{404, 503})}, addSilence},
		{op{Method: "DELETE", Path: "/api/v1/silences/{id}", Summary: "Expire a silence now.", Answer: object, Problems: []int{409, 503}}, expireSilence},

		{op{Method: "POST", Path: linkPath, Summary: "Describe the silence of a message's link. Changes nothing, and requires no token.", Body: adminapi.LinkRequest{},
			Answer: adminapi.LinkResponse{}, Global: true, Open: true, Login: true, Problems: []int{403, 429}}, lookAtLink},
		{op{Method: "POST", Path: page.SilencePath, Summary: "Create the silence of a message's link, once. Requires no token.", Body: adminapi.LinkRequest{},
			Answer: adminapi.Silence{}, Global: true, Open: true, Login: true, Problems: []int{403, 409, 410, 422, 429, 503, 507}}, useLink},
		{op{Method: "POST", Path: "/api/v1/links/rotate", Summary: "Replace the key of the links in messages: none sent before works any more. Ignores the body.", Answer: object, Problems: []int{409}}, rotateLinks},

		{op{Method: "GET", Path: "/api/v1/fleet", Summary: "Describe the fleet that the instance is in: its nodes, and the account of its hits.",
			Answer: adminapi.FleetResponse{}, Problems: []int{404}}, fleetReport},
		{op{Method: "GET", Path: "/api/v1/fleet/windows", Summary: "List the fleet's windows, the cooldowns of its incidents, newest first; at most 1,000.",
			Answer: adminapi.FleetWindowsResponse{}, Problems: []int{404, 503}}, fleetWindows},
		{op{Method: "POST", Path: "/api/v1/fleet/windows/{key}/close", Summary: "Close a window of the fleet: the next hit alerts. Ignores the body.",
			Answer: adminapi.FleetCloseResponse{}, Problems: []int{404, 503}}, closeFleetWindow},

		{op{Method: "POST", Path: "/api/v1/explain", Summary: "Explain how each rule of a workload would decide on a line now. Counts and sends nothing.",
			Body: adminapi.ExplainRequest{}, Answer: adminapi.ExplainResponse{}}, explain},
		{op{Method: "POST", Path: "/api/v1/rules/test", Summary: "Try a rule, given or named, on lines. Counts and sends nothing.",
			Body: adminapi.RuleTestRequest{}, Answer: adminapi.RuleTestResponse{}, Problems: []int{422}}, testRule},
		{op{Method: "POST", Path: "/api/v1/rules/draft", Summary: "Write a rule for lines like one. Creates nothing.",
			Body: adminapi.RuleDraftRequest{}, Answer: adminapi.RuleDraftResponse{}}, draftRule},
		{op{Method: "POST", Path: "/api/v1/rules/backtest", Summary: "Replay the last lines of this node through a rule, given or named. Counts and sends nothing. One at a time.",
			Body: adminapi.RuleBacktestRequest{}, Answer: adminapi.RuleBacktestResponse{}, Problems: []int{422, 503}}, backtestRule},
		{op{Method: "POST", Path: "/api/v1/triggers/{name}/test", Summary: "Send a test alert through a trigger and return the result.", Answer: adminapi.TriggerTestResponse{}}, testTrigger},
		{op{Method: "GET", Path: "/api/v1/triggers/{name}/digest", Summary: "Show the digest that a trigger would send now. Counts and sends nothing.", Answer: adminapi.DigestResponse{},
			Problems: []int{404}}, showDigest},
		{op{Method: "GET", Path: "/api/v1/tap", Summary: "Stream records with their decisions as server-sent events named record. Events named missed count the records left out.",
			Params: tapParams, Kind: eventStream, Answer: none}, tap},
	}
	all = append(all, globalRules.routes("/api/v1/rules")...)
	all = append(all, triggers.routes("/api/v1/triggers")...)
	all = append(all, ownRules.routes("/api/v1/workloads/{workload}/rules")...)
	all = append(all, overrides.routes("/api/v1/workloads/{workload}/overrides")...)
	for i := range all {
		if all[i].Body != nil {
			all[i].Problems = append(slices.Clip(all[i].Problems), http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
		}
	}
	return all
}

// Operations returns the operations of the API, for its reference.
func Operations() []openapi.Operation { return operationsOf(routes()) }

func operationsOf(routes []route) []openapi.Operation {
	operations := make([]openapi.Operation, len(routes))
	for i := range routes {
		operations[i] = routes[i].Operation
	}
	return operations
}

func openAPI(c *call) (any, error) {
	return openapi.Document(openapi.Info{
		Title: "fluentbit-trigger", Version: c.api.registry.opt.Version, KeyHeader: listen.KeyHeader, Problem: adminapi.Problem{},
		Description: "Inspect and control running instances. Errors are problem details (RFC 9457). docs/admin.md describes the concepts.",
	}, operationsOf(c.api.routes)), nil
}
