package suggest

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// maxShown bounds the template and the sample in a comment.
const maxShown = 160

// WriteTOML writes the suggestions as a document of TOML that can be loaded: the rules as they are, the rest as comments.
func (r *Result) WriteTOML(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %d lines, %d templates", r.Lines, r.Templates)
	if r.Dropped > 0 {
		fmt.Fprintf(&b, "; %d lines of rarer templates are not counted, because there were too many templates", r.Dropped)
	}
	b.WriteString("\n")
	for i := range r.Found {
		s := &r.Found[i]
		fmt.Fprintf(&b, "\n# %d. %d lines, %.1f %%, from %s to %s, of %s\n", i+1, s.Count, 100*s.Share, s.First.Format(time.DateTime),
			s.Last.Format(time.DateTime), comment(strings.Join(s.Workloads, ", ")))
		fmt.Fprintf(&b, "# template  %s\n# sample    %s\n", comment(s.Template), comment(s.Sample))
		if s.Rule == "" {
			b.WriteString("# its lines have nothing in common that a rule could look for\n")
			continue
		}
		if s.Others > 0 {
			fmt.Fprintf(&b, "# the pattern also matches lines of %d other templates listed here\n", s.Others)
		}
		fmt.Fprintf(&b, "# to leave these lines out of another rule: %s\n%s", s.Exclusion, s.Rule)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// comment makes a text one line that can neither end a comment nor steer a terminal.
func comment(s string) string {
	return safetext.Shorten(safetext.Visible(s), maxShown)
}
