package command

import (
	"errors"
	"fmt"
	"time"
	_ "time/tzdata" // images without a time zone database know zones, too

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// LogFlags say which old logs are read, and how.
type LogFlags struct {
	Inputs    []string
	Format    string
	Workload  string
	Container string
	Stream    string
	Timezone  string
	Since     string
	Until     string
	Host      string
}

// Add adds the flags to a command.
func (l *LogFlags) Add(f *Flags) {
	l.Format, l.Timezone = "auto", "UTC"
	f.Choice(&l.Format, "format", "", []string{"auto", "plain", "json", "docker", "cri", "containerlog"}, "Form of the logs; docker is json-file. auto detects the form from the first lines of each input.")
	f.Text(&l.Workload, "workload", "", "NAME", "Workload of lines whose input names none.")
	f.Text(&l.Container, "container", "", "NAME", "Container name of such lines.")
	f.Text(&l.Stream, "stream", "", "STREAM", "Stream of lines whose form has none: stdout or stderr.").
		Complete(cobra.FixedCompletions([]string{"stdout", "stderr"}, cobra.ShellCompDirectiveNoFileComp))
	f.Text(&l.Timezone, "timezone", "", "ZONE", "Time zone for timestamps without one, such as Europe/Vienna or Local.")
	f.Text(&l.Since, "since", "", "TIME", "Skip lines before: RFC 3339, seconds since 1970, or a duration before now such as 24h.")
	f.Text(&l.Until, "until", "", "TIME", "Skip lines from then on.")
	f.Text(&l.Host, "host", "H", "URL", "Docker engine of docker://NAME: unix://, tcp:// or ssh://. Default: the engine of the Docker context in use.").Env("DOCKER_HOST")
}

// Options returns the options that the flags give. The command closes nothing of them: the set of logs does.
func (f *LogFlags) Options(env *Env, records chunk.Settings) (replay.Options, error) {
	now := env.Now()
	o := replay.Options{Workload: f.Workload, Container: f.Container, Now: now, Records: records, Stdin: env.In}
	var err error
	if o.Form, err = replay.ParseForm(f.Format); err != nil {
		return o, fmt.Errorf("--format: %w", err)
	}
	switch f.Stream {
	case "":
	case "stdout":
		o.Stream = engine.Stdout
	case "stderr":
		o.Stream = engine.Stderr
	default:
		return o, fmt.Errorf("--stream: %q: must be one of stdout, stderr", f.Stream)
	}
	if o.Zone, err = time.LoadLocation(f.Timezone); err != nil {
		return o, fmt.Errorf("--timezone: %q: must be the name of a zone, such as Europe/Vienna, UTC or Local", f.Timezone)
	}
	if o.Since, err = ParseTime("--since", f.Since, now); err != nil {
		return o, err
	}
	if o.Until, err = ParseTime("--until", f.Until, now); err != nil {
		return o, err
	}
	if o.Until != 0 && o.Until <= o.Since {
		return o, errors.New("--until: must be later than --since")
	}
	o.Engine = func() (docker.API, error) { return env.EngineAt(f.Host) }
	return o, nil
}

// maxProblems is how many problems of logs are reported.
const maxProblems = 10

// ReportProblems reports the parts of logs that could not be read, and the number of lines without a known time.
func (env *Env) ReportProblems(s replay.Stats) {
	if s.Untimed != nil {
		env.Warnf("%s", s.Untimed)
	}
	for i := range s.Problems[:min(len(s.Problems), maxProblems)] {
		env.Warnf("%s", s.Problems[i])
	}
	if more := s.BadLines + s.BadFiles - maxProblems; more > 0 {
		env.Warnf("and %s", quantity.Plural(more, "more such problem"))
	}
}
