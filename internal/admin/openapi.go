package admin

import (
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
)

var pathParam = regexp.MustCompile(`\{([a-z_]+)\}`)

// document makes the OpenAPI 3.1 document of the routes.
func document(all []route, version string) schema {
	paths := schema{}
	for i := range all {
		rt := &all[i]
		item, _ := paths[rt.path].(schema)
		if item == nil {
			item = schema{}
			paths[rt.path] = item
		}
		item[strings.ToLower(rt.method)] = operation(rt)
	}
	return schema{
		"openapi": "3.1.0",
		"info": schema{
			"title": "fluentbit-trigger", "version": version,
			"description": "See and steer what runs. Errors are problem details (RFC 9457). docs/admin.md tells more.",
			"license":     schema{"name": "see LICENSE"},
		},
		"servers":  []schema{{"url": "/"}},
		"security": []schema{{"bearer": []string{}}, {"basic": []string{}}, {"cookie": []string{}, "key": []string{}}},
		"paths":    paths,
		"components": schema{
			"securitySchemes": schema{
				"bearer": schema{"type": "http", "scheme": "bearer"},
				"basic":  schema{"type": "http", "scheme": "basic", "description": "The token is the password."},
				"cookie": schema{"type": "apiKey", "in": "cookie", "name": "fluentbit-trigger-PORT", "description": "Of a browser that logged in; PORT is that by which it calls."},
				"key":    schema{"type": "apiKey", "in": "header", "name": listen.KeyHeader, "description": "What the login answered."},
			},
			"schemas": schema{"Problem": schemaOf(reflect.TypeFor[adminapi.Problem]())},
		},
	}
}

func operation(rt *route) schema {
	op := schema{"summary": rt.summary, "operationId": operationID(rt)}
	var params []schema
	for _, m := range pathParam.FindAllStringSubmatch(rt.path, -1) {
		params = append(params, schema{"name": m[1], "in": "path", "required": true, "schema": schema{"type": "string"}})
	}
	for _, p := range rt.params {
		params = append(params, schema{"name": p.name, "in": "query", "description": p.meaning, "schema": schema{"type": p.kind}})
	}
	if !rt.global {
		params = append(params, schema{
			"name": "instance", "in": "query", "schema": schema{"type": "string"}, "description": "The instance that is meant; needed where there are several.",
		})
	}
	problems := rt.problems
	if rt.match {
		params = append(params, schema{
			"name": "If-Match", "in": "header", "required": true, "schema": schema{"type": "string"}, "description": "The ETag of what is changed, or *.",
		})
		problems = append([]int{http.StatusPreconditionFailed, http.StatusPreconditionRequired}, problems...)
	}
	if params != nil {
		op["parameters"] = params
	}
	if rt.body != nil {
		kinds := schema{"application/json": schema{"schema": bodySchema(rt.body)}}
		if rt.method == http.MethodPatch {
			kinds = schema{"application/merge-patch+json": schema{"schema": bodySchema(rt.body)}}
		}
		op["requestBody"] = schema{"required": true, "content": kinds}
	}
	if rt.open {
		op["security"] = []schema{{}}
	}
	responses := schema{}
	switch {
	case rt.answer == nil:
		responses["204"] = schema{"description": "Done."}
	case rt.kind != "":
		responses["200"] = schema{"description": "A good answer.", "content": schema{rt.kind: schema{"schema": schema{"type": "string"}}}}
	default:
		responses[strconv.Itoa(max(rt.status, http.StatusOK))] = schema{
			"description": "A good answer.", "content": schema{"application/json": schema{"schema": bodySchema(rt.answer)}},
		}
	}
	refusals := append([]int{http.StatusBadRequest, http.StatusForbidden, http.StatusInternalServerError}, problems...)
	if !rt.open || rt.path == listen.LoginPath {
		refusals = append(refusals, http.StatusUnauthorized)
	}
	if !rt.global {
		refusals = append(refusals, http.StatusNotFound, http.StatusServiceUnavailable)
	}
	for _, status := range refusals {
		responses[strconv.Itoa(status)] = schema{
			"description": http.StatusText(status) + ".",
			"content":     schema{"application/problem+json": schema{"schema": schema{"$ref": "#/components/schemas/Problem"}}},
		}
	}
	op["responses"] = responses
	return op
}

// operationID names an operation: "getApiV1RulesName".
func operationID(rt *route) string {
	words := strings.FieldsFunc(strings.ToLower(rt.method)+rt.path, func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9') })
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

// bodySchema returns the schema of what a route gives as body or answer: that of its type, or what it gives itself.
func bodySchema(v any) schema {
	if s, ok := v.(schema); ok {
		return s
	}
	return schemaOf(reflect.TypeOf(v))
}

func openAPI(c *call) (any, error) {
	return document(c.api.routes, c.api.registry.opt.Version), nil
}
