// Package suggest finds what a log says most often, and writes a rule and an exclusion for each.
//
// It promises: lines are told apart by their templates, which mask what differs from line to line, as cooldown_by = ["template"] does. What it
// writes is valid TOML that the engine compiled, and that hits, or excludes, every sample of its template. Memory is bounded by the number of
// templates; what that leaves out is counted. The result does not depend on how many goroutines worked.
package suggest
