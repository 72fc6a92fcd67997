package replay

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/replay/timestamp"
)

// opened is an open file, decompressed.
type opened struct {
	*bufio.Reader
	closers []func() error
}

func (o *opened) close() error {
	var errs []error
	for _, fn := range slices.Backward(o.closers) {
		errs = append(errs, fn())
	}
	return errors.Join(errs...)
}

// counted counts the bytes read.
type counted struct {
	in io.Reader
	n  *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// maxWindow bounds the memory that a zstd file may require.
const maxWindow = 128 << 20

// decompressed returns a reader of r's content and decompresses it if it begins like gzip or zstd. n counts the bytes read from r itself.
func decompressed(r io.Reader, n *atomic.Int64) (*opened, error) {
	raw := bufio.NewReaderSize(counted{r, n}, sniffBytes)
	magic, err := raw.Peek(4)
	if failed(err) {
		return nil, err
	}
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return &opened{bufio.NewReaderSize(z, sniffBytes), []func() error{z.Close}}, nil
	case string(magic) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		return &opened{bufio.NewReaderSize(z, sniffBytes), []func() error{func() error { z.Close(); return nil }}}, nil
	}
	return &opened{Reader: raw}, nil
}

func openFile(path string, n *atomic.Int64) (*opened, error) {
	f, err := namedfile.Open(path)
	if err != nil {
		return nil, err
	}
	o, err := decompressed(f, n)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// In front, because close goes backwards: the decompressor ends before its file.
	o.closers = append([]func() error{f.Close}, o.closers...)
	return o, nil
}

// head returns the first bytes of a file.
func (o *opened) head() ([]byte, error) {
	head, err := o.Peek(sniffBytes)
	if failed(err) {
		return nil, err
	}
	return head, nil
}

// file is one file of a log with its properties.
type file struct {
	path     string
	rotation rotation
	form     Form
	size     int64
	changed  int64 // ns
	first    int64 // the first time in the file, or the time of its last change
	timed    bool
}

// An errEmpty file is skipped without a problem. An errBinary file is reported.
var (
	errEmpty  = errors.New("empty")
	errBinary = errors.New("no text")
)

// look determines the properties of a file.
func (s *Set) look(path string) (*file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unwrapped(err)
	}
	f := &file{path: path, rotation: rotationOf(path), size: info.Size(), changed: info.ModTime().UnixNano()}
	var ignored atomic.Int64
	o, err := openFile(path, &ignored)
	if err != nil {
		return nil, err
	}
	head, err := o.head()
	if err == nil {
		f.form, f.first, f.timed, err = s.sniff(head, f.changed)
	}
	return f, errors.Join(err, o.close())
}

// sniff determines the form and the first time of a log from its first bytes.
func (s *Set) sniff(head []byte, changed int64) (form Form, first int64, timed bool, err error) {
	switch {
	case len(head) == 0:
		return 0, 0, false, errEmpty
	case s.opt.Form == FormAuto && isBinary(head):
		return 0, 0, false, errBinary
	}
	if form = s.opt.Form; form == FormAuto {
		form = s.detect(head)
	}
	c := timestamp.Clock{Zone: s.opt.Zone, Ref: changed}
	if form == FormContainerLog {
		return form, s.startOf(&c, head), true, nil
	}
	first = changed
	s.eachLine(head, func(line []byte) {
		if timed {
			return
		}
		var ns int64
		switch form {
		case FormDocker:
			var e entry
			if e, timed = dockerEntry(line); timed {
				ns, timed = c.ISO(e.time)
			}
		case FormCRI:
			var r criRecord
			r, timed = criEntry(&c, line)
			ns = r.time
		default:
			ns, timed = c.Read(line)
		}
		if timed = timed && ns <= s.latest; timed {
			first = ns
		}
	})
	return form, first, timed, nil
}

// startOf returns the start of a log of the form of test/containerlog. The first line with a time in its text determines it; without one it is 1970.
func (s *Set) startOf(c *timestamp.Clock, head []byte) (start int64) {
	known := false
	s.eachLine(head, func(line []byte) {
		if r, ok := containerLine(line); ok && !known {
			var ns int64
			if ns, known = c.Read(r.text); known {
				start = ns - r.after
			}
		}
	})
	return start
}

// addFiles groups the files into logs and adds each log as a series.
func (s *Set) addFiles(f *finder) error {
	for _, one := range f.missed {
		s.problems.add(one.path, 0, "left out: %v", one.err)
	}
	logs := map[string][]*file{}
	var order []string
	for _, one := range f.files {
		looked, err := s.look(one.path)
		switch {
		case errors.Is(err, errEmpty):
			s.empty = true
			continue
		case err != nil && one.named:
			return fmt.Errorf("input %s: %w", one.path, err)
		case err != nil:
			s.problems.add(one.path, 0, "left out: %v", err)
			continue
		}
		key := looked.rotation.log
		if logs[key] == nil {
			order = append(order, key)
		}
		logs[key] = append(logs[key], looked)
		s.size += looked.size
	}
	for _, key := range order {
		files := logs[key]
		sortParts(files)
		s.series = append(s.series, s.newFileSeries(key, files))
	}
	return nil
}

