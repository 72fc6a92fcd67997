package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// PostView returns the view of a post: its first alert, and the progress of its key.
func PostView(id string, p *trigger.Post) *View {
	v := NewView(id, []trigger.Alert{p.Alert()}, 1)
	v.Place, v.progress, v.over = p.Place, ProgressText(p), p.Over
	return v
}

// Progress returns what an edited message says beside its first alert, or "" for a message that is sent for the first time.
func (v *View) Progress() string { return v.progress }

// Over reports whether the message is one whose incident is over, so that its first text is struck through.
func (v *View) Over() bool { return v.over }

// ProgressText returns how often a key was hit, and whether it goes on: "×312 since 14:02, still on at 14:33", "×312 since 14:02, last at 14:33" where no
// end will come, or "over after 31m, ×312 since 14:02". Times are UTC.
func ProgressText(p *trigger.Post) string {
	var parts []string
	if p.Over {
		over := "over"
		if p.Lasted > 0 {
			over += " after " + setting.FormatDuration(time.Duration(p.Lasted)*time.Second)
		}
		parts = append(parts, over)
	}
	layout := "15:04"
	if p.Last.Sub(p.Since).Abs().Hours() >= 20 {
		layout = "2006-01-02 15:04"
	}
	if p.Hits > 1 {
		times := fmt.Sprintf("×%d", p.Hits)
		if !p.Since.IsZero() {
			times += " since " + p.Since.UTC().Format(layout)
		}
		parts = append(parts, times)
	}
	if !p.Over && !p.Last.IsZero() {
		state := "last at "
		if p.First.Resolves {
			state = "still on at "
		}
		parts = append(parts, state+p.Last.UTC().Format(layout))
	}
	return strings.Join(parts, ", ")
}
