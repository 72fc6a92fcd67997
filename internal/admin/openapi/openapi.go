// Package openapi generates the OpenAPI 3.1 document of an API from its operations.
package openapi

import (
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Operation is one method of one path.
type Operation struct {
	Method, Path string
	Summary      string
	Params       []Param // of the query; those of the path follow from it
	Body         any     // a value of the request's type, or a Schema; nil: none
	Answer       any     // likewise, of a successful response; nil: 204
	Status       int     // of a successful response; 0: 200
	Kind         string  // media type of the response; "": JSON
	Global       bool    // it takes no parameter instance
	Open         bool    // it needs no token
	Login        bool    // it is open, and checks credentials of its own
	Match        bool    // it needs the header If-Match
	Problems     []int   // error statuses beyond those of every operation
}

// Param is a parameter of the query.
type Param struct {
	Name, Kind, Meaning string // Kind: string, integer, boolean
}

// Info describes the API.
type Info struct {
	Title, Version, Description string
	KeyHeader                   string // the header of a browser's session key
	Problem                     any    // the type of errors
}

var pathParam = regexp.MustCompile(`\{([a-z_]+)\}`)

// Document returns the document of the operations.
func Document(info Info, all []Operation) Schema {
	paths := Schema{}
	for i := range all {
		op := &all[i]
		item, _ := paths[op.Path].(Schema)
		if item == nil {
			item = Schema{}
			paths[op.Path] = item
		}
		item[strings.ToLower(op.Method)] = operation(op)
	}
	return Schema{
		"openapi": "3.1.0",
		"info": Schema{
			"title": info.Title, "version": info.Version, "description": info.Description,
			"license": Schema{"name": "see LICENSE"},
		},
		"servers":  []Schema{{"url": "/"}},
		"security": []Schema{{"bearer": []string{}}, {"basic": []string{}}, {"cookie": []string{}, "key": []string{}}},
		"paths":    paths,
		"components": Schema{
			"securitySchemes": Schema{
				"bearer": Schema{"type": "http", "scheme": "bearer"},
				"basic":  Schema{"type": "http", "scheme": "basic", "description": "The password is the token."},
				"cookie": Schema{"type": "apiKey", "in": "cookie", "name": "fluentbit-trigger-PORT", "description": "The session of a browser that logged in. PORT is the port in the browser's address."},
				"key":    Schema{"type": "apiKey", "in": "header", "name": info.KeyHeader, "description": "The key in the response to the login."},
			},
			"schemas": Schema{"Problem": schemaOf(reflect.TypeOf(info.Problem))},
		},
	}
}

func operation(rt *Operation) Schema {
	op := Schema{"summary": rt.Summary, "operationId": operationID(rt)}
	var params []Schema
	for _, m := range pathParam.FindAllStringSubmatch(rt.Path, -1) {
		params = append(params, Schema{"name": m[1], "in": "path", "required": true, "schema": Schema{"type": "string"}})
	}
	for _, p := range rt.Params {
		params = append(params, Schema{"name": p.Name, "in": "query", "description": p.Meaning, "schema": Schema{"type": p.Kind}})
	}
	if !rt.Global {
		params = append(params, Schema{
			"name": "instance", "in": "query", "schema": Schema{"type": "string"}, "description": "The instance. Required if the listener serves several.",
		})
	}
	problems := rt.Problems
	if rt.Match {
		params = append(params, Schema{
			"name": "If-Match", "in": "header", "required": true, "schema": Schema{"type": "string"}, "description": "The ETag of the version to change, or *.",
		})
		problems = append([]int{http.StatusPreconditionFailed, http.StatusPreconditionRequired}, problems...)
	}
	if params != nil {
		op["parameters"] = params
	}
	if rt.Body != nil {
		kinds := Schema{"application/json": Schema{"schema": bodySchema(rt.Body)}}
		if rt.Method == http.MethodPatch {
			kinds = Schema{"application/merge-patch+json": Schema{"schema": bodySchema(rt.Body)}}
		}
		op["requestBody"] = Schema{"required": true, "content": kinds}
	}
	if rt.Open {
		op["security"] = []Schema{{}}
	}
	responses := Schema{}
	switch {
	case rt.Answer == nil:
		responses["204"] = Schema{"description": "Done."}
	case rt.Kind != "":
		responses["200"] = Schema{"description": "Success.", "content": Schema{rt.Kind: Schema{"schema": Schema{"type": "string"}}}}
	default:
		responses[strconv.Itoa(max(rt.Status, http.StatusOK))] = Schema{
			"description": "Success.", "content": Schema{"application/json": Schema{"schema": bodySchema(rt.Answer)}},
		}
	}
	refusals := append([]int{http.StatusBadRequest, http.StatusForbidden, http.StatusInternalServerError}, problems...)
	if !rt.Open || rt.Login {
		refusals = append(refusals, http.StatusUnauthorized)
	}
	if !rt.Global {
		refusals = append(refusals, http.StatusNotFound, http.StatusServiceUnavailable)
	}
	for _, status := range refusals {
		responses[strconv.Itoa(status)] = Schema{
			"description": http.StatusText(status) + ".",
			"content":     Schema{"application/problem+json": Schema{"schema": Schema{"$ref": "#/components/schemas/Problem"}}},
		}
	}
	op["responses"] = responses
	return op
}

// operationID returns an ID such as getApiV1RulesName.
func operationID(rt *Operation) string {
	words := strings.FieldsFunc(strings.ToLower(rt.Method)+rt.Path, func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9') })
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

// bodySchema returns the schema of a body: the value itself if it is one, otherwise that of its type.
func bodySchema(v any) Schema {
	if s, ok := v.(Schema); ok {
		return s
	}
	return schemaOf(reflect.TypeOf(v))
}
