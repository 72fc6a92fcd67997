package lint

import (
	"slices"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet/redis"
	"github.com/tinyforge/fluentbit-trigger/internal/heartbeat"
	"github.com/tinyforge/fluentbit-trigger/internal/lint/expression"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// warnSingle warns of a setting of a table that exists once, if it is set. The value is not shown.
func (l *linter) warnSingle(code, field, message, hint string) {
	at, set := l.result.Parts.Single(field)
	if !set {
		return
	}
	l.findings = append(l.findings, Finding{
		File: at.Origin.String(), origin: at.Origin, Line: at.Line, Column: at.Column, Severity: Warning, Code: code, Field: field, Message: message, Hint: hint,
		head: at.Line,
	})
}

// redaction looks for patterns of [redact] that mask nothing, or everything.
func (l *linter) redaction() {
	for _, expr := range l.result.Settings.Redact.Patterns {
		switch {
		case expression.MatchesEverything(expr):
			l.warnSingle(CodeEverything, "redact.patterns", "a pattern matches every line: alerts show nothing of it", "")
		case expression.MatchesNothing(expr):
			l.warnSingle(CodeNothing, "redact.patterns", "a pattern can match no line, and so masks nothing", "")
		}
	}
}

// heartbeat looks for a heartbeat that goes to a trigger's receiver, and for secrets of it that everyone may read.
func (l *linter) heartbeat() {
	s := &l.result.Settings
	h := &s.Heartbeat
	if !h.On() {
		return
	}
	url := "heartbeat." + h.URL.Key("url")
	for i := range s.Triggers {
		if s.Triggers[i].URL == h.URL || !h.URL.Text.IsZero() && s.Triggers[i].URL.Text.Equal(h.URL.Text) {
			l.warnSingle(CodeHeartbeat, url, "is the address of a trigger: people would get a message at each heartbeat", "the address of a service that waits for requests")
			break
		}
	}
	for _, f := range h.SecretFiles() {
		if l.options.Shared(f.Path) {
			l.warnSingle(CodeSharedFile, "heartbeat."+f.Field, sharedFile, "chmod o-r "+f.Path)
		}
	}
	for _, field := range h.InClear() {
		at, set := l.result.Parts.Single("heartbeat." + field)
		if mode, err := l.options.Mode(at.Origin.String()); set && err == nil && mode&worldReadable != 0 {
			l.warnSingle(CodeSecret, "heartbeat."+field, "stands in a file that everyone may read", "chmod o-r, or "+ownSource(field))
		}
	}
}

// startFleet builds the connections of the fleet as a start does, which connects to nothing.
func (l *linter) startFleet() {
	s := &l.result.Settings
	if !s.Fleet.On() || slices.Contains(l.result.Broken, "fleet") {
		return
	}
	policy, faults := egress.NewPolicy(s.Egress)
	if len(faults) > 0 {
		return
	}
	e, err := redis.New(redis.Options{Settings: s.Fleet, Guard: egress.NewGuard(policy, nil), LookupEnv: l.options.LookupEnv})
	if err != nil {
		for _, p := range l.result.Unavailable("fleet.", err) {
			f := problem(&p)
			f.Code = CodeUnavailable
			l.findings = append(l.findings, f)
		}
		return
	}
	e.Close()
}

// startHeartbeat builds the sender of the heartbeat as a start does.
func (l *linter) startHeartbeat() {
	s := &l.result.Settings
	if slices.Contains(l.result.Broken, "heartbeat") {
		return
	}
	sender, err := heartbeat.NewSender(&s.Heartbeat, client.Deps{Egress: s.Egress, LookupEnv: l.options.LookupEnv})
	if err != nil {
		for _, p := range l.result.Unavailable("heartbeat.", err) {
			f := problem(&p)
			f.Code = CodeUnavailable
			l.findings = append(l.findings, f)
		}
	}
	if sender != nil {
		sender.Close()
	}
}
