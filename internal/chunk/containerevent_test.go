package chunk

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// happens is what an engine writes of a container, as Fluent Bit reads it.
func happens(name, action, more string) string {
	return fmt.Sprintf(`{"status":%[2]q,"id":%[3]q,"from":"shop:1","Type":"container","Action":%[2]q,"Actor":{"ID":%[3]q,"Attributes":{%[4]s`+
		`"com.docker.compose.project":"shop","com.docker.compose.service":%[1]q,"image":"shop:1","name":%[1]q}},"scope":"local",`+
		`"time":1795713510,"timeNano":1795713510959919079}`+"\n", name, action, fullID, more)
}

const (
	eventTag  = "docker_events.0"
	connected = `{"Type":"network","Action":"connect","Actor":{"ID":"n","Attributes":{"container":"c"}},"scope":"local","time":1795713510,"timeNano":1795713510959919079}`
)

// decoded decodes texts, each in a record of docker_events and all in one chunk, or each in a chunk of its own, and returns the lines, events in brackets.
func decoded(d *Decoder, tag string, split bool, texts ...string) (out []string) {
	take := func(rec *engine.Record, _ []byte) {
		text := string(rec.Text)
		if _, ok := rec.Fields.(*docker.ContainerEvent); ok {
			text = "[" + text + "]"
		}
		if rec.Truncated {
			text += " …"
		}
		out = append(out, text)
	}
	var chunk []byte
	for _, text := range texts {
		event := ct.Event(nil, ct.FirstTime, ct.M(), ct.M("message", text))
		if chunk = append(chunk, event...); split {
			d.Decode(event, tag, testNow, take)
		}
	}
	if !split {
		d.Decode(chunk, tag, testNow, take)
	}
	d.Drain(take)
	return out
}

// TestEventsOfContainers is what Fluent Bit's docker_events makes records of: whatever it reads at once.
func TestEventsOfContainers(t *testing.T) {
	create, die := happens("web", "create", ""), happens("web", "die", `"exitCode":"137",`)
	const created, died = "[container web: create]", "[container web: die, exit code 137]"
	off := happens("off", "die", `"fluentbit-trigger.enable":"false",`)
	begin := create[:200]
	for _, tc := range []struct {
		name  string
		tag   string
		texts []string
		want  []string
	}{
		{"one", "", []string{die}, []string{died}},
		{"without its line feed", "", []string{strings.TrimSpace(die)}, []string{died}},
		{"several", "", []string{create + die, die}, []string{created, died, died}},
		{"in pieces", "", []string{create + die[:10], die[10:300], die[300:]}, []string{created, died}},
		{"in pieces, and further ones", "", []string{create[:100], create[100:] + die[:50], die[50:] + create}, []string{created, died, created}},
		{"the line feed alone", "", []string{die[:len(die)-1] + "\n" + create[:len(create)-1], "\n"}, []string{died, created, ""}},
		{"of a network", "", []string{connected + "\n" + die}, []string{connected, died}},
		{"the label leaves it out", "", []string{off + die}, []string{died}},
		{"its beginning is lost", "", []string{die[300:] + create}, []string{strings.TrimSpace(die[300:]), created}},
		{"its end is lost", "", []string{begin, die}, []string{begin + " …", died}},
		{"its end is lost, at the end", "", []string{die + begin}, []string{died, begin + " …"}},
		{"another text", "", []string{"no event", "none {either}", ""}, []string{"no event", "none {either}", ""}},
		{"another tag", "docker.web", []string{die}, []string{strings.TrimSpace(die)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tag := tc.tag
			if tag == "" {
				tag = eventTag
			}
			for _, split := range []bool{false, true} {
				d := newDecoder(t)
				if got := decoded(d, tag, split, tc.texts...); !slices.Equal(got, tc.want) {
					t.Errorf("split %v: got %.400q\nwant %.400q", split, got, tc.want)
				}
				s := d.Stats()
				checkAccounts(t, s)
				if s.HeldLines != 0 || s.HeldBytes != 0 {
					t.Errorf("still held: %+v", s)
				}
			}
		})
	}
}

// TestARequestedStop is known by the event before the end, in one chunk or in two; the next start ends it.
func TestARequestedStop(t *testing.T) {
	kill, die, start := happens("web", "kill", `"signal":"15",`), happens("web", "die", `"exitCode":"143",`), happens("web", "start", "")
	want := []string{
		"[container web: kill, signal 15]", "[container web: die, exit code 143, requested]", "[container web: start]", "[container web: die, exit code 143]",
	}
	for _, split := range []bool{false, true} {
		if got := decoded(newDecoder(t), eventTag, split, kill, die+start, die); !slices.Equal(got, want) {
			t.Errorf("split %v: got %q", split, got)
		}
	}
}

// TestAnEventKnowsItsContainer goes by the labels, whichever way the event came.
func TestAnEventKnowsItsContainer(t *testing.T) {
	attributes := ct.M("com.docker.compose.project", "shop", "com.docker.compose.service", "web", "exitCode", "3", "image", "shop:1", "name", "shop-web-1")
	parsed := ct.M("status", "die", "id", fullID, "from", "shop:1", "Type", "container", "Action", "die",
		"Actor", ct.M("ID", fullID, "Attributes", attributes), "scope", "local", "time", 1795713510, "timeNano", 1795713510959919079, "hostname", "node-1")
	s := DefaultSettings()
	s.LogKeys, s.EventTags = []string{"event"}, []string{"happening"}
	d, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	keyed := ct.M("event", happens("web", "die", `"exitCode":"3",`), "hostname", "node-1")
	for name, body := range map[string]ct.Map{"parsed": parsed, "keyed": keyed} {
		var lines int
		d.Decode(one(body), "happening", testNow, func(rec *engine.Record, _ []byte) {
			lines++
			source, code := rec.Source, ""
			if value, ok := rec.Fields.AppendField(nil, engine.ExitCodeField); ok {
				code = string(value)
			}
			if rec.Time != 1795713510_959919079 || source.Kind != engine.SourceContainer || source.Workload != "shop/web" || source.Container.ID != fullID ||
				source.Container.Image != "shop:1" || source.Host != "node-1" || source.Tag != "happening" || code != "3" {
				t.Errorf("%s: %+v of %+v, code %q", name, rec, source, code)
			}
		})
		if lines != 1 {
			t.Errorf("%s: %d records", name, lines)
		}
	}
}

// TestALineBesideEvents has its own text as the field that held them all.
func TestALineBesideEvents(t *testing.T) {
	d := newDecoder(t)
	d.Decode(one(ct.M("message", happens("web", "die", "")+connected+"\n")), eventTag, testNow, func(rec *engine.Record, _ []byte) {
		if rec.Source.Kind == engine.SourceContainer {
			return
		}
		if field, _ := rec.Fields.AppendField(nil, "message"); string(field) != connected || rec.Source.Workload != eventTag {
			t.Errorf("%q of %+v", field, rec.Source)
		}
	})
}
