package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // images without a time zone database know zones, too

	"golang.org/x/term"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// logFlags say which old logs are read, and how.
type logFlags struct {
	Inputs    []string `arg:"" name:"input" help:"Files, folders, globs, - for the standard input, docker://NAME for the log of a container."`
	Format    string   `default:"auto" placeholder:"FORM" help:"plain, json, docker (json-file), cri or containerlog. Default: told by the first lines of each."`
	Workload  string   `placeholder:"NAME" help:"The workload of lines whose input does not tell it."`
	Container string   `placeholder:"NAME" help:"The container's name of such lines."`
	Stream    string   `placeholder:"STREAM" help:"stdout or stderr: the stream of lines whose form does not tell it."`
	Timezone  string   `default:"UTC" placeholder:"ZONE" help:"The zone of times that name none, such as Europe/Vienna or Local. Default: UTC."`
	Since     string   `placeholder:"TIME" help:"Leave out lines before: RFC 3339, seconds since 1970, or a length of time such as 24h ago."`
	Until     string   `placeholder:"TIME" help:"Leave out lines from then on."`
	Host      string   `short:"H" env:"DOCKER_HOST" placeholder:"URL" help:"The engine that docker://NAME means: unix://, tcp:// or ssh://. Default: that of the Docker context in use."`
}

// options returns what the flags say. The command closes nothing of it: the set that it opens does.
func (f *logFlags) options(now time.Time, records chunk.Settings) (replay.Options, error) {
	o := replay.Options{Workload: f.Workload, Container: f.Container, Now: now, Records: records, Stdin: os.Stdin}
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
		return o, fmt.Errorf("--stream: %q is neither stdout nor stderr", f.Stream)
	}
	if o.Zone, err = time.LoadLocation(f.Timezone); err != nil {
		return o, fmt.Errorf("--timezone: %q is not known: want a name such as Europe/Vienna, UTC or Local", f.Timezone)
	}
	if o.Since, err = parseSince(f.Since, now); err != nil {
		return o, err
	}
	if o.Until, err = parseSince(f.Until, now); err != nil {
		return o, errors.New(strings.Replace(err.Error(), "--since", "--until", 1))
	}
	if o.Until != 0 && o.Until <= o.Since {
		return o, errors.New("--until: is not later than --since")
	}
	o.Engine = func() (docker.API, error) { return engineAt(f.Host) }
	return o, nil
}

// toldProblems is how many problems of logs are told.
const toldProblems = 10

// tellProblems tells what of the logs could not be read, and of how many lines the time is not known.
func tellProblems(w io.Writer, s replay.Stats) {
	if s.Untimed != nil {
		_, _ = fmt.Fprintln(w, "docker-fluentbit:", s.Untimed)
	}
	for i := range s.Problems[:min(len(s.Problems), toldProblems)] {
		_, _ = fmt.Fprintln(w, "docker-fluentbit:", s.Problems[i])
	}
	if more := s.BadLines + s.BadFiles - toldProblems; more > 0 {
		_, _ = fmt.Fprintf(w, "docker-fluentbit: and %s\n", plural(int(more), "more such problem"))
	}
}

// width returns the width of the terminal that w is: else what COLUMNS says, else 100.
func width(w io.Writer) int {
	if f, ok := terminalOf(w).(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	return 100
}
