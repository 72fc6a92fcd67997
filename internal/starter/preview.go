package starter

import (
	"context"
	"errors"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/backtest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// Preview is what a configuration would have done with the lines of a survey.
type Preview struct {
	Lines, Alerts int64
	First, Last   time.Time // of the lines
}

// Try replays the lines that a survey looked at through a configuration.
func Try(ctx context.Context, o Options, s *Survey, settings *config.Settings) (p Preview, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	logs, err := replay.Open(ctx, s.inputs(), o.logs())
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, logs.Close()) }()
	result, err := backtest.Run(ctx, backtest.Options{Logs: logs, New: backtest.RuleSetOf(settings)})
	if err != nil {
		return p, err
	}
	p.Lines, p.First, p.Last = result.Lines, result.First, result.Last
	for i := range result.Rules {
		for _, n := range result.Rules[i].Sent {
			p.Alerts += n
		}
	}
	return p, nil
}
