package delivery

import (
	"context"
	"time"
)

// SaveState keeps values by key in the store, all of them or none; nil removes a key.
func (d *Dispatcher) SaveState(ctx context.Context, values map[string][]byte) error {
	return d.opt.Store.SaveState(ctx, d.opt.Now(), values)
}

// LoadState returns what SaveState kept, and when; nil when there is nothing.
func (d *Dispatcher) LoadState(ctx context.Context, key string) ([]byte, time.Time, error) {
	return d.opt.Store.LoadState(ctx, key)
}
