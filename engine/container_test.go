package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/state"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// TestContainerIsItsName: containers that had the name one after the other share cooldown and bucket; those of other names do not, nor do ids without
// names.
func TestContainerIsItsName(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{MaxKeys: 100, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Hour}, Burst: 2}},
		Rules: []RuleSettings{
			{Name: "a", Pattern: "a", Cooldown: 10 * time.Minute, CooldownBy: []string{"container"}},
			{Name: "b", Pattern: "b", CooldownBy: []string{"container"}},
		},
	})
	of := func(name, id string) *Source {
		return &Source{Kind: "log", Workload: "shop/api", Container: Container{Name: name, ID: id}}
	}
	alerts := func(text string, sources ...*Source) (n int) {
		for _, s := range sources {
			n += len(r.record(Record{Text: []byte(text), Source: s}))
		}
		return n
	}
	crashing := []*Source{of("shop/api-0/main", "1"), of("shop/api-0/main", "2"), of("shop/api-0/main", "3"), of("shop/api-0/main", "4")}
	if n := alerts("a", crashing...); n != 1 {
		t.Errorf("a crash loop made %d alerts", n)
	}
	if n := alerts("b", crashing...); n != 1 {
		t.Errorf("%d alerts, one token was left", n)
	}
	if n := alerts("a", of("shop/api-1/main", "5"), of("", "6"), of("", "7")); n != 3 {
		t.Errorf("%d alerts of three containers", n)
	}
	long := strings.Repeat("n", 400)
	if n := alerts("a", of(long+"1", "8"), of(long+"2", "8"), of(long+"1", "9")); n != 2 {
		t.Errorf("%d alerts of two long names", n)
	}
}

// TestSharedBucket: sources that name a bucket take from that, whatever their containers are called, also in roll-ups and after a restart.
func TestSharedBucket(t *testing.T) {
	settings := Settings{
		Limits: Limits{MaxKeys: 100, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Hour}, Burst: 3}},
		Rules:  []RuleSettings{{Name: "a", Pattern: "a", Cooldown: time.Minute, CooldownBy: []string{"container"}}},
	}
	r := newRun(t, settings)
	n := 0
	for i := range 10 {
		n += len(r.record(Record{Text: []byte("a"), Source: &Source{Kind: "log", Workload: "w", Bucket: "tag", Container: Container{Name: strings.Repeat("x", i+1)}}}))
	}
	if n != 3 {
		t.Errorf("%d alerts, want those of one bucket", n)
	}
	if n := len(r.record(Record{Text: []byte("a"), Source: &Source{Kind: "log", Workload: "w", Container: Container{Name: "tag"}}})); n != 1 {
		t.Error("a container of the name of a shared bucket takes from it")
	}
	s := Source{Kind: "log", Workload: "w", Bucket: "tag", Container: Container{Name: "c"}}
	saved := state.SaveSource(&s)
	if got := saved.Source(); *got != s {
		t.Errorf("saved and restored: %+v", got)
	}
}

// attachedFields are fields of which those below "kubernetes." are the pipeline's.
type attachedFields struct{ fieldMap }

func (attachedFields) Attached(path string) bool { return strings.HasPrefix(path, "kubernetes.") }

// TestAttachedFieldsAreNotOfTheLine: a line that is JSON does not stand in for a field that the pipeline attaches and did not.
func TestAttachedFieldsAreNotOfTheLine(t *testing.T) {
	line := []byte(`{"kubernetes":{"namespace_name":"shop","labels":{"team":"a"}},"level":"error"}`)
	rec := &Record{Text: line, Source: web("c"), Fields: attachedFields{fieldMap{"kubernetes.namespace_name": "tenant"}}}
	for path, want := range map[string]string{"kubernetes.namespace_name": "tenant", "kubernetes.labels.team": "", "level": "error"} {
		if got, ok := model.AppendField(nil, rec, path); string(got) != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
