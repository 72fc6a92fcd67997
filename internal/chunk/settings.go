package chunk

import (
	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Settings are the keys of a record that have a meaning, and bounds.
type Settings struct {
	// Keys that may hold the line, the first that holds a text counts. A record with none of them is matched as one line of JSON.
	LogKeys []string `toml:"log_keys"`
	// Keys that may hold the severity, as a word (error, WARN, …) or a number (syslog's 0 to 7, pino's 10 to 60); the first that is there counts.
	LevelKeys []string `toml:"level_keys"`
	// Keys that may hold the path of the log file (path_key of the tail input), from which the container is read. Only values that hold
	// ".log" are looked at.
	PathKeys []string `toml:"path_keys"`
	// Tags (globs) of records of Fluent Bit's input docker_events. The events of containers among them are met by rules with event, and by no
	// others; all else of them is lines. The input's own tag is docker_events.0, docker_events.1 and so on; none: all records are lines.
	EventTags []string `toml:"event_tags"`
	// Keeps terminal sequences (colours, cursor movements, titles, links) in lines and fields. Off: rules see, and alerts show, the text without
	// them, also within the strings of a line of JSON.
	KeepANSI bool `toml:"keep_ansi"`
	// Joins the consecutive lines of a container's stack trace to one record: on or off. Rules see, and alerts show, the whole trace. Joining waits
	// for the next line: one second in the standalone program, two in Fluent Bit. Unset: on in the standalone program and its commands, off in Fluent
	// Bit, which has multiline filters of its own.
	Join string `toml:"join"`
	// The host's name for records without one.
	Host string `toml:"host"`
	// How many containers and other origins are remembered at most. When full, the one unused for longest is forgotten.
	MaxOrigins int `toml:"max_origins"`
	// OneWriter says that all records are of one writer, so that lines are joined also where no record names a container.
	OneWriter bool `toml:"-"`
	// AnyWorkload lets a container's label name any workload, as labels.workload says.
	AnyWorkload bool `toml:"-"`
}

// The values of Settings.Join.
const (
	JoinOn  = "on"
	JoinOff = "off"
)

// JoinsStandalone reports whether the standalone program and its commands join the lines of stack traces.
func (s *Settings) JoinsStandalone() bool { return s.Join != JoinOff }

// Bounds of Settings.
const (
	maxKeys      = 32
	maxKeyLength = 128
	maxOrigins   = 1_000_000
)

// DefaultSettings returns the settings in force when none are set.
func DefaultSettings() Settings {
	return Settings{
		LogKeys:    []string{"log", "message", "MESSAGE", "msg", "full_message", "short_message"},
		LevelKeys:  []string{"level", "severity", "lvl", "loglevel", "log_level", "levelname", "log.level"},
		PathKeys:   []string{"filename", "path", "file", "log_path", "filepath", "file_path", "log.file.path"},
		EventTags:  []string{"docker_events.*"},
		MaxOrigins: 10_000,
	}
}

// Validate returns everything that is wrong with the settings.
func (s Settings) Validate() []setting.Fault {
	var fs setting.Faults
	if len(s.LogKeys) == 0 {
		fs.Required("log_keys", "")
	}
	for _, list := range []struct {
		name, word string
		keys       []string
	}{{"log_keys", "keys", s.LogKeys}, {"level_keys", "keys", s.LevelKeys}, {"path_keys", "keys", s.PathKeys}, {"event_tags", "tags", s.EventTags}} {
		fs.Length(list.name, len(list.keys), maxKeys, list.word)
		seen := map[string]bool{}
		for _, key := range list.keys {
			switch {
			case key == "":
				fs.Add(list.name, "", "must not hold an empty text", "")
			case len(key) > maxKeyLength:
				fs.Length(list.name, len(key), maxKeyLength, "bytes in an entry")
			case seen[key]:
				fs.Add(list.name, key, "is given twice", "")
			}
			seen[key] = true
		}
	}
	builtin := builtinKeys()
	for _, key := range s.PathKeys {
		if builtin[key].role != roleNone {
			fs.Add("path_keys", key, "has a fixed meaning and cannot hold a path", "")
		}
	}
	if s.Join != "" {
		fs.OneOf("join", s.Join, []string{JoinOn, JoinOff})
	}
	setting.Between(&fs, "max_origins", s.MaxOrigins, 1, maxOrigins)
	return fs
}

// Line returns the text of a line as rules see it: without its line end and, unless KeepANSI is set, without terminal sequences. It lies in text or
// in buf, which is grown and returned for the next call.
func (s *Settings) Line(buf, text []byte) (line, scratch []byte) {
	return safetext.Line(buf, text, s.KeepANSI)
}

// FieldsOf gives access to fields that were given as texts, by their dotted paths, as the decoder gives those of a record. It returns nil for an empty map.
func (s *Settings) FieldsOf(texts map[string]string) engine.Fields {
	if len(texts) == 0 {
		return nil
	}
	return given{texts, s.KeepANSI}
}

// given is fields that were given as texts.
type given struct {
	texts    map[string]string
	keepANSI bool
}

var _ engine.Fields = given{}

// AppendField implements engine.Fields.
func (g given) AppendField(dst []byte, path string) ([]byte, bool) {
	text, ok := g.texts[path]
	start := len(dst)
	return withoutSequences(append(dst, text...), start, g.keepANSI), ok
}
