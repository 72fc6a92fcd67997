package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
)

// module is the path that the packages of the settings structs begin with.
const module = "github.com/tinyforge/fluentbit-trigger/"

// comments reads the comments of struct fields from the source.
type comments struct {
	root     string
	packages map[string]map[string]string // package path → "Type.Field" → comment
}

// of returns the comment of a field; a field without one is an error, for the reference would not explain it.
func (c *comments) of(t reflect.Type, f reflect.StructField) (string, error) {
	if c.packages[t.PkgPath()] == nil {
		if err := c.read(t.PkgPath()); err != nil {
			return "", err
		}
	}
	name := t.Name() + "." + f.Name
	text := c.packages[t.PkgPath()][name]
	if text == "" {
		return "", fmt.Errorf("%s: %s has no comment", t.PkgPath(), name)
	}
	return text, nil
}

func (c *comments) read(pkg string) error {
	files, err := filepath.Glob(filepath.Join(c.root, strings.TrimPrefix(pkg, module), "*.go"))
	if err != nil {
		return err
	}
	found := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, name := range f.Names {
						found[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
					}
				}
			}
			return false
		})
	}
	c.packages[pkg] = found
	return nil
}
