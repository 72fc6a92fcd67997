package ruletest

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/join"
)

// record is a record of a test, and when it comes.
type record struct {
	at  time.Duration
	rec engine.Record
}

// records returns the records of the test's lines: those of a stack trace are one, where records.join is not off, as in a backtest.
func (r *runner) records() []record {
	type writer struct {
		source *engine.Source
		stream engine.Stream
	}
	type open struct {
		trace join.Trace
		at    int // of the record, from 0
	}
	var out []record
	at := time.Duration(0)
	sources, waiting, joins := map[string]*engine.Source{}, map[writer]open{}, r.file.config.Settings.Records.JoinsStandalone()
	for i := range r.test.Lines {
		l := &r.test.Lines[i]
		at = l.At.from(at)
		o := l.Origin.or(&r.test.Origin)
		rec := r.file.record(o, l.Text, 0)
		if s := sources[o.key()]; s != nil {
			rec.Source = s
		} else {
			sources[o.key()] = rec.Source
		}
		by := writer{rec.Source, rec.Stream}
		for n := range max(1, l.Repeat) {
			if n > 0 {
				at += l.Every
			}
			rec.Time = r.test.start.Add(at).UnixNano()
			if w := waiting[by]; w.trace.Open() && w.trace.Continue(rec.Text, rec.Time) == join.Continues {
				waiting[by] = w
				whole := &out[w.at].rec
				whole.Text = append(append(whole.Text[:len(whole.Text):len(whole.Text)], '\n'), rec.Text...)
				continue
			}
			delete(waiting, by)
			if trace, ok := join.Begin(rec.Text, rec.Time); ok && joins && !rec.Source.IsEvent() {
				waiting[by] = open{trace, len(out)}
			}
			out = append(out, record{at, rec})
		}
	}
	for i := range out {
		out[i].rec.Text = join.Text(out[i].rec.Text)
	}
	return out
}
