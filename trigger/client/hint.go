package client

import (
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// MissingFormat returns the format that a trigger's address calls for when the settings leave the default: the receiver would not understand
// the payload. It returns "" when nothing is missing or the host is not known. It reads the file or variable that holds the address, and
// returns "" when that fails.
func MissingFormat(s *trigger.Settings, lookupEnv func(string) (string, bool)) string {
	if s.Format != trigger.DefaultFormat || s.Body != "" {
		return ""
	}
	address, err := readSecret(s.URL, lookupEnv)
	if err != nil {
		return ""
	}
	if r := receiver.At(address); r != nil {
		return r.Format
	}
	return ""
}

// KnowsByLabels reports whether a trigger's receiver takes alerts with other labels for other alerts.
func KnowsByLabels(s *trigger.Settings) bool { return s.Body == "" && receiver.For(s).KnowsByLabels() }

// formatHint suggests a format; it returns "" for none.
func formatHint(format string) string {
	if format == "" {
		return ""
	}
	return `; the address belongs to ` + format + `, so set format = "` + format + `"`
}

// Lapses reports whether the alerts of a trigger stop firing at the receiver by themselves, after resolve_after.
func Lapses(s *trigger.Settings) bool { return receiver.For(s).Lapses && s.ResolveAfter > 0 }
