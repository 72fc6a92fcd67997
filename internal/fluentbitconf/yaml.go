package fluentbitconf

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tinyforge/fluentbit-trigger/internal/guard"
)

// yaml reads the YAML format: env, includes, service, parsers, and under pipeline the inputs, filters and outputs.
func (r *reader) yaml(path string, text []byte) {
	root, err := decodeYAML(text)
	if err != nil {
		p := Problem{Place: Place{File: path}, Unusable: true}
		p.Place.Line, p.Message = yamlFault(err)
		r.conf.Problems = append(r.conf.Problems, p)
		return
	}
	if root == nil {
		return
	}
	y := &yamlFile{reader: r, path: path, lines: strings.Split(string(text), "\n")}
	if root.Kind != yaml.MappingNode {
		r.problem(y.place(root), "", "must be a map with service, pipeline and so on")
		return
	}
	y.each(root, func(key, value *yaml.Node) {
		if strings.EqualFold(key.Value, "env") {
			y.each(value, func(k, v *yaml.Node) { r.vars[k.Value], _ = r.expand(v.Value) })
		}
	})
	y.each(root, func(key, value *yaml.Node) {
		switch strings.ToLower(key.Value) {
		case "includes":
			for _, item := range value.Content {
				r.include(item.Value, path, y.place(item))
			}
		case "service":
			r.conf.Sections = append(r.conf.Sections, y.section("service", value))
		case "pipeline":
			y.each(value, y.list)
		case "parsers":
			y.list(key, value)
		}
	})
}

// list reads a list of sections of one kind.
func (y *yamlFile) list(kind, list *yaml.Node) {
	if list.Kind != yaml.SequenceNode {
		y.problem(y.place(list), "", "%s: must be a list", kind.Value)
		return
	}
	for _, item := range list.Content {
		name := strings.TrimSuffix(strings.ToLower(kind.Value), "s")
		y.conf.Sections = append(y.conf.Sections, y.section(name, y.resolved(item)))
	}
}

// decodeYAML is yaml.Unmarshal into a node, with panics of the decoder turned into errors.
func decodeYAML(text []byte) (*yaml.Node, error) {
	var document yaml.Node
	err := guard.Do(func() error { return yaml.Unmarshal(text, &document) })
	if panicked := (*guard.Panic)(nil); errors.As(err, &panicked) {
		return nil, errors.New("yaml: the decoder failed on this document") // the panic may quote the document, which may hold secrets
	}
	if err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	return document.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yamlFault returns the line and the words of a decoder's error.
func yamlFault(err error) (line int, message string) {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m != nil && m[1] != "" {
		line, _ = strconv.Atoi(m[1])
	}
	return line, "not a YAML document: " + yamlLine.ReplaceAllString(err.Error(), "")
}

// yamlFile is one file as it is read.
type yamlFile struct {
	*reader
	path  string
	lines []string
}

func (y *yamlFile) place(n *yaml.Node) Place {
	return Place{File: y.path, Line: n.Line, Column: n.Column}
}

// resolved follows an alias.
func (y *yamlFile) resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// each calls f for each pair of a map; a node that is not a map has no pairs.
func (y *yamlFile) each(n *yaml.Node, f func(key, value *yaml.Node)) {
	if n = y.resolved(n); n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(n.Content[i], y.resolved(n.Content[i+1]))
	}
}

func (y *yamlFile) section(name string, n *yaml.Node) Section {
	s := Section{Name: name, Place: y.place(n)}
	y.each(n, func(key, value *yaml.Node) {
		e := Entry{Key: key.Value, Place: y.place(key), Text: y.place(value)}
		raw := value
		switch value.Kind {
		case yaml.SequenceNode:
			e.List = true
			if len(value.Content) > 0 {
				raw = y.resolved(value.Content[0])
			}
		case yaml.MappingNode:
			e.Map = true
		}
		if raw.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			e.Text = y.block(raw)
			e.Block = raw.Style&yaml.LiteralStyle != 0
		}
		if raw.Kind == yaml.ScalarNode {
			e.Value, e.Unset = y.expand(raw.Value)
		}
		s.Entries = append(s.Entries, e)
	})
	return s
}

// block returns the place of the first line of a block of lines. Its indentation is that of the first line with text.
func (y *yamlFile) block(n *yaml.Node) Place {
	at := Place{File: y.path, Line: n.Line + 1, Column: 1}
	for i := n.Line; i < len(y.lines); i++ {
		if text := strings.TrimLeft(y.lines[i], " "); strings.TrimSpace(text) != "" {
			at.Column += len(y.lines[i]) - len(text)
			break
		}
	}
	return at
}
