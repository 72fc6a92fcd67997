package arrival

import (
	"testing"
	"time"
)

func TestStepsOfAClock(t *testing.T) {
	var now, passed time.Duration
	var skipped []time.Duration
	c := New(func() time.Time { return time.Unix(0, int64(now)) }, func() time.Duration { return passed },
		func(ns, _ int64) { skipped = append(skipped, time.Duration(ns)) })
	for _, step := range []struct{ now, passed time.Duration }{
		{time.Hour, time.Hour},                               // as it goes
		{time.Second - 1, 0},                                 // adjusted
		{1, 0},                                               // by a second in all
		{time.Hour, time.Second}, {time.Second, time.Second}, // set ahead, or asleep
		{-2 * time.Hour, time.Minute}, {time.Minute, time.Minute}, // set back
	} {
		now, passed = now+step.now, passed+step.passed
		if got := c.Read(); got != int64(now) {
			t.Errorf("reads %d, want %d", got, now)
		}
	}
	if len(skipped) != 3 || skipped[0] != time.Second || skipped[1] != time.Hour-time.Second || skipped[2] != -2*time.Hour-time.Minute {
		t.Errorf("skipped %v", skipped)
	}
}
