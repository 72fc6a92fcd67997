package pipeline

import (
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestAnEndGoesWhereTheBeginningWent ends incidents after things that would keep an ordinary alert from the trigger: it gets the end of what it got, and of
// nothing else.
func TestAnEndGoesWhereTheBeginningWent(t *testing.T) {
	const boom = "[[rule]]\nname = \"boom\"\npattern = \"^boom\"\ncooldown = \"1m\"\nresolve = \"10m\"\n"
	const over = "[[rule]]\nname = \"boom\"\npattern = \"^boom\"\ncooldown = \"1m\"\nresolve_on = \"^all good\"\n"
	const day = "during = [\"daily 08:00-18:00\"]\n"
	for _, c := range []struct {
		name       string
		rules      string
		then       func(b *bench, p *Pipeline, o Options, c *clock) *Pipeline // between beginning and end
		after      time.Duration                                              // the end is due by then
		kinds      []string
		hits, more int64 // of the end: of its incident, and that no alert reported before
	}{
		{"nothing", boom, nil, 11 * time.Minute, []string{"log", "resolved"}, 1, 0},
		{"the trigger's hours end", day + boom, func(b *bench, p *Pipeline, o Options, c *clock) *Pipeline {
			c.pass(5 * time.Hour)
			return p
		}, 11 * time.Minute, []string{"log", "resolved"}, 1, 0},
		{"another filter", boom, func(b *bench, p *Pipeline, o Options, c *clock) *Pipeline {
			b.write(b.document("rule = [\"another\"]\nseverity = [\"debug\"]\n" + boom))
			p.Reload()
			return p
		}, 11 * time.Minute, []string{"log", "resolved"}, 1, 0},
		{"a filter for other kinds", boom, func(b *bench, p *Pipeline, o Options, c *clock) *Pipeline {
			b.write(b.document("where = { kind = \"!=resolved\" }\n" + boom))
			p.Reload()
			return p
		}, 11 * time.Minute, []string{"log"}, 0, 0},
		{"a silence", boom, func(b *bench, p *Pipeline, o Options, c *clock) *Pipeline {
			b.write(b.document(boom + "[[silence]]\nname = \"all\"\nrule = \"boom\"\nfrom = " +
				c.now().Format(time.RFC3339) + "\nuntil = " + c.now().Add(time.Hour).Format(time.RFC3339) + "\n"))
			p.Reload()
			p.Flush(lines("boom 2", "boom 3"), "docker.web") // it is said at the end
			return p
		}, 11 * time.Minute, []string{"log", "resolved"}, 3, 2},
		{"the rule goes", boom, func(b *bench, p *Pipeline, o Options, c *clock) *Pipeline {
			b.write(b.document(rule("other", "^other")))
			p.Reload()
			return p
		}, time.Second, []string{"log", "resolved"}, 1, 0},
		{"resolve goes", boom, func(b *bench, p *Pipeline, o Options, c *clock) *Pipeline {
			b.write(b.document(rule("boom", "^boom")))
			p.Reload()
			return p
		}, time.Second, []string{"log", "resolved"}, 1, 0},
		{"a restart", boom, func(b *bench, p *Pipeline, o Options, c *clock) *Pipeline {
			b.stop(p)
			c.pass(time.Hour) // does not count
			b.write(b.document("rule = [\"another\"]\n" + boom))
			return b.start(o)
		}, 11 * time.Minute, []string{"log", "resolved"}, 1, 0},
		{"a line behind another filter", over, func(b *bench, p *Pipeline, o Options, c *clock) *Pipeline {
			b.write(b.document("rule = [\"another\"]\nseverity = [\"debug\"]\n" + over))
			p.Reload()
			p.Flush(lines("boom 2", "all good", "all good"), "docker.web")
			return p
		}, time.Second, []string{"log", "resolved"}, 2, 1},
		{"a line after a restart", over, func(b *bench, p *Pipeline, o Options, c *clock) *Pipeline {
			b.stop(p)
			c.pass(100 * time.Hour)
			p = b.start(o)
			p.Flush(lines("all good"), "docker.web")
			return p
		}, time.Second, []string{"log", "resolved"}, 1, 0},
		{"a trigger that never got it", "severity = [\"critical\"]\n" + boom, func(b *bench, p *Pipeline, o Options, c *clock) *Pipeline {
			b.write(b.document(boom))
			p.Reload()
			return p
		}, 11 * time.Minute, nil, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, hands := newBench(t), newClock()
			hands.at = hands.now().UTC().Truncate(24 * time.Hour).Add(37 * time.Hour) // one o'clock
			o := b.options(b.document(c.rules))
			o.Now = hands.now
			p := b.start(o)
			p.Flush(lines("boom 1"), "docker.web")
			b.messages(min(1, len(c.kinds)))
			if c.then != nil {
				p = c.then(b, p, o, hands)
			}
			hands.pass(c.after)
			p.Flush(lines("quiet"), "docker.web") // time passes
			p.tick(p.newBatch())
			b.messages(len(c.kinds))
			alerts := b.alerts()
			if len(alerts) != len(c.kinds) {
				t.Fatalf("%d alerts, want %q: %+v", len(alerts), c.kinds, alerts)
			}
			for i, kind := range c.kinds {
				if alerts[i].Kind != kind || alerts[i].Key != alerts[0].Key {
					t.Errorf("alert %d is a %s with the key %s", i, alerts[i].Kind, alerts[i].Key)
				}
			}
			if c.hits == 0 {
				return
			}
			begin, end := alerts[0], alerts[len(alerts)-1]
			if !begin.Resolves || end.Resolves || end.Incident == nil || end.Incident.Hits != c.hits || end.Incident.Alerts != 1 || end.Suppressed.Total != c.more {
				t.Errorf("the incident is %+v, and %d hits were not reported before", end.Incident, end.Suppressed.Total)
			}
			if !end.Incident.Began.Equal(begin.Time) || end.Severity != begin.Severity || end.Kind != trigger.KindResolved {
				t.Errorf("%+v does not end %+v", end, begin)
			}
		})
	}
}

// TestARecordThatEndsIncidentsMakesTheirIDs: each incident has its own, whatever else the record ends, and one that comes again makes the same.
func TestARecordThatEndsIncidentsMakesTheirIDs(t *testing.T) {
	end := func(key string) *engine.Alert {
		return &engine.Alert{Kind: engine.KindResolved, RuleID: "boom", Key: key, Recorded: 7, Source: &engine.Source{Tag: "docker.web"}}
	}
	line := &docker.Line{Time: 7, Text: []byte("all good")}
	event := &docker.ContainerEvent{Action: "start", Time: 7, Source: &engine.Source{Container: engine.Container{ID: "c"}}}
	for name, id := range map[string]func(ids *identity, key string) string{
		"record": func(ids *identity, key string) string { return ids.next(end(key), []byte("all good")) },
		"line":   func(ids *identity, key string) string { return ids.ofLine(end(key), "c", line) },
		"event":  func(ids *identity, key string) string { return ids.ofEvent(end(key), event) },
	} {
		first, again := &identity{instance: "i", ordinals: &alertOrdinals{}}, &identity{instance: "i", ordinals: &alertOrdinals{}}
		a, b := id(first, "boom\x1fa"), id(first, "boom\x1fb")
		if a == b {
			t.Errorf("%s: two incidents have the id %s", name, a)
		}
		if got := id(again, "boom\x1fb"); got != b {
			t.Errorf("%s: after a restart the id is %s, want %s", name, got, b)
		}
	}
}
