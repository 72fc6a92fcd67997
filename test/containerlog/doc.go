// Package containerlog reads the text logs of examples/logs, in which several containers write. There are three kinds of lines:
//
//	# a comment; empty lines are skipped too
//	@NAME id=HEX key=value …          a container: its id, and labels that its records carry
//	SECONDS NAME STREAM TEXT          a line that the container wrote, so long after the start; TEXT is the rest of the line
//
// The plugin host of test/host reads the same files. A test holds both to the same records.
package containerlog
