// Package join decides which lines of one container and stream are one record: the lines of a stack trace.
//
// It promises:
//
//   - Whether a line continues a record depends on the lines and their times alone, never on chunks, batches or clocks. So a log makes the same records
//     in the plugin, in the standalone mode, in a backtest and in a test.
//   - Lines that are no traces cost a look at their first bytes (MayJoin), and no allocation. Only the line before one that may continue it is searched.
//   - A record is bounded: MaxLines lines, MaxBytes bytes, MaxGap between two lines. What follows a bound is a record of its own, so that rules see
//     every line.
//   - It is pure: it keeps no text. Its callers do, each where its lines are.
//
// A record begins with a line that reports an error in one of many ways (Begin), and goes on with frames, causes and whatever else belongs to a trace
// (Continue). An indented line continues no line that reports no error: tables, statements and dumps stay lines.
//
// The grammar is that of the runtimes and loggers whose output test/packs holds: Java, Python, Go, .NET, Ruby, PHP, Node.js, Rust, Perl, Lua, Elixir, Erlang,
// OCaml, C++ with its sanitizers and valgrind, and by their forms many others. grammar.go has the words, trace.go the states.
package join
