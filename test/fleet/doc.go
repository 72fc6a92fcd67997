// Package fleet drills a fleet: many nodes, with the engine of rules and the loops of internal/fleet as production has them, one real server of Redis or
// Valkey, and faults. Each drill prints the account of every hit.
package fleet
