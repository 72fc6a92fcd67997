// Command gendoc writes docs/configuration.md and docs/configuration.schema.json from the settings structs: keys, types and flat parameters from their tags,
// defaults from their DefaultX functions, meanings from the comments of their fields. The frame around the tables is configuration.md.tmpl.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", "../..", "the folder of the module")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	text, err := generate(root)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "docs", "configuration.md"), text, 0o644); err != nil {
		return err
	}
	if text, err = schema(root); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "docs", "configuration.schema.json"), text, 0o644)
}
