package memory

import (
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/fleettest"
)

func TestWindows(t *testing.T) {
	fleettest.Windows(t, func(*testing.T) (fleet.Engine, func(time.Duration)) {
		c := &clock{time.UnixMilli(1_800_000_000_000)}
		return New(c.now, 100), func(since time.Duration) { c.Time = time.UnixMilli(1_800_000_000_000).Add(since) }
	})
}

func TestImages(t *testing.T) {
	fleettest.Images(t, func(*testing.T) (fleet.Engine, func(time.Duration)) {
		c := &clock{time.UnixMilli(1_800_000_000_000)}
		return New(c.now, 100), func(since time.Duration) { c.Time = time.UnixMilli(1_800_000_000_000).Add(since) }
	})
}
