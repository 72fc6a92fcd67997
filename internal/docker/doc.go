// Package docker follows the logs of all containers of an engine and passes on every line once.
//
// It promises:
//   - No line is lost or doubled when a container or the engine restarts, a log rotates, or a connection breaks. A cursor for each container
//     identifies the lines that were passed on, and is saved. After a kill only the lines since the last save come again, each with its former
//     number (Line.Ordinal).
//   - Lost lines are counted and reported (Notice).
//   - Each container event is reported once (Options.OnEvent). Inspections find events that were missed.
//   - Memory is bounded: each container has one buffer, one batch and one cursor; partial lines share a budget.
//   - A container is read only as fast as its lines are evaluated, so back-pressure reaches the engine; no container waits for another.
//   - No panic leaves it: a panic ends the connection of one container, which is opened again.
//
// The reader's path: manager.go follows all containers of an engine, which is behind API. tail.go follows one container, and stream.go reads its log:
// frames.go splits it into records, lines.go joins records to lines, records.go joins the lines of a stack trace, cursor.go finds the new records. salvage.go reads the records behind
// one that an engine cannot read. containerevent.go reports events.
package docker
