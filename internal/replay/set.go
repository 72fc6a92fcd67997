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

// Options configures Open.
type Options struct {
	Form      Form
	Workload  string         // of lines whose input does not name it
	Container string         // the name of the container of such lines
	Stream    engine.Stream  // of lines whose form does not include it
	Zone      *time.Location // for timestamps without one; nil: UTC
	Now       time.Time      // timestamps later than a day after it count as unknown
	Since     int64          // skip lines before this time, in ns; 0: none
	Until     int64          // skip lines from this time on, in ns; 0: none
	Records   chunk.Settings // how to decode JSON records
	Stdin     io.Reader      // the input "-"
	// Engine connects to the container engine for docker://NAME. Open calls it for the first such input.
	Engine func() (docker.API, error)
}

// Set is a number of logs. Each series may be read by a goroutine of its own.
type Set struct {
	opt      Options
	latest   int64          // later timestamps count as unknown
	decoder  *chunk.Decoder // for paths
	api      docker.API
	problems problems
	untimed  untimedLines
	size     int64
	unsized  bool
	empty    bool // an input without lines was skipped
	read     atomic.Int64
	series   []*Series
}

// Stats is a copy of a set's counters.
type Stats struct {
	BytesRead  int64     // of the inputs, before decompression
	BytesTotal int64     // 0 if unknown
	BadLines   int64     // unreadable lines
	BadFiles   int64     // unreadable files, in whole or in part
	Problems   []Problem // the first ones, files before lines
	Untimed    *Untimed  // lines without a known time; nil: none
}

// Open finds the logs of all inputs: files, folders and everything below them, globs, "-" for the standard input, and docker://NAME for the log
// of a container. The rotated files of one log become one series, oldest first. Open returns an error if an input that the user named cannot be
// read; Stats reports unreadable files that were found in a folder or by a glob. An empty file makes no series.
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
	// After all inputs, because the rotated files of one log may come from several of them.
	if err := s.addFiles(&found); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if len(s.series) == 0 && !s.empty {
		return nil, errors.Join(errors.New("no input holds a log: "+found.reason()), s.Close())
	}
	for _, one := range s.series {
		one.on = opt.Records.JoinsStandalone()
	}
	slices.SortStableFunc(s.series, func(a, b *Series) int { return cmp.Compare(a.first, b.first) })
	return s, nil
}

// Series returns the logs, sorted by first time.
func (s *Set) Series() []*Series { return s.series }

// Stats returns a copy of the counters. It may be called while series are being read.
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

// Close closes all series and the connection to the container engine. No series may be read during or after the call.
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

// newDecoder returns a decoder that takes every record for a log line: tags are paths here, so EventTags must not apply. Open validated the settings.
func (s *Set) newDecoder() *chunk.Decoder {
	settings := s.opt.Records
	settings.EventTags, settings.Join, settings.OneWriter = nil, chunk.JoinOff, true
	if s.opt.Records.JoinsStandalone() {
		settings.Join = chunk.JoinOn
	}
	d, err := chunk.New(settings)
	if err != nil {
		panic("replay: validated settings were rejected: " + err.Error())
	}
	return d
}

// Series is one log: the lines of one container, or of another writer, in the order in which they were written. Only one goroutine may use it
// at a time.
type Series struct {
	// Name is the log's input, or its newest file.
	Name   string
	first  int64
	state  *state
	reader reader
	joining
}

// earliest is the first time of a series that cannot be determined before reading it.
const earliest = math.MinInt64

// reader reads the blocks of a series.
type reader interface {
	next(ctx context.Context, b *Block, size int) error
	close() error
}

// First returns the time of the first line, in ns, or the smallest number if only reading reveals it.
func (s *Series) First() int64 { return s.first }

// Next fills a block with the next records: those of size bytes of the log, but at least one. Callers pass the same context every time. At the end
// it returns io.EOF. Unreadable lines and files do not make it fail: Set.Stats reports them.
func (s *Series) Next(ctx context.Context, b *Block, size int) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.reset(size)
		err := s.reader.next(ctx, b, size)
		s.state.times.handOn(&s.state.set.untimed)
		s.block(b)
		if err != nil {
			s.over(b)
		}
		s.limit(b)
		if len(b.Records) > 0 {
			b.Joined = append(append(b.Joined, s.times...), s.state.joined...)
			s.times, s.state.joined = s.times[:0], s.state.joined[:0]
			s.state.seen(b)
			b.files = s.state.files
			return nil // the next call returns the error again
		}
		if err != nil {
			return err
		}
	}
}

// limit removes the records before Since and from Until on.
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
			b.Records[n], b.Places[n] = b.Records[i], b.Places[i]
			n++
		}
	}
	b.Records, b.Places = b.Records[:n], b.Places[:n]
}

// Close closes the open file.
func (s *Series) Close() error { return s.reader.close() }
