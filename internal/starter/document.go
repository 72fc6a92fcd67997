package starter

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/examples"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
)

// Document is a first configuration.
type Document struct {
	Trigger Trigger // without secrets
	Packs   []string
	Survey  *Survey // nil: no engine was asked
	Made    time.Time
	Check   string // the command that checks the document
}

// containerRules alert for containers that fail, by the events of the engine.
const containerRules = `# A container ended by itself with an error, was killed for want of memory, or its health check fails. docs/docker.md has the names of events.
[[rule]]
name     = "container-failed"
event    = ["die"]
where    = { exit_code = "!=0", requested = "false" }
severity = "error"
summary  = "{{ .Workload }} ended with exit code {{ .Captures.exit_code }}"

[[rule]]
name     = "container-sick"
event    = ["oom", "health_status: unhealthy"]
severity = "error"
summary  = "{{ .Workload }}: {{ .Captures.event }}"
`

// Write writes the document.
func (d *Document) Write(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s\n", schemaDirective, config.SchemaURL)
	fmt.Fprintf(&b, "# A first configuration, made by docker-fluentbit init on %s. It is yours: change it as you like.\n", d.Made.Format(time.DateOnly))
	fmt.Fprintf(&b, "# docs/configuration.md explains every key. After a change: %s\n# A running instance applies a change within five seconds.\n", d.Check)

	heading(&b, "Where alerts go")
	if len(d.Trigger.Allow) > 0 {
		b.WriteString("# Addresses such as this machine's own are blocked unless they are listed here.\n" + egressTable(d.Trigger.Allow) + "\n")
	}
	b.WriteString(table(d.Trigger.Set))
	b.WriteString("# severity = [\"error\", \"critical\"] # sends only these\n# workload = [\"shop/*\"]            # sends only alerts of these\n")

	heading(&b, "Containers that fail")
	b.WriteString(containerRules)

	for _, p := range examples.Packs() {
		if slices.Contains(d.Packs, p.Name) {
			heading(&b, "Rule pack "+p.Name)
			b.WriteString(strings.TrimSpace(withoutDirective(p.Text)) + "\n")
		}
	}
	if d.Survey != nil && d.Survey.Frequent != nil && len(d.Survey.Frequent.Found) > 0 {
		heading(&b, "The most frequent lines")
		b.WriteString("# These lines came most often. Nothing alerts for them unless a pack does. To get an alert for one, remove the # before its rule. To keep one out\n" +
			"# of another rule, add the exclusion to that rule.\n#\n")
		if err := d.frequent(&b); err != nil {
			return err
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// schemaDirective names the schema to editors, in the first line of a file alone.
const schemaDirective = "#:schema "

// withoutDirective returns a document without the schema's directive.
func withoutDirective(text string) string {
	if strings.HasPrefix(text, schemaDirective) {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}

// frequent writes the suggestions as comments.
func (d *Document) frequent(b *bytes.Buffer) error {
	var text bytes.Buffer
	if err := d.Survey.Frequent.WriteTOML(&text); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case line == "":
			b.WriteString("#\n")
		case strings.HasPrefix(line, "#"):
			b.WriteString(line + "\n")
		default:
			b.WriteString("# " + line + "\n")
		}
	}
	return nil
}

// ruler is the width of a heading.
const ruler = 120

func heading(b *bytes.Buffer, text string) {
	fmt.Fprintf(b, "\n# ── %s %s\n\n", text, strings.Repeat("─", max(0, ruler-len(text))))
}
