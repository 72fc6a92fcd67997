package backtest

import (
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

func TestSamplesSayWhatARateOrARatioCompared(t *testing.T) {
	for want, a := range map[string]engine.Alert{
		"94 in 5m, usually 11: 8.4×": {Rate: &model.Rate{Hits: 94, Usual: 11.25, Within: 300e9}},
		"15 in 5m, 7.5% of requests": {Ratio: &model.Ratio{Hits: 15, Of: "requests", OfHits: 200, Within: 300e9}},
		"":                           {},
	} {
		a.Source = &engine.Source{}
		if got := alertSample(&a, place{}).Why; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
