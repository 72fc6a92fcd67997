// Package replay reads existing logs as records for the engine. Each record carries the time at which its line was written.
//
// It promises:
//
//   - The code of production determines a line's text, stream, severity, fields and source: internal/docker joins the records of Docker's
//     json-file, internal/chunk's decoder reads lines of JSON, and both cut long lines at the same length as in production.
//   - Stats counts and reports unreadable lines with file and number, and reading continues with the next line. The same goes for unreadable files.
//   - Memory is bounded, however long logs and lines are. The rotated files of one log are read from the oldest to the newest.
//   - Stats counts the lines without a known time, by reason, and never presents a guessed time as a known one.
//   - The package never reads a clock: the current time is an option.
//
// # Forms
//
// The first lines of a file determine its form: Docker's json-file, the CRI's form (Kubernetes), lines of JSON, this repository's
// test/containerlog, or plain text. The first bytes identify gzip and zstd. The form defines where a line's time is; in plain text a line begins
// with it. A line without a time gets the time of the line before it. If no line has one, all get the time of the file's last change.
package replay
