// Package docker follows the logs of all containers of an engine and hands over every line once.
//
// It promises:
//   - No line is lost or doubled by anything that can be told apart: a container's restarts, rotation, a broken connection, a restart of
//     the engine. What was handed over is known by a cursor, and the cursor can be saved; a program that was killed sees again only the
//     lines since the last save, and each with the number that it had before (Line.Ordinal).
//   - Lines that cannot be had any more are counted and told (Notice).
//   - What happens to containers is told once (Options.OnEvent): events, and what a look at a container shows to have been missed.
//   - Memory is bounded: each container has one buffer, one batch and one cursor; partial lines share a budget.
//   - A container is read only as fast as its lines are taken, so back-pressure reaches the engine; no container waits for another.
//   - No panic leaves it: one ends the connection of one container, which is opened anew.
//
// The parts: frames.go and tty.go split a log into records, lines.go joins records to lines, cursor.go knows which records were handed
// over, tail.go follows one container, salvage.go reads behind what an engine cannot read, containerevent.go tells of events, manager.go follows all
// containers. The engine itself is behind API.
package docker
