package engine

import (
	"testing"
)

func TestParseLevel(t *testing.T) {
	for want, words := range map[Severity][]string{
		SeverityDebug:    {"trace", "TRACE", "debug", "Debug", "verbose", "DBG", "fine", "d", "T", "10", "20", "7", "TRACE4", "debug2"},
		SeverityInfo:     {"info", "INFO", "information", "notice", "log", "I", "30", "5", "6", "INFO2", " info ", "[info]"},
		SeverityWarning:  {"warn", "WARNING", "Warning", "w", "40", "4", "WARN3"},
		SeverityError:    {"error", "ERROR", "err", "SEVERE", "e", "50", "3", "ERROR4"},
		SeverityCritical: {"crit", "CRITICAL", "fatal", "Panic", "alert", "emerg", "emergency", "F", "60", "0", "1", "2", "FATAL"},
		SeverityUnknown:  {"", " ", "loud", "8", "9", "70", "999999999999", "4x", "-1", "errorerrorerrorerror", "1e1", "error5"},
	} {
		for _, word := range words {
			if got := ParseLevel([]byte(word)); got != want {
				t.Errorf("ParseLevel(%q) = %q, want %q", word, got, want)
			}
		}
	}
}
