package trace

import "bytes"

// libraryPaths are parts of the paths under which languages keep code that is not the user's.
var libraryPaths = [...]string{
	"/site-packages/", "/dist-packages/", "/lib/python", // Python
	"node_modules/", "/usr/share/nodejs/", // Node.js
	"/usr/local/go/", "/go/src/", "@v", "vendor/", // Go, PHP, Ruby
	"/gems/", "/rubygems/", "/lib/ruby/", "/vendor_ruby/", // Ruby
	"/rustc/", ".cargo/", // Rust
	"/usr/lib/", "/usr/lib64/", "/lib/x86_64-linux-gnu/", "/lib/aarch64-linux-gnu/", "/usr/share/", "/usr/local/lib/", "/usr/include/", "/sysdeps/", "/csu/",
}

// libraryFiles are the begins of names that stand for files of a runtime.
var libraryFiles = [...]string{
	"node:", "internal/", "<frozen ", "<internal:", "[C]", "dart:", "package:flutter/", "stdlib.", "../sysdeps/", "./nptl/", "../csu/",
}

// libraryFunctions are the begins of functions of standard libraries and the most common frameworks.
var libraryFunctions = [...]string{
	"java.", "javax.", "jakarta.", "jdk.", "sun.", "com.sun.", "kotlin.", "kotlinx.", "scala.", "groovy.", "clojure.", "org.springframework.",
	"org.apache.", "org.hibernate.", "org.eclipse.", "org.jboss.", "org.slf4j.", "org.junit.", "org.postgresql.", "ch.qos.logback.", "io.netty.", "io.grpc.",
	"io.undertow.", "io.vertx.", "io.quarkus.", "io.micronaut.", "reactor.", "com.fasterxml.", "com.mysql.", "com.zaxxer.", "feign.", "okhttp3.", "akka.",
	"System.", "Microsoft.", "Mono.", "Npgsql.", "Newtonsoft.", "Serilog.",
	"runtime.", "runtime/", "reflect.", "testing.", "net/http.", "internal/", "sync.", "log.", "log/slog.", "encoding/", "database/sql.",
	"std::", "core::", "alloc::", "std[", "core[", "alloc[", "<core::", "<alloc::", "<std::", "rust_begin_unwind", "__rust", "_start", "__libc_start", "__GI_", "__cxa_", "tokio::", "abort", "raise",
	":erl_", ":gen_server", ":proc_lib", ":elixir", "gen_server:", "proc_lib:", "erl_eval:", "init:", "Stdlib.", "Stdlib__",
	"operator new", "operator delete",
}

// isLibrary reports whether a frame is of a runtime, a library or a framework, as far as its name shows it.
func isLibrary(f frame) bool {
	name := function(f.function)
	if string(name) == "panic" || hasPrefix(name, "Object.<anonymous>") && len(f.file) == 0 {
		return true
	}
	for _, p := range libraryFunctions {
		if hasPrefix(name, p) {
			return true
		}
	}
	for _, p := range libraryFiles {
		if hasPrefix(f.file, p) {
			return true
		}
	}
	for _, p := range libraryPaths {
		if bytes.Contains(f.file, []byte(p)) {
			return true
		}
	}
	return isGoStandard(f.file) || isPackaged(f.file)
}

// isGoStandard reports whether a file is one of Go's own, in a program that was built with -trimpath: a path that begins with the name of a package.
func isGoStandard(file []byte) bool {
	if !hasSuffix(file, ".go") && !hasSuffix(file, ".s") {
		return false
	}
	for _, p := range [...]string{"runtime/", "net/", "reflect/", "testing/", "sync/", "log/", "encoding/", "database/sql/", "io/", "os/", "syscall/", "bufio/", "context/", "time/"} {
		if hasPrefix(file, p) {
			return true
		}
	}
	return false
}

// isPackaged reports whether a file is written with the package that it is of, and its version: Rails' "actionpack (6.1.7) lib/x.rb". Elixir writes
// its applications so too, the user's own among them; those are known by the runtime's names.
func isPackaged(file []byte) bool {
	if hasPrefix(file, "(") {
		for _, p := range [...]string{"(elixir ", "(stdlib ", "(kernel ", "(mix ", "(ex_unit ", "(logger ", "(plug ", "(phoenix ", "(cowboy ", "(ecto ", "(db_connection "} {
			if hasPrefix(file, p) {
				return true
			}
		}
		return false
	}
	i := bytes.Index(file, []byte(" ("))
	return i > 0 && i+2 < len(file) && isDigit(file[i+2]) && hasSuffix(file, ".rb")
}
