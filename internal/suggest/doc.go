// Package suggest finds the most frequent lines of a log, and writes a rule and an exclusion for each.
//
// Lines with one template count as the same, as with cooldown_by = ["template"]: templates mask numbers, ids, addresses and times. The output
// is valid TOML that the engine compiled, and that hits, or excludes, every sample of its template. Memory is bounded by the number of
// templates; lines beyond it are counted. The result does not depend on the number of goroutines.
package suggest
