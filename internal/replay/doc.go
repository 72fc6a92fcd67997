// Package replay turns logs that were written before into records for the engine, with the time that each line was written at.
//
// It promises:
//
//   - What a line's text, stream, severity, fields and source are is decided as in production: Docker's json-file is joined by internal/docker,
//     lines of JSON are read by internal/chunk's decoder, and both cut what is too long where they cut it live.
//   - A line that cannot be read is counted and told with its file and number, and reading goes on behind it. So is a file that cannot be read.
//   - Memory is bounded, however long logs and lines are. Rotated files of one log are read in the order in which they were written.
//   - A line whose time is not known is counted with the reason, and never passed off as one whose time is.
//   - Nothing here reads a clock: what stands in for it is an option.
//
// # Forms
//
// The form of a file is told by its first lines: Docker's json-file, the CRI's form (Kubernetes), lines of JSON, this repository's
// test/containerlog, or plain text. gzip and zstd are told by their first bytes. A time is that of the form; in plain text it is the one that a
// line begins with. A line without one has the time of the line before it, and where no line has any, that of the file's last change.
package replay
