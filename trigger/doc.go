// Package trigger turns alerts into webhook requests and sends them: filters, payload presets, body templates, signatures, the egress guard
// and the retrying client. It speaks HTTP and nothing else, keeps nothing on disk and imports no other package of this module.
//
// It promises three things. What a log line holds cannot change the shape of a payload, mention anyone or exceed a receiver's limits. No
// request leaves for an address that the egress policy denies, whatever its name resolves to at the moment of the dial. No secret (URL,
// token, header, key) appears in any error, result or printed value.
package trigger
