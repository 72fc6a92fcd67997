package chunk

import (
	"strings"
	"testing"

	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

func TestValidate(t *testing.T) {
	if faults := DefaultSettings().Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	for want, change := range map[string]func(*Settings){
		"log_keys: must be set":                                              func(s *Settings) { s.LogKeys = nil },
		`log_keys "log": is given twice`:                                     func(s *Settings) { s.LogKeys = []string{"log", "log"} },
		"level_keys: must not hold an empty text":                            func(s *Settings) { s.LevelKeys = []string{""} },
		"path_keys: must have at most 32 keys, has 33":                       func(s *Settings) { s.PathKeys = make([]string, 33) },
		"log_keys: must have at most 128 bytes in an entry, has 129":         func(s *Settings) { s.LogKeys = []string{strings.Repeat("k", 129)} },
		"event_tags: must not hold an empty text":                            func(s *Settings) { s.EventTags = []string{""} },
		`max_origins "0": must be from 1 to 1000000`:                         func(s *Settings) { s.MaxOrigins = 0 },
		`path_keys "source": has a fixed meaning and cannot`:                 func(s *Settings) { s.PathKeys = []string{"source"} },
		`max_origins "1000001": must be from 1 to 1000000`:                   func(s *Settings) { s.MaxOrigins = 1_000_001 },
		"level_keys: must have at most 32 keys, has 40":                      func(s *Settings) { s.LevelKeys = make([]string, 40) },
		"records: log_keys: must be set\nmax_origins \"-1\": must be from 1": func(s *Settings) { s.LogKeys, s.MaxOrigins = nil, -1 },
	} {
		s := DefaultSettings()
		change(&s)
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestOwnKeys configures keys of all lengths, among them some that are keys already.
func TestOwnKeys(t *testing.T) {
	s := DefaultSettings()
	for n := 1; n <= 30; n++ {
		key := strings.Repeat("k", n)
		s.LogKeys, s.LevelKeys, s.PathKeys = []string{key, "container_name"}, []string{"stream", key + "-level"}, []string{key + "/path"}
		d, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		body := ct.M("log", "no", key[:n-1]+"x", "no", key, "yes", key+"-level", "error", key+"/path", "/x/"+fullID+".log")
		lines := decodeAll(d, one(body), "t")
		if len(lines) != 1 || lines[0].Text != "yes" || lines[0].Severity.String() != "error" || lines[0].Source.Container.ID != fullID {
			t.Fatalf("key %q: got %+v", key, lines)
		}
		if lines := decodeAll(d, one(ct.M("container_name", "/web")), "t"); lines[0].Text != "/web" || lines[0].Source.Container.Name != "web" {
			t.Fatalf("a key with two meanings: got %+v", lines)
		}
	}
}
