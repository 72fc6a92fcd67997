// Package main writes the reference of the commands, docs/commands.md, and with -man DIR the manual pages.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/tinyforge/fluentbit-trigger/internal/cli"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
)

func main() {
	log.SetFlags(0)
	man := flag.String("man", "", "write manual pages to this folder instead")
	flag.Parse()
	if err := write(flag.Arg(0), *man); err != nil {
		log.Fatal(err)
	}
}

func write(path, man string) error {
	if man == "" {
		return os.WriteFile(path, reference(), 0o644)
	}
	if err := os.MkdirAll(man, 0o755); err != nil {
		return err
	}
	// The date of a page is that of its release, which a packager sets, so that two builds are alike.
	return doc.GenManTree(tree(), &doc.GenManHeader{Section: "1", Source: "fluentbit-trigger", Manual: "fluentbit-trigger"}, man)
}

// tree returns the commands as they are where no variable is set.
func tree() *cobra.Command {
	return cli.New(&command.Env{
		In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }, Now: func() time.Time { return time.Time{} }, Version: "reference",
	}, "docker-fluentbit")
}

// reference returns the page of all commands.
func reference() []byte {
	var b bytes.Buffer
	root := tree()
	b.WriteString("# The commands\n\n<!-- Generated from the commands by go generate: change internal/cli instead. -->\n\n" + text(root.Long) + "\n")
	for _, group := range root.Groups() {
		fmt.Fprintf(&b, "**%s**\n\n", strings.TrimSuffix(group.Title, ":"))
		list(&b, root, group.ID)
	}
	b.WriteString("**Other commands**\n\n")
	list(&b, root, "")
	for _, c := range root.Commands() {
		section(&b, c)
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

// list writes the commands of a group, with links.
func list(b *bytes.Buffer, root *cobra.Command, group string) {
	b.WriteString("| Command | |\n|---|---|\n")
	for _, c := range root.Commands() {
		if c.GroupID == group {
			fmt.Fprintf(b, "| [%s](#%s) | %s |\n", c.Name(), anchor(c), cell(c.Short))
		}
	}
	b.WriteString("\n")
}

func anchor(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// section writes a command, and those below it.
func section(b *bytes.Buffer, c *cobra.Command) {
	depth := len(strings.Fields(c.CommandPath()))
	fmt.Fprintf(b, "%s %s\n\n", strings.Repeat("#", depth), c.CommandPath())
	long := c.Long
	if long == "" {
		long = c.Short
	}
	b.WriteString(text(long) + "\n")
	if !c.HasSubCommands() {
		fmt.Fprintf(b, "```\n%s\n```\n\n", c.UseLine())
	}
	if c.Example != "" {
		b.WriteString("```sh\n")
		for line := range strings.Lines(c.Example) {
			b.WriteString(strings.TrimSpace(line) + "\n")
		}
		b.WriteString("```\n\n")
	}
	if !c.HasSubCommands() {
		flags(b, c)
	}
	for _, sub := range c.Commands() {
		section(b, sub)
	}
}

// flags writes the flags of a command.
func flags(b *bytes.Buffer, c *cobra.Command) {
	rows := ""
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		name := "`--" + f.Name
		if f.NoOptDefVal == "" {
			name += " " + strings.ReplaceAll(f.Value.Type(), "|", "\\|")
		}
		if name += "`"; f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		usage := f.Usage
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			usage += " Default: `" + f.DefValue + "`."
		}
		rows += fmt.Sprintf("| %s | %s |\n", name, cell(usage))
	})
	if rows != "" {
		b.WriteString("| Flag | |\n|---|---|\n" + rows + "\n")
	}
}

// text returns a help text as Markdown: an indented paragraph becomes a block.
func text(s string) string {
	var out strings.Builder
	for _, paragraph := range strings.Split(s, "\n\n") {
		if strings.HasPrefix(strings.TrimPrefix(paragraph, "\n"), "  ") {
			out.WriteString("```\n" + strings.Trim(paragraph, "\n") + "\n```\n\n")
			continue
		}
		head, block, found := strings.Cut(paragraph, "\n  ")
		out.WriteString(escape(head) + "\n\n")
		if found {
			out.WriteString("```\n  " + block + "\n```\n\n")
		}
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func cell(s string) string { return strings.ReplaceAll(escape(s), "|", "\\|") }

// escape keeps the characters of a text from being Markdown.
func escape(s string) string {
	return strings.NewReplacer("<", "&lt;", "*", "\\*", "[[", "\\[\\[", "_", "\\_").Replace(s)
}
