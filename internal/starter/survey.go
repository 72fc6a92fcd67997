package starter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/examples"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
	"github.com/tinyforge/fluentbit-trigger/internal/suggest"
)

// The bounds of a survey.
const (
	MaxContainers = 100              // that are looked at, running ones first
	lookWithin    = 60 * time.Second // at all of them
	blockSize     = 256 << 10
	minFrequent   = 10 // lines of a template that is worth a mention
)

// Options selects what Look looks at.
type Options struct {
	API      docker.API
	Own      string // the container that this program runs in, which is left out, as in docker.Options; "": none
	Lines    int    // of each log, the last ones; 0: no log is read
	Frequent int    // how many of the most frequent lines are described; 0: none
	Now      time.Time
}

// Container is a container of a survey. Its texts are from outside.
type Container struct {
	ID, Name, Image, Workload string
	Running                   bool
	Lines                     int64
	Hits                      map[string]int64 // of the rules of a pack, by the name of the pack
	Packs                     []string         // for its image and its lines, by name
}

// Survey is what containers run and log.
type Survey struct {
	Containers []Container // running ones first, then by name
	More       int         // that were not looked at, because there are too many
	Lines      int64
	Frequent   *suggest.Result // nil: not asked for
	Problems   []string        // logs that could not be read
}

// Packs returns the packs for all containers: those that their images and lines call for, and the one for any container.
func (s *Survey) Packs() []string {
	found := []string{basicPack}
	for i := range s.Containers {
		found = append(found, s.Containers[i].Packs...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// tail is an engine that has the last lines of each log only.
type tail struct {
	docker.API
	lines int
}

// Logs returns the end of a log.
func (t tail) Logs(ctx context.Context, id string, o docker.LogOptions) (io.ReadCloser, error) {
	o.Tail = t.lines
	return t.API.Logs(ctx, id, o)
}

// Look looks at the containers of an engine. It fails only if the engine does not list them: what cannot be read of a log is among the problems.
func Look(ctx context.Context, o Options) (*Survey, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	s, err := list(ctx, o)
	if err != nil || o.Lines == 0 {
		return s, err
	}
	matcher, err := newMatcher()
	if err != nil {
		return nil, err
	}
	defer matcher.worker.Release()
	for i := range s.Containers {
		if ctx.Err() != nil {
			break
		}
		if err := s.read(ctx, o, &s.Containers[i], matcher); err != nil {
			s.problem(&s.Containers[i], err)
		}
	}
	if o.Frequent > 0 && s.Lines > 0 && ctx.Err() == nil {
		if err := s.frequent(ctx, o); err != nil {
			s.Problems = append(s.Problems, err.Error())
		}
	}
	if ctx.Err() != nil {
		s.Problems = append(s.Problems, fmt.Sprintf("the logs were not read to their end within %s", lookWithin))
	}
	return s, nil
}

// list lists the containers that a program which follows all of them would follow.
func list(ctx context.Context, o Options) (*Survey, error) {
	all, err := o.API.List(ctx)
	if err != nil {
		return nil, err
	}
	// Running ones first: those that are left out when there are too many have ended.
	slices.SortStableFunc(all, func(a, b docker.Listed) int {
		return cmp.Or(cmp.Compare(stopped(a.State), stopped(b.State)), cmp.Compare(a.Name, b.Name))
	})
	s, settings := &Survey{}, docker.DefaultSettings()
	for _, one := range all {
		if len(s.Containers) == MaxContainers {
			s.More++
			continue
		}
		c, err := o.API.Inspect(ctx, one.ID)
		if errors.Is(err, docker.ErrNotFound) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		if !settings.Follows(&c, o.Own) {
			continue
		}
		source := docker.SourceOf(&c, "", false)
		s.Containers = append(s.Containers, Container{
			ID: c.ID, Name: source.Container.Name, Image: c.Image, Workload: source.Workload, Running: c.Running, Packs: packsOfImage(c.Image),
		})
	}
	return s, nil
}

// stopped orders containers by their state.
func stopped(state string) int {
	if state == "running" {
		return 0
	}
	return 1
}

func (s *Survey) problem(c *Container, err error) {
	s.Problems = append(s.Problems, fmt.Sprintf("%s: %v", c.Name, err))
}

func (o *Options) logs() replay.Options {
	return replay.Options{Form: replay.FormAuto, Zone: time.UTC, Now: o.Now, Records: chunk.DefaultSettings(), Engine: func() (docker.API, error) { return tail{o.API, o.Lines}, nil }}
}

// read counts the hits of all packs in the log of a container.
func (s *Survey) read(ctx context.Context, o Options, c *Container, m *matcher) error {
	logs, err := replay.Open(ctx, []string{"docker://" + c.ID}, o.logs())
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }() // it was read from only
	c.Hits = map[string]int64{}
	var block replay.Block
	for _, series := range logs.Series() {
		for {
			err := series.Next(ctx, &block, blockSize)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			for i := range block.Records {
				m.count(&block.Records[i], c.Hits)
			}
			c.Lines += int64(len(block.Records))
		}
	}
	s.Lines += c.Lines
	for name := range c.Hits {
		if !slices.Contains(c.Packs, name) {
			c.Packs = append(c.Packs, name)
		}
	}
	slices.Sort(c.Packs)
	if problems := logs.Stats().Problems; len(problems) > 0 {
		return errors.New(problems[0].Text)
	}
	return nil
}

// inputs returns the logs that have lines.
func (s *Survey) inputs() (inputs []string) {
	for i := range s.Containers {
		if s.Containers[i].Lines > 0 {
			inputs = append(inputs, "docker://"+s.Containers[i].ID)
		}
	}
	return inputs
}

// frequent describes the most frequent lines of all containers.
func (s *Survey) frequent(ctx context.Context, o Options) (err error) {
	logs, err := replay.Open(ctx, s.inputs(), o.logs())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, logs.Close()) }()
	s.Frequent, err = suggest.Run(ctx, suggest.Options{Logs: logs, Top: o.Frequent, Min: minFrequent})
	return err
}

// matcher finds the packs whose rules match a line.
type matcher struct {
	worker *engine.Worker
	packs  map[string]string // by the id of a rule
	hits   []engine.Hit
}

func newMatcher() (*matcher, error) {
	m := &matcher{packs: map[string]string{}}
	var all engine.Settings
	for _, p := range examples.Packs() {
		loaded := config.Load(config.Sources{Inline: p.Text})
		if len(loaded.Problems) > 0 {
			return nil, fmt.Errorf("pack %s: %w", p.Name, loaded.Problems[0])
		}
		if all.Rules == nil {
			all = loaded.Settings.Engine()
			all.Inhibits = nil // hits are counted, not alerts
		} else {
			all.Rules = append(all.Rules, loaded.Settings.Rules...)
		}
		for i := range loaded.Settings.Rules {
			m.packs[loaded.Settings.Rules[i].Name] = p.Name
		}
	}
	e := engine.New()
	snapshot, err := e.Compile(all)
	if err != nil {
		return nil, err
	}
	e.Apply(snapshot)
	m.worker = e.Worker()
	return m, nil
}

// count adds the packs that match a record to their hits, each pack once for a record.
func (m *matcher) count(r *engine.Record, hits map[string]int64) {
	m.hits = m.worker.Find(r, m.hits[:0])
	var counted []string
	for i := range m.hits {
		if name := m.packs[m.hits[i].RuleID()]; !slices.Contains(counted, name) {
			counted = append(counted, name)
			hits[name]++
		}
	}
}
