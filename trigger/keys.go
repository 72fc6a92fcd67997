package trigger

import (
	"maps"
	"slices"
)

// sortedKeys returns a map's keys in order, so that the same map gives the same request each time.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
