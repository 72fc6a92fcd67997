package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/tinyforge/fluentbit-trigger/internal/lint"
)

// The words that ask for candidates, with the words of the line so far after them, the last one unfinished. They and the answer are those of
// spf13/cobra, which the Docker CLI passes on to its plugins: a candidate a line, with a tab before its description, then a directive.
const (
	completeWord       = "__complete"
	completeNoDescWord = "__completeNoDesc"

	directiveFiles   = ":0" // where there are no candidates, files are
	directiveNoFiles = ":4"
)

// candidate is a word that may stand at the end of the line.
type candidate struct{ word, help string }

// isComplete reports whether a command line asks for candidates.
func isComplete(args []string) bool {
	return len(args) > 0 && (args[0] == completeWord || args[0] == completeNoDescWord)
}

// complete answers a command line that asks for candidates.
func complete(app *kong.Application, args []string, out io.Writer) {
	words := args[1:]
	if len(words) == 0 {
		words = []string{""}
	}
	found, files := candidates(app.Node, words[:len(words)-1], words[len(words)-1])
	for _, c := range found {
		if c.help == "" || args[0] == completeNoDescWord {
			_, _ = fmt.Fprintln(out, c.word)
			continue
		}
		help, _, _ := strings.Cut(c.help, "\n")
		_, _ = fmt.Fprintf(out, "%s\t%s\n", c.word, help)
	}
	directive := directiveNoFiles
	if files {
		directive = directiveFiles
	}
	_, _ = fmt.Fprintln(out, directive)
}

// line is a command line as far as it is read.
type line struct {
	node    *kong.Node
	waiting *kong.Flag // its value comes next
	taken   int        // positional arguments
	ended   bool       // by --: no flags any more
	configs []string   // values of --config
}

// candidates returns what may stand in the place of last, after words, and whether it may be a file.
func candidates(root *kong.Node, words []string, last string) (found []candidate, files bool) {
	l := &line{node: root}
	for _, word := range words {
		l.read(word)
	}
	if last == "=" && l.waiting != nil { // bash makes words of their own of --flag, = and the value
		last = ""
	}
	switch {
	case l.waiting != nil:
		return l.values(l.waiting.Value, "", last)
	case !l.ended && strings.HasPrefix(last, "--") && strings.Contains(last, "="):
		name, value, _ := strings.Cut(last, "=")
		if flag := l.flag(name); flag != nil {
			return l.values(flag.Value, name+"=", value)
		}
		return nil, false
	case !l.ended && strings.HasPrefix(last, "-"):
		return l.flags(last), false
	}
	for _, child := range l.node.Children {
		if child.Type == kong.CommandNode && !child.Hidden && strings.HasPrefix(child.Name, last) {
			found = append(found, candidate{child.Name, child.Help})
		}
	}
	if len(found) > 0 || len(l.node.Positional) == 0 {
		return found, false
	}
	at := min(l.taken, len(l.node.Positional)-1)
	if arg := l.node.Positional[at]; at == l.taken || arg.IsCumulative() {
		return l.values(arg, "", last)
	}
	return nil, false
}

// read goes on by one whole word.
func (l *line) read(word string) {
	switch {
	case l.waiting != nil && word == "=":
	case l.waiting != nil:
		if l.waiting.Name == "config" {
			l.configs = append(l.configs, word)
		}
		l.waiting = nil
	case l.ended:
		l.taken++
	case word == "--":
		l.ended = true
	case strings.HasPrefix(word, "-") && len(word) > 1:
		name, value, whole := strings.Cut(word, "=")
		flag := l.flag(name)
		switch {
		case flag == nil || flag.IsBool():
		case whole && flag.Name == "config":
			l.configs = append(l.configs, value)
		case !whole:
			l.waiting = flag
		}
	default:
		for _, child := range l.node.Children {
			if child.Name == word || slices.Contains(child.Aliases, word) {
				l.node, l.taken = child, 0
				return
			}
		}
		l.taken++
	}
}

// flag returns the flag that a word names, nil when there is none.
func (l *line) flag(word string) *kong.Flag {
	for _, group := range l.node.AllFlags(false) {
		for _, flag := range group {
			if word == "--"+flag.Name || flag.Short != 0 && word == "-"+string(flag.Short) {
				return flag
			}
		}
	}
	return nil
}

// flags lists those that begin with a text.
func (l *line) flags(prefix string) (found []candidate) {
	for _, group := range l.node.AllFlags(true) {
		for _, flag := range group {
			if word := "--" + flag.Name; strings.HasPrefix(word, prefix) {
				found = append(found, candidate{word, flag.Help})
			}
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Compare(a.word, b.word) })
	return found
}

// values lists what a flag or argument may be. What is not known may be a file, unless it is said to be something else.
func (l *line) values(v *kong.Value, before, prefix string) (found []candidate, files bool) {
	var words []string
	switch kind := v.Tag.Get("complete"); {
	case v.Enum != "":
		words = v.EnumSlice()
	case kind == "trigger" || kind == "rule":
		words = l.names(kind)
	default:
		return nil, kind == "" && v.Target.Kind() != 0 && !isNumber(v)
	}
	for _, word := range words {
		if strings.HasPrefix(word, prefix) {
			found = append(found, candidate{before + word, ""})
		}
	}
	return found, false
}

func isNumber(v *kong.Value) bool {
	return v.Target.CanInt() || v.Target.CanUint() || v.Target.CanFloat()
}

// names returns those of the rules or triggers in the configuration that the line, or the environment, names.
func (l *line) names(kind string) (names []string) {
	files := l.configs
	if len(files) == 0 {
		files = strings.Split(os.Getenv("FLUENTBIT_TRIGGER_CONFIG"), ",")
	}
	if files[0] == "" {
		return nil
	}
	for _, result := range lint.Load(files, nil) {
		s := &result.Settings
		if kind == "trigger" {
			for i := range s.Triggers {
				names = append(names, s.Triggers[i].Name)
			}
			continue
		}
		for i := range s.Rules {
			names = append(names, s.Rules[i].Name)
		}
		for i := range s.Workloads {
			for j := range s.Workloads[i].Rules {
				names = append(names, s.Workloads[i].Rules[j].Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
