package lint

import (
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
)

// senders looks for triggers that no start would use although they are well written: their address is blocked, or a variable, a file or a certificate is not
// there or not usable. It runs the code of a start. Offline leaves out the triggers that need something of the machine.
func (l *linter) senders() {
	s, parts := &l.result.Settings, &l.result.Parts
	for i := range s.Triggers {
		if l.options.Offline && len(s.Triggers[i].SecretVariables())+len(s.Triggers[i].Files()) > 0 {
			continue
		}
		l.quotedSecrets(parts.Triggers[i], &s.Triggers[i])
		sender, err := client.New(s.Triggers[i], client.Deps{Egress: s.Egress, LookupEnv: l.options.LookupEnv})
		if err != nil {
			for _, p := range parts.Triggers[i].Unavailable(err) {
				f := problem(&p)
				f.Code, f.head = CodeUnavailable, parts.Triggers[i].Place("", "").Line
				l.findings = append(l.findings, f)
			}
			continue
		}
		sender.Close()
	}
}

// start looks for other obstacles to a start on this machine, by the code of a start: files that are not usable, a store that cannot be made.
func (l *linter) start() {
	s := &l.result.Settings
	l.startHeartbeat()
	l.startFleet()
	if err := store.Usable(s.Store); err != nil {
		l.single("store", err.Error())
	}
	if s.Admin.Listen == listen.Off || s.Admin.Listen == "" {
		return
	}
	o := listen.Options{Settings: s.Admin}
	if !l.host.plugin || !s.Store.InMemory() {
		o.Token = "generated at the start"
	}
	_, err := listen.Prepare(o)
	for _, err := range []error{err, listen.Usable(s.Admin)} {
		for _, p := range l.result.Unavailable("admin.", err) {
			f := problem(&p)
			f.Code = CodeUnavailable
			l.findings = append(l.findings, f)
		}
	}
}

// quotedSecrets warns of secrets in quotes in their file or variable: neither a shell nor TOML removes them there.
func (l *linter) quotedSecrets(p config.Part, t *trigger.Settings) {
	const message, hint = "the value is in quotes, which are part of it", "remove the quotes; Docker's --env-file keeps them, too"
	for _, v := range t.SecretVariables() {
		if text, _ := l.options.LookupEnv(v.Path); quoted(strings.TrimSpace(text)) {
			l.warn(p, CodeQuotes, v.Field, "", message, hint)
		}
	}
	for _, f := range t.SecretFiles() {
		if text, err := namedfile.Read(f.Path, 64<<10); err == nil && quoted(strings.TrimSpace(string(text))) {
			l.warn(p, CodeQuotes, f.Field, "", message, hint)
		}
	}
}

// elsewhere counts the checks of start that Offline leaves out.
func (l *linter) elsewhere() (n int) {
	s := &l.result.Settings
	for i := range s.Triggers {
		n += len(s.Triggers[i].SecretVariables()) + len(s.Triggers[i].Files())
	}
	if s.Store.Path != "" && s.Store.Path != store.MemoryPath {
		n++
	}
	if s.Admin.Listen != "" && s.Admin.Listen != listen.Off {
		n++
	}
	for _, file := range []string{s.Admin.TokenFile, s.Admin.CertFile, s.Admin.KeyFile} {
		if file != "" {
			n++
		}
	}
	return n
}

// single adds an error of a setting that exists once.
func (l *linter) single(field, message string) {
	at, _ := l.result.Parts.Single(field)
	l.findings = append(l.findings, Finding{
		File: at.Origin.String(), origin: at.Origin, Line: at.Line, Column: at.Column, Severity: Error, Code: CodeUnavailable, Field: field, Message: message,
	})
}
