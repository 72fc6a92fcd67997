package redact

import (
	"slices"
	"strings"
)

// Lines masks the lines around a hit in place; message is the hit's own, masked. A private key that spans lines is masked in each, where its first or its
// last line is among them. cut reports whether a line was cut at its end.
func (r *Redactor) Lines(message string, before, after []string, cut func(line string) bool, tally *Tally) {
	if r == nil {
		return
	}
	if r.builtin {
		all := slices.Concat(before, []string{message}, after)
		key := make([]bool, len(all))
		keyForward(all, len(before), key)
		keyBackward(all, key)
		for i := range all {
			if key[i] && i != len(before) {
				all[i] = maskOf(privateKeyName)
				tally.add(privateKeyName)
			}
		}
		copy(before, all)
		copy(after, all[len(before)+1:])
	}
	for _, list := range [][]string{before, after} {
		for i, line := range list {
			list[i] = r.text(line, cut(line), tally)
		}
	}
}

// keyForward sets key for the lines of private keys whose first line is among lines. lines[masked] is masked already: a key may go on behind its end.
func keyForward(lines []string, masked int, key []bool) {
	within := false
	for i, line := range lines {
		if within {
			end := strings.Contains(line, "-----END ")
			key[i] = end || keyLine(line)
			within = key[i] && !end
			continue
		}
		begin := strings.LastIndex(line, "-----BEGIN ")
		within = begin >= 0 && strings.Contains(line[begin:], "PRIVATE KEY") && !strings.Contains(line[begin:], "-----END ") ||
			i == masked && strings.HasSuffix(line, maskOf(privateKeyName))
	}
}

// keyBackward sets key for the lines of private keys whose last line is among lines.
func keyBackward(lines []string, key []bool) {
	within := false
	for i := len(lines) - 1; i >= 0; i-- {
		end := strings.Index(lines[i], "-----END ")
		begins := strings.Contains(lines[i], "-----BEGIN ")
		switch {
		case end >= 0 && !begins && strings.Contains(lines[i][end:], "PRIVATE KEY"):
			within, key[i] = true, true
		case within:
			within = !begins && keyLine(lines[i])
			key[i] = key[i] || within
		}
	}
}

// keyLine reports whether a line may be one of a private key: base64, a header, or nothing.
func keyLine(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || strings.HasPrefix(line, "Proc-Type:") || strings.HasPrefix(line, "DEK-Info:") || strings.HasPrefix(line, "Version:") ||
		strings.HasPrefix(line, "Comment:") || strings.Trim(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=…") == "" ||
		line == maskOf(privateKeyName)
}
