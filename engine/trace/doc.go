// Package trace reads the stack traces in a log line's text: the exception's type and message, its causes, and the frames.
//
// It promises to know a frame by its shape, not by its language. The shapes are
//
//	at f (file:line)                    Java, Kotlin, Scala, JavaScript, .NET
//	File "file", line n, in f           Python, OCaml
//	f, and below it, indented, file:n   Go, Rust
//	#n f file:n, file:n:in f            PHP, C, C++, Dart, Ruby, Perl, Lua, Erlang, Elixir
//
// and docs/counting.md has them in full. A text is read once, in linear time, and whatever it holds, the result is bounded. A text without any frame
// holds no trace. A trace may be encoded as a JSON string anywhere in the text.
package trace
