// Package admin serves the admin API of running pipelines: health, metrics, the API with its streams, and the page.
//
// It promises:
//   - One listener serves all instances of a process that name its address. After a hot reload of the host the address is free again.
//   - Every path except health checks and the login requires a token, which an instance generates if none is configured. See package listen.
//   - Rules, overrides and triggers created through the API are checked by the same code as files, take effect at once and survive restarts. Objects from
//     a file can only be changed in the file.
//   - Concurrent changes do not overwrite each other: every runtime object has an ETag, and a change must name it in If-Match.
//   - No response, metric, log line or audit entry contains a secret.
//   - Every change is in the audit: who changed what, with the values before and after.
//   - A panic ends only its request and is counted. Lists, bodies, streams and their buffers are bounded.
//
// The OpenAPI document at /api/v1/openapi.json follows from the same table of routes as the handlers.
package admin

//go:generate go run ./internal/gendoc ../../docs