// sortParts sorts the files of one log from the oldest to the newest: by name, and by first time if every file has one.
func sortParts(files []*file) {
	slices.SortStableFunc(files, func(a, b *file) int { return a.rotation.before(b.rotation) })
	if !slices.ContainsFunc(files, func(f *file) bool { return !f.timed }) {
		// Stable, so that files of one time keep the order of their names.
		slices.SortStableFunc(files, func(a, b *file) int { return cmp.Compare(a.first, b.first) })
	}
}

func (s *Set) newFileSeries(log string, files []*file) *Series {
	newest := files[len(files)-1]
	st := &state{set: s, stream: s.opt.Stream, tag: s.tag(log), clock: timestamp.Clock{Zone: s.opt.Zone}, last: files[0].first}
	for _, f := range files {
		if f.timed {
			st.last = f.first
			break
		}
	}
	st.source = s.sourceOf(log, newest.path, st.tag)
	return &Series{Name: newest.path, first: st.last, state: st, reader: &fileReader{state: st, files: files}}
}

// tag returns the workload's name for a log whose lines and path contain no name.
func (s *Set) tag(log string) string {
	switch {
	case s.opt.Workload != "":
		return s.opt.Workload
	case s.opt.Container != "":
		return s.opt.Container
	}
	name := filepath.Base(log)
	if cut := name[:len(name)-len(filepath.Ext(name))]; cut != "" {
		name = cut
	}
	return name
}

// fileReader reads the files of a log, one after another.
type fileReader struct {
	*state
	files  []*file
	at     int // index of the open file, or of the next one
	in     *opened
	pieces pieces
	parser parser
	form   Form
	over   bool
}

func (r *fileReader) next(_ context.Context, b *Block, size int) error {
	for r.in == nil {
		if r.at >= len(r.files) {
			if !r.over && r.parser != nil {
				r.over = true
				r.parser.end(b)
			}
			return io.EOF
		}
		r.open(b)
	}
	p, err := r.pieces.next(b, size)
	if err != nil {
		closed := r.in.close()
		r.in = nil
		r.at++
		if failed(err) {
			r.set.problems.add(r.file, 0, "cannot read the rest, from line %d on: %v", r.pieces.line.line()+1, err)
		} else if closed != nil {
			r.set.problems.add(r.file, 0, "%v", closed)
		}
		return nil
	}
	r.parser.piece(b, &p)
	return nil
}

// open opens the next file. The parser continues across files, so that it can join a line whose parts are in two of them.
func (r *fileReader) open(b *Block) {
	f := r.files[r.at]
	in, err := openFile(f.path, &r.set.read)
	if err != nil {
		r.set.problems.add(f.path, 0, "cannot be read: %v", err)
		r.at++
		return
	}
	r.begin(b, in, f)
}

// begin makes f, opened as in, the current file.
func (r *fileReader) begin(b *Block, in *opened, f *file) {
	r.in, r.broken = in, false
	r.clock.Ref = f.changed
	if f.form == FormContainerLog {
		r.clock.Ref = f.first
	}
	r.times.timed = r.times.timed || f.timed
	if !f.timed && f.first > r.last {
		r.last = f.first
	}
	if r.parser == nil || f.form != r.form {
		if r.parser != nil {
			r.parser.end(b)
		}
		r.parser, r.form = r.state.parser(f.form), f.form
	}
	limit := maxObject
	if f.form == FormPlain {
		limit = maxText
	}
	r.pieces = pieces{in: in, limit: limit, line: r.state.begin(f.path)}
}

func (r *fileReader) close() error {
	if r.in == nil {
		return nil
	}
	in := r.in
	r.in, r.at = nil, len(r.files)
	return in.close()
}

// addStdin adds the standard input as a series.
func (s *Set) addStdin() error {
	if s.opt.Stdin == nil {
		return errors.New("standard input is not available")
	}
	in, err := decompressed(s.opt.Stdin, &s.read)
	if err != nil {
		return err
	}
	head, err := in.head()
	if err != nil {
		return err
	}
	now := s.opt.Now.UnixNano()
	f := &file{path: "stdin", changed: now}
	s.unsized = true
	if f.form, f.first, f.timed, err = s.sniff(head, now); errors.Is(err, errEmpty) {
		s.empty = true
		return in.close()
	} else if err != nil {
		return err
	}
	st := &state{set: s, stream: s.opt.Stream, tag: s.tag("stdin"), clock: timestamp.Clock{Zone: s.opt.Zone}, last: f.first}
	st.source = &engine.Source{Kind: "log", Workload: st.tag, Container: engine.Container{Name: s.opt.Container}}
	r := &fileReader{state: st}
	var none Block
	r.begin(&none, in, f)
	s.series = append(s.series, &Series{Name: "stdin", first: f.first, state: st, reader: r})
	return nil
}
