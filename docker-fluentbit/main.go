// Package main is docker-fluentbit, the command line of fluentbit-trigger. Its commands are in internal/cli.
package main

import (
	"os"

	"github.com/tinyforge/fluentbit-trigger/internal/cli"
)

// version is set by the linker.
var version = "unknown"

func main() { os.Exit(cli.Run(cli.Process(version), os.Args[1:])) }
