package command

import (
	"context"
	"errors"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// StoreVariable names the file of a store.
const StoreVariable = "FLUENTBIT_TRIGGER_STORE"

// WithStore opens a store beside the program that it belongs to, and runs fn. A file that is not a whole store is left as it is.
func WithStore(ctx context.Context, path string, fn func(*store.Store) error) error {
	set := store.DefaultSettings()
	set.Path = path
	opened, err := (&store.Registry{}).Open(ctx, store.Options{Settings: set, Guest: true})
	if err != nil {
		return err
	}
	return errors.Join(fn(opened), opened.Close())
}
