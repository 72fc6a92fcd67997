package state

import (
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// TestAKeyThatWentQuietIsKeptForItsEnd: its place is not given to another template before the alert about it has an end.
func TestAKeyThatWentQuietIsKeptForItsEnd(t *testing.T) {
	const minute, day = int64(time.Minute), 24 * int64(time.Hour)
	r := &rules.Rule{Settings: rules.RuleSettings{Within: 5 * time.Minute, Rate: rate.Settings{Below: 200, Than: time.Hour, AtLeast: 10}}}
	s := newKeyState("r")
	s.lastHit, s.pace = minute, &pace{Pace: rate.New(5*minute, 60*minute, minute), quiet: true, sent: true}
	if s.expired(r, day) {
		t.Error("the key may be forgotten while its incident is open")
	}
	s.pace.quiet, s.pace.sent = false, false
	if !s.expired(r, day) {
		t.Error("a key without hits for a day is not forgotten")
	}
}
