package client

import "strings"

// reservedHeaders returns the headers that the client sets itself, and those that would change the framing of a request.
func reservedHeaders() []string {
	return []string{
		"Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Te",
		"Trailer", "Expect", "Proxy-Connection", "Proxy-Authorization", "Accept-Encoding", "Idempotency-Key", "Alert-Key",
		"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "X-Hub-Signature-256",
	}
}

// isHeaderName reports whether a text is a token of RFC 9110.
func isHeaderName(name string) bool {
	if name == "" || len(name) > 256 {
		return false
	}
	for _, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return true
}

// isHeaderValue reports whether a text is a valid value of a header.
func isHeaderValue(value string) bool {
	return len(value) <= 8<<10 && !strings.ContainsFunc(value, func(r rune) bool { return (r < ' ' && r != '\t') || r == 0x7f })
}
