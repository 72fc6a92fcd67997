package client

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// keysOf lists the keys of a JSON document, nested ones behind a dot. Maps whose keys are free count as one key.
func keysOf(t *testing.T, text []byte) []string {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	var list []string
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for key, value := range m {
			list = append(list, prefix+key)
			if inner, ok := value.(map[string]any); ok && !slices.Contains([]string{"captures", "fields", "labels", "by"}, key) {
				walk(prefix+key+".", inner)
			}
		}
	}
	walk("", document)
	slices.Sort(list)
	return list
}

// fillAll gives every field of a struct some value.
func fillAll(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		one := reflect.New(v.Type().Elem()).Elem()
		fillAll(one)
		v.SetMapIndex(reflect.ValueOf("x"), one)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillAll(v.Index(0))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillAll(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(triggertest.SampleTime))
			return
		}
		for i := range v.NumField() {
			fillAll(v.Field(i))
		}
	}
}

// TestDocumentShowsEveryKey compares the sample of the generic webhook with the type that is sent, and the list of keys that are always present with an
// empty alert.
func TestDocumentShowsEveryKey(t *testing.T) {
	t.Parallel()
	text := triggertest.Document(t)
	var full, empty trigger.Alert
	fillAll(reflect.ValueOf(&full).Elem())
	encode := func(a trigger.Alert) []byte {
		out, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if shown, want := keysOf(t, []byte(triggertest.CutOut(t, text, "```json\n", "```"))), keysOf(t, encode(full)); !slices.Equal(shown, want) {
		t.Errorf("the sample shows\n%q, an alert has\n%q", shown, want)
	}
	always := triggertest.CodesOf(triggertest.CutOut(t, text, "are left out, except these, which are always present:", "```json"))
	slices.Sort(always)
	want := slices.DeleteFunc(keysOf(t, encode(empty)), func(key string) bool { return key == "source" || key == "suppressed" })
	if !slices.Equal(always, want) {
		t.Errorf("the document says that %q are always present, want %q", always, want)
	}
}

func TestDocumentListsEveryKind(t *testing.T) {
	t.Parallel()
	var listed []string
	for line := range strings.Lines(triggertest.CutOut(t, triggertest.Document(t), "| `kind` | meaning |", "## CloudEvents")) {
		if cells := strings.Split(line, "|"); len(cells) == 4 && strings.Contains(cells[1], "`") {
			listed = append(listed, triggertest.CodesOf(cells[1])...)
		}
	}
	if !slices.Equal(listed, trigger.Kinds()) {
		t.Errorf("the document lists %q, there are %q", listed, trigger.Kinds())
	}
}

func TestDocumentHasEveryFormatAndGroupKey(t *testing.T) {
	t.Parallel()
	text := triggertest.Document(t)
	for _, format := range receiver.Formats() {
		if format != "generic" && !regexp.MustCompile(`(?m)^format +(= )?= "`+format+`"`).MatchString(text) {
			t.Errorf("no block sets the format %s", format)
		}
	}
	keys := strings.FieldsFunc(triggertest.CutOut(t, text, "group_by       = ", "\n"), func(r rune) bool { return strings.ContainsRune(" ,[]\"#", r) })
	for _, key := range append(trigger.GroupKeys(), "label.NAME", "capture.NAME") {
		if !slices.Contains(keys, key) {
			t.Errorf("group_by's comment does not name %s", key)
		}
	}
}

// TestDocumentExplainsEveryStatus compares the table with the outcome of every status.
func TestDocumentExplainsEveryStatus(t *testing.T) {
	t.Parallel()
	outcomes := map[string]trigger.Outcome{"delivered": trigger.Delivered, "tried again": trigger.RetryLater, "the trigger is on hold": trigger.Hold, "the receiver is gone": trigger.Disabled, "this alert is a dead letter": trigger.Dead}
	rows := map[string]trigger.Outcome{} // token, such as "404", "5xx" or "any other 4xx"
	for line := range strings.Lines(triggertest.CutOut(t, triggertest.Document(t), "## What an answer means", "\nA group that")) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			continue
		}
		for begin, outcome := range outcomes {
			if strings.HasPrefix(strings.TrimSpace(cells[2]), begin) {
				for _, token := range strings.Split(cells[1], ",") {
					token, _, _ = strings.Cut(strings.TrimSpace(token), " but ")
					rows[token] = outcome
				}
			}
		}
	}
	for status := 200; status < 600; status++ {
		want, known := rows[strconv.Itoa(status)]
		if !known {
			want, known = rows[strconv.Itoa(status/100)+"xx"]
		}
		if !known {
			want = rows["any other "+strconv.Itoa(status/100)+"xx"]
		}
		if got := statusResult(status).Outcome; got != want {
			t.Errorf("%d %s is %s, the document says %s", status, http.StatusText(status), got, want)
		}
	}
}
