package docker

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// aDeath is what an engine writes when a container ends, with the values in the places of the arguments.
func aDeath(kind, action, id, attributes, times string) string {
	return fmt.Sprintf(`{"status":"die","id":"x","from":"shop:1","Type":%s,"Action":%s,"Actor":{"ID":%s,"Attributes":%s},"scope":"local",%s}`,
		kind, action, id, attributes, times)
}

const (
	someID    = `"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"`
	someTimes = `"time":1795713510,"timeNano":1795713510959919079`
)

func TestParseEvent(t *testing.T) {
	attributes := `{"exitCode":"137","image":"shop:1","name":"web","a.b":"with \"quotes\" and ünïcödé"}`
	e, ok := ParseEvent([]byte(aDeath(`"container"`, `"die"`, someID, attributes, someTimes)))
	want := map[string]string{"exitCode": "137", "image": "shop:1", "name": "web", "a.b": `with "quotes" and ünïcödé`}
	if !ok || e.ID != strings.Trim(someID, `"`) || e.Action != "die" || e.Name != "web" || e.Time != 1795713510_959919079 || !maps.Equal(e.Attributes, want) {
		t.Errorf("%v %+v", ok, e)
	}
	o := e.ContainerEvent("here", false)
	if o.Text() != "container web: die, exit code 137" || o.Source.Host != "here" || o.Source.Kind != "container" || o.Source.Container.Image != "shop:1" {
		t.Errorf("%+v", o)
	}
	if e, ok := ParseEvent([]byte(aDeath(`"container"`, `"die"`, someID, `{}`, `"time":1795713510`))); !ok || e.Time != 1795713510_000000000 {
		t.Errorf("without nanoseconds: %v %+v", ok, e)
	}
}

// TestWhatIsNoEvent is what looks like one.
func TestWhatIsNoEvent(t *testing.T) {
	whole := aDeath(`"container"`, `"die"`, someID, `{"name":"web"}`, someTimes)
	for name, text := range map[string]string{
		"nothing":              "",
		"a text":               "container web: die",
		"a list":               "[" + whole + "]",
		"a part":               whole[:len(whole)-1],
		"two":                  whole + whole,
		"another type":         aDeath(`"network"`, `"die"`, someID, `{}`, someTimes),
		"no type":              aDeath(`null`, `"die"`, someID, `{}`, someTimes),
		"no action":            aDeath(`"container"`, `""`, someID, `{}`, someTimes),
		"an action of numbers": aDeath(`"container"`, `1`, someID, `{}`, someTimes),
		"a short id":           aDeath(`"container"`, `"die"`, `"0123456789ab"`, `{}`, someTimes),
		"an id of other signs": aDeath(`"container"`, `"die"`, strings.Replace(someID, "0", "G", 1), `{}`, someTimes),
		"attributes in a list": aDeath(`"container"`, `"die"`, someID, `[]`, someTimes),
		"an attribute of one":  aDeath(`"container"`, `"die"`, someID, `{"exitCode":1}`, someTimes),
		"no time":              aDeath(`"container"`, `"die"`, someID, `{}`, `"time":0`),
	} {
		if e, ok := ParseEvent([]byte(text)); ok {
			t.Errorf("%s is taken for %+v", name, e)
		}
	}
}
