// Package admin is the administration of running pipelines over HTTP: health, metrics, the API, streams of alerts and of records, and the page.
//
// It promises:
//   - One listener serves all instances of a process that name its address; a hot reload of the host finds the address free again.
//   - Every path but those of health checks and of the login takes a token, which an instance makes for itself where none is configured. See package listen.
//   - Rules, overrides and triggers made here are checked by the code that checks files, take effect at once, and survive restarts. What a
//     file says is changed in the file alone.
//   - A change that was based on what is no longer so is refused: every runtime object has an ETag, and a change names it in If-Match.
//   - No secret is in an answer, a metric, a log line or the audit.
//   - Every change is in the audit: who, what, before and after.
//   - A panic ends its request alone, and is counted. Lists, bodies, streams and what is kept for them are bounded.
//
// The document at /api/v1/openapi.json is made from the table of routes that the handlers are served by.
package admin
