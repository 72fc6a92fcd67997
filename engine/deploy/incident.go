package deploy

import (
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// maxOpen is how long the incident of a worse image stays open if no image takes its place: by then its errors have alerts of their own.
const maxOpen = 24 * time.Hour

// incident is the alert about an image that was worse than the last one, until another image takes its place. Its end is an alert, too, so that nothing stays
// open at receivers that keep incidents.
type incident struct {
	key      string // of the alert
	image    model.Container
	last     string // the image that was better
	severity model.Severity
	opened   int64    // when the alert was made, by arrival
	over     int64    // when another image took its place; 0: none did
	next     string   // that image; "": comparisons ended
	triggers []string // that send the alert; nil: unknown
}

// ends returns when the incident ends; 0: there is none.
func (i *incident) ends() int64 {
	switch {
	case i == nil:
		return 0
	case i.over != 0:
		return i.over
	}
	return i.opened + int64(maxOpen)
}

// replaced notes that another image took the place of the one that the incident is about.
func (i *incident) replaced(by string, now int64) {
	if i != nil && i.over == 0 {
		i.over, i.next = max(i.opened, now), by
	}
}

func (i *incident) clampFuture(now int64) {
	if i != nil {
		i.opened, i.over = min(i.opened, now), min(i.over, now)
	}
}

// end returns the alert about the end.
func (i *incident) end(workload string) model.Alert {
	at := i.ends()
	a := model.Alert{
		Kind: model.KindResolved, RuleID: Rule, Rule: Rule, Severity: i.severity, Time: at, First: i.opened, Last: at,
		Source: &model.Source{Kind: "log", Workload: workload, Container: i.image}, Key: i.key, Due: i.opened, Triggers: i.triggers,
	}
	var severities model.SeveritySet
	severities.Add(i.severity)
	a.Incident = &model.Incident{Began: i.opened, Lasted: at - i.opened, Alerts: 1, Severities: severities.List()}
	what := "is taken for granted"
	switch {
	case i.next != "":
		what = "was replaced by " + tagAgainst(i.next, i.image.Image)
	case i.over != 0:
		what = "is not compared any more"
	}
	a.Summary = model.OneLine(fmt.Sprintf("%s: %s, worse than %s, %s after %s", workload, tagAgainst(i.image.Image, i.last), tagAgainst(i.last, i.image.Image), what,
		model.Roughly(at-i.opened)), model.MaxSummary)
	return a
}

// tagAgainst returns the tag of an image where the other one has the same name, and its whole name otherwise.
func tagAgainst(image, other string) string {
	name, tag, ok := cutTag(image)
	otherName, otherTag, otherOK := cutTag(other)
	if ok && otherOK && name == otherName && tag != otherTag {
		return tag
	}
	return image
}

// open notes an alert that left as the beginning of an incident. Where another image has taken the place meanwhile, the incident ends at once.
func (t *Tracker) open(a *model.Alert, series string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, ok := t.workloads.Peek(series)
	if !ok {
		return
	}
	c := a.Source.Container
	w.incident = &incident{key: a.Key, image: c, last: a.Deploy.Last, severity: a.Severity, opened: a.Time}
	if w.find(c.Image, c.ImageID) != 0 {
		w.incident.replaced(w.images[0].name, max(t.latest, a.Time))
	}
	t.workloads.Touch(series)
	t.schedule()
}

// Routed notes the triggers that send an alert about a worse image: the end has their names.
func (t *Tracker) Routed(a *model.Alert, triggers []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.named[a.Source.Workload] {
		if w.incident != nil && w.incident.key == a.Key {
			w.incident.triggers = triggers
			t.workloads.Touch(w.key)
		}
	}
}
