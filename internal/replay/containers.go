package replay

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// maxText bounds a line of text. It is the limit of production.
const maxText = docker.MaxLine

// dockerInput returns the container's name if the input is docker://NAME.
func dockerInput(input string) (name string, ok bool) { return strings.CutPrefix(input, "docker://") }

// sourceOf returns the source of a file's records. It takes it from the container's description next to the file, or else from the path.
func (s *Set) sourceOf(log, path, tag string) *engine.Source {
	if d, ok := described(log, path); ok {
		return docker.SourceOf(&d, "", s.opt.Records.AnyWorkload)
	}
	source := sourceOfPath(s.decoder, filepath.ToSlash(log), tag)
	if source.Tag != "" || s.opt.Container != "" {
		own := *source
		own.Tag = "" // the tag served only to name the workload
		if own.Container == (engine.Container{}) {
			own.Container.Name = s.opt.Container
		}
		source = &own
	}
	return source
}

var jsonFileName = regexp.MustCompile(`^([0-9a-f]{64})-json\.log$`)

// maxDescription bounds the size of a container's description.
const maxDescription = 4 << 20

// described reads config.v2.json, the container's description that Docker keeps next to its log.
func described(log, path string) (docker.Container, bool) {
	m := jsonFileName.FindStringSubmatch(filepath.Base(log))
	if m == nil {
		return docker.Container{}, false
	}
	text, err := namedfile.Read(filepath.Join(filepath.Dir(path), "config.v2.json"), maxDescription)
	if err != nil {
		return docker.Container{}, false
	}
	var d struct {
		Name   string
		Image  string // its digest
		Config struct {
			Image  string
			Labels map[string]string
		}
	}
	if json.Unmarshal(text, &d) != nil {
		return docker.Container{}, false
	}
	return docker.Container{ID: m[1], Name: strings.TrimPrefix(d.Name, "/"), Image: d.Config.Image, ImageID: d.Image, Labels: d.Config.Labels}, true
}

// addContainer adds the log of a container as a series. The container engine sends the log.
func (s *Set) addContainer(ctx context.Context, name string) error {
	if name == "" {
		return errors.New("must name a container: docker://NAME")
	}
	if s.opt.Engine == nil {
		return errors.New("no container engine is configured")
	}
	if s.api == nil {
		api, err := s.opt.Engine()
		if err != nil {
			return err
		}
		s.api = api
	}
	c, err := s.api.Inspect(ctx, name)
	if err != nil {
		return err
	}
	s.unsized = true
	st := &state{set: s, source: docker.SourceOf(&c, "", s.opt.Records.AnyWorkload), file: "docker://" + name, last: s.opt.Now.UnixNano()}
	st.begin(st.file)
	r := &engineReader{state: st, container: c}
	s.series = append(s.series, &Series{Name: st.file, first: earliest, state: st, reader: r})
	return nil
}

// engineReader reads a log from a container engine. The context of its first block becomes the context of the request.
type engineReader struct {
	*state
	container docker.Container
	body      io.ReadCloser
	log       *docker.LogReader
	block     *Block
	bytes     int
	over      bool
}

func (r *engineReader) next(ctx context.Context, b *Block, size int) error {
	if r.over {
		return io.EOF
	}
	if r.body == nil {
		body, err := r.set.api.Logs(ctx, r.container.ID, docker.LogOptions{Since: r.set.opt.Since})
		if err != nil {
			return r.end(err)
		}
		r.body = body
		r.log = docker.NewLogReader(counted{body, &r.set.read}, &r.container, r.line)
	}
	r.block, r.bytes = b, 0
	for r.bytes < size {
		if err := r.log.Next(); err != nil {
			return r.end(err)
		}
	}
	return nil
}

func (r *engineReader) line(l docker.Line) {
	r.bytes += len(l.Text) + 64
	r.block.add(engine.Record{
		Time: r.at(l.Time, true, 0), Text: r.plain(r.block.keep(l.Text)), Stream: l.Stream, Truncated: l.Truncated, Source: r.source,
	}, 0)
}

func (r *engineReader) end(err error) error {
	r.over = true
	if failed(err) {
		r.set.problems.add(r.file, 0, "cannot read the log to its end: %v", err)
	}
	// After an error the lines read so far still count, so the log just ends here.
	return errors.Join(io.EOF, r.close())
}

func (r *engineReader) close() error {
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	return body.Close()
}
