package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Options says how inputs are read.
type Options struct {
	Form      Form
	Workload  string         // of lines whose input does not tell it
	Container string         // the name of the container of such lines
	Stream    engine.Stream  // of lines whose form does not tell it
	Zone      *time.Location // of times that name none; nil: UTC
	Now       time.Time      // a time later than a day after it is none
	Since     int64          // lines before it are left out, in ns; 0: none
	Until     int64          // so are lines from it on; 0: none
	Records   chunk.Settings // how records of JSON are read
	Stdin     io.Reader      // what "-" stands for
	// Engine connects to the container engine that docker://NAME means. It is called for the first of them.
	Engine func() (docker.API, error)
}

// Set is a number of logs to be read. Its series may be read by a goroutine each.
type Set struct {
	opt      Options
	latest   int64          // no line is from later
	decoder  *chunk.Decoder // of paths
	api      docker.API
	problems problems
	untimed  untimedLines
	size     int64
	unsized  bool
	empty    bool // an input that has no line was passed over
	read     atomic.Int64
	series   []*Series
}

// Stats is a copy of a set's counters.
type Stats struct {
	BytesRead  int64     // of the inputs as they are stored
	BytesTotal int64     // 0 when it is not known
	BadLines   int64     // could not be read
	BadFiles   int64     // could not be read, or not to their ends
	Problems   []Problem // the first, those of files before those of lines
	Untimed    *Untimed  // lines whose time is not known; nil: none
}

// Open finds out what there is to read: files, folders with all below them, globs, "-" for the standard input, and docker://NAME for the log of
// a container. Files that are one log in parts become one series, oldest first. An input that is named itself and cannot be read is an error;
// one found in a folder or by a glob is a problem that Stats tells. An empty one has no lines, and makes no series.
func Open(ctx context.Context, inputs []string, opt Options) (*Set, error) {
	if err := setting.Join(opt.Records.Validate()); err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	s := &Set{opt: opt, latest: opt.Now.Add(24 * time.Hour).UnixNano()}
	s.decoder = s.newDecoder()
	var found finder
	for i, input := range inputs {
		if slices.Contains(inputs[:i], input) {
			return nil, fmt.Errorf("input %s: given twice", input)
		}
		var err error
		switch name, isDocker := dockerInput(input); {
		case input == "-":
			err = s.addStdin()
		case isDocker:
			err = s.addContainer(ctx, name)
		default:
			err = found.add(input)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("input %s: %w", input, err), s.Close())
		}
	}
	if err := s.addFiles(&found); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if len(s.series) == 0 && !s.empty {
		return nil, errors.Join(errors.New("no input holds a log: "+found.said()), s.Close())
	}
	slices.SortStableFunc(s.series, func(a, b *Series) int { return cmp.Compare(a.first, b.first) })
	return s, nil
}

// Series returns the logs, in the order of their first times.
func (s *Set) Series() []*Series { return s.series }

// Stats copies the counters. It may be called while series are read.
func (s *Set) Stats() Stats {
	p := &s.problems
	p.mu.Lock()
	defer p.mu.Unlock()
	out := Stats{BytesRead: s.read.Load(), BytesTotal: s.size, BadLines: p.lines, BadFiles: p.files, Problems: slices.Concat(p.ofFiles, p.ofLines)}
	out.Untimed = s.untimed.stats()
	if s.unsized {
		out.BytesTotal = 0
	}
	return out
}

// Close closes what is open. No series may be read while or after it is called.
func (s *Set) Close() error {
	var errs []error
	for _, one := range s.series {
		errs = append(errs, one.Close())
	}
	if s.api != nil {
		if closer, ok := s.api.(io.Closer); ok {
			errs = append(errs, closer.Close())
		}
	}
	return errors.Join(errs...)
}

// newDecoder returns a decoder of records of JSON, which are all lines: the tag is a path here. Open validated the settings.
func (s *Set) newDecoder() *chunk.Decoder {
	settings := s.opt.Records
	settings.EventTags = nil
	d, err := chunk.New(settings)
	if err != nil {
		panic("replay: settings that were validated are refused: " + err.Error())
	}
	return d
}

// Series is one log: the lines of one container, or of what else wrote into one place, in the order in which they were written. It belongs to
// one goroutine at a time.
type Series struct {
	// Name is what the log is called: its input, or its newest file.
	Name   string
	first  int64
	state  *state
	reader reader
}

// earliest is the first time of a series that is not known beforehand.
const earliest = math.MinInt64

// reader reads the blocks of a series.
type reader interface {
	next(ctx context.Context, b *Block, size int) error
	close() error
}

// First returns the time of the first line, in ns. Where it could not be found out beforehand it is the smallest number.
func (s *Series) First() int64 { return s.first }

// Next fills a block with the next records: so many as are in size bytes of the log, one at least. It gets the same context every time. At the end
// it returns io.EOF. What cannot be read is a problem of the set, and no error.
func (s *Series) Next(ctx context.Context, b *Block, size int) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.reset(size)
		err := s.reader.next(ctx, b, size)
		s.state.times.handOn(&s.state.set.untimed)
		s.limit(b)
		if len(b.Records) > 0 {
			s.state.seen(b)
			return nil // an error comes again
		}
		if err != nil {
			return err
		}
	}
}

// limit leaves out the records before and after the time that is asked for.
func (s *Series) limit(b *Block) {
	since, until := s.state.set.opt.Since, s.state.set.opt.Until
	if since == 0 && until == 0 {
		return
	}
	if until == 0 {
		until = math.MaxInt64
	}
	n := 0
	for i := range b.Records {
		if t := b.Records[i].Time; t >= since && t < until {
			b.Records[n], b.Numbers[n] = b.Records[i], b.Numbers[i]
			n++
		}
	}
	b.Records, b.Numbers = b.Records[:n], b.Numbers[:n]
}

// Close closes the file that is open.
func (s *Series) Close() error { return s.reader.close() }
