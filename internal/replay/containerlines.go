package replay

import (
	"bytes"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/replay/timestamp"
)

// containerLines reads the form of test/containerlog: containers are declared as @NAME id=… LABEL=VALUE…, and lines are SECONDS NAME STREAM TEXT.
// Seconds count from the start of the log, which clock.ref holds.
type containerLines struct {
	*state
	containers map[string]*engine.Source
}

// containerRecord is a line of a container.
type containerRecord struct {
	after        int64 // ns
	name, stream string
	text         []byte
}

func containerLine(line []byte) (r containerRecord, ok bool) {
	parts := bytes.SplitN(line, []byte(" "), 4)
	if len(parts) < 4 {
		return r, false
	}
	after, ok := timestamp.Seconds(parts[0])
	if !ok {
		return r, false
	}
	return containerRecord{after, string(parts[1]), string(parts[2]), parts[3]}, true
}

func (c *containerLines) piece(b *Block, in *piece) {
	in.each(func(line []byte, number Place, cut bool) {
		line = c.plain(line)
		switch {
		case cut:
			c.problem(number, true, "longer than %d MiB", maxObject>>20)
			return
		case len(line) == 0 || line[0] == '#':
			return
		case line[0] == '@':
			if name, s := declared(string(line[1:]), c.set.opt.Records.AnyWorkload); s == nil {
				c.problem(number, false, "not of the form @NAME KEY=VALUE…")
			} else {
				c.containers[name] = s
			}
			return
		}
		r, ok := containerLine(line)
		source := c.containers[r.name]
		switch {
		case !ok:
			c.problem(number, false, "not of the form SECONDS NAME STREAM TEXT")
		case source == nil:
			c.problem(number, false, "the container was not declared")
		default:
			b.add(engine.Record{Time: c.at(c.clock.Ref+r.after, true, number), Text: c.plain(r.text), Stream: streamOf(r.stream), Source: source}, number)
		}
	})
}

func (*containerLines) end(*Block) {}

// declared parses a declaration without its @. It returns the name by which lines refer to the container, and the source: nil if the declaration is malformed.
func declared(text string, anyWorkload bool) (name string, s *engine.Source) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return "", nil
	}
	d := docker.Container{Name: words[0], Labels: map[string]string{}}
	for _, word := range words[1:] {
		key, value, ok := strings.Cut(word, "=")
		switch {
		case !ok:
			return "", nil
		case key == "id":
			d.ID = value
		default:
			d.Labels[key] = value
		}
	}
	return d.Name, docker.SourceOf(&d, "", anyWorkload)
}
