// Command figures prints figures of the code's structure and language, to compare one state of the checkout with another:
//
//	go run ./test/house/figures [DIR]
//
// It reads the product's Go files (tests, test/ and generated files left out) and changes nothing.
package main

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := report(os.Stdout, dir); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

// source is one Go file of the product.
type source struct {
	path string // from the root, with slashes
	text string
	file *ast.File
}

func report(w io.Writer, dir string) error {
	fset := token.NewFileSet()
	sources, err := load(fset, dir)
	if err != nil {
		return err
	}
	lines, rooms := 0, map[string]int{}
	for _, s := range sources {
		lines += strings.Count(s.text, "\n")
		rooms[filepath.ToSlash(filepath.Dir(s.path))]++
	}
	fmt.Fprintf(w, "lines of the product: %d in %d files of %d packages\n", lines, len(sources), len(rooms))
	var large []string
	for room, n := range rooms {
		if n > 15 {
			large = append(large, fmt.Sprintf("%s %d", room, n))
		}
	}
	slices.Sort(large)
	fmt.Fprintf(w, "packages of more than 15 files: %d (%s)\n", len(large), strings.Join(large, ", "))
	var worst []string
	all, upward := 0, 0
	for room := range rooms {
		if room != "engine" && !strings.HasPrefix(room, "engine/") {
			continue
		}
		a, err := arrows(dir, room)
		if err != nil {
			return err
		}
		up := a.upward()
		all, upward = all+a.count(), upward+up
		worst = append(worst, fmt.Sprintf("%s %d files %d arrows %d upward", room, rooms[room], a.count(), up))
	}
	slices.Sort(worst)
	fmt.Fprintf(w, "arrows between the files of engine: %d, upward: %d\n  %s\n", all, upward, strings.Join(worst, "\n  "))
	comments(w, sources)
	validators(w, sources)
	formats(w, sources)
	pipelineFields(w, sources)
	return nil
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func load(fset *token.FileSet, dir string) ([]source, error) {
	var all []source
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (rel == "test" || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || generated.Match(text) {
			return err
		}
		f, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		all = append(all, source{rel, string(text), f})
		return err
	})
	return all, err
}

var (
	dialect    = regexp.MustCompile(`(?i)\b(told|tells?|anew)\b`)
	whatClause = regexp.MustCompile(`(?i)\bwhat\b`)
)

func comments(w io.Writer, sources []source) {
	groups, old, what, inBody, bodyLines, bodyComments := 0, 0, 0, 0, 0, 0
	for _, s := range sources {
		var bodies []*ast.BlockStmt
		ast.Inspect(s.file, func(n ast.Node) bool {
			if f, ok := n.(*ast.FuncDecl); ok && f.Body != nil {
				bodies = append(bodies, f.Body)
				bodyLines += strings.Count(s.text[f.Body.Pos()-s.file.FileStart:f.Body.End()-s.file.FileStart], "\n")
			}
			return true
		})
		for _, g := range s.file.Comments {
			text := g.Text()
			if text == "" {
				continue
			}
			groups++
			if dialect.MatchString(text) {
				old++
			}
			if whatClause.MatchString(text) {
				what++
			}
			for _, b := range bodies {
				if g.Pos() > b.Pos() && g.End() < b.End() {
					inBody++
					bodyComments += strings.Count(text, "\n")
				}
			}
		}
	}
	fmt.Fprintf(w, "comments: %d; with told, tell, tells or anew: %.1f %%; with a clause in what: %.1f %%; inside function bodies: %d, %.1f %% of their lines\n",
		groups, 100*float64(old)/float64(groups), 100*float64(what)/float64(groups), inBody, 100*float64(bodyComments)/float64(max(1, bodyLines)))
}

// validators counts the packages in which a Validate returns something else than a list of faults.
func validators(w io.Writer, sources []source) {
	with, other := map[string]bool{}, map[string]bool{}
	for _, s := range sources {
		room := filepath.Dir(s.path)
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name != "Validate" || f.Type.Results == nil {
				continue
			}
			with[room] = true
			result := f.Type.Results.List[0].Type
			list, ok := result.(*ast.ArrayType)
			if !ok || len(f.Type.Results.List) != 1 || !strings.HasSuffix(types.ExprString(list.Elt), "Fault") {
				other[room] = true
			}
		}
	}
	fmt.Fprintf(w, "packages with a Validate: %d, of which not []Fault: %d\n", len(with), len(other))
}

var formatWord = regexp.MustCompile(`\bFormat(Generic|Slack|Discord|Teams|Telegram|PagerDuty|Alertmanager|Ntfy|Gotify|Opsgenie|Pushover|Email|CloudEvents)\b|"(slack|discord|teams|telegram|pagerduty|alertmanager|ntfy|gotify|opsgenie)"`)

// formats counts the places that name a receiver's format, or switch on it, outside the file of that receiver.
func formats(w io.Writer, sources []source) {
	places, files := 0, 0
	for _, s := range sources {
		n := 0
		for _, line := range strings.Split(s.text, "\n") {
			for _, m := range formatWord.FindAllString(line, -1) {
				word := strings.ToLower(strings.Trim(strings.TrimPrefix(m, "Format"), `"`))
				if !strings.Contains(filepath.Base(s.path), word) && !strings.HasPrefix(strings.TrimSpace(line), "//") {
					n++
				}
			}
		}
		if n > 0 {
			places, files = places+n, files+1
		}
	}
	fmt.Fprintf(w, "places that name a receiver's format outside its file: %d in %d files\n", places, files)
}

func pipelineFields(w io.Writer, sources []source) {
	for _, s := range sources {
		if filepath.ToSlash(filepath.Dir(s.path)) != "internal/pipeline" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			t, ok := n.(*ast.TypeSpec)
			if !ok || t.Name.Name != "Pipeline" {
				return true
			}
			fields, mutexes := 0, 0
			for _, f := range t.Type.(*ast.StructType).Fields.List {
				fields += max(1, len(f.Names))
				if strings.Contains(types.ExprString(f.Type), "Mutex") {
					mutexes += max(1, len(f.Names))
				}
			}
			fmt.Fprintf(w, "fields of Pipeline: %d, mutexes among them: %d\n", fields, mutexes)
			return false
		})
	}
}

// graph has the files of one package and which of them use which.
type graph map[string]map[string]bool

// arrows finds for each file of a package the other files whose declarations, methods included, it uses.
func arrows(dir, room string) (graph, error) {
	list := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "./"+room)
	list.Dir = dir
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", room, err)
	}
	exports := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		path, file, _ := strings.Cut(line, "\t")
		exports[path] = file
	}
	names := exec.Command("go", "list", "-f", `{{join .GoFiles "\n"}}`, "./"+room)
	names.Dir = dir
	if out, err = names.Output(); err != nil {
		return nil, fmt.Errorf("go list %s: %w", room, err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range strings.Fields(string(out)) {
		f, err := parser.ParseFile(fset, filepath.Join(dir, room, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })}
	pkg, err := conf.Check(room, fset, files, info)
	if err != nil {
		return nil, err
	}
	name := func(p token.Pos) string { return filepath.Base(fset.Position(p).Filename) }
	g := graph{}
	for _, f := range files {
		g[name(f.FileStart)] = map[string]bool{}
	}
	for use, object := range info.Uses {
		if object.Pkg() != pkg || !object.Pos().IsValid() {
			continue
		}
		if from, to := name(use.Pos()), name(object.Pos()); from != to {
			g[from][to] = true
		}
	}
	return g, nil
}

func (g graph) count() (n int) {
	for _, to := range g {
		n += len(to)
	}
	return n
}

// upward returns how many arrows point up in an order of the files that makes them few: the greedy order of Eades, Lin and Smyth (1993).
func (g graph) upward() int {
	left := map[string]bool{}
	for f := range g {
		left[f] = true
	}
	degree := func(f string) (out, in int) {
		for other := range left {
			if g[f][other] {
				out++
			}
			if g[other][f] {
				in++
			}
		}
		return out, in
	}
	var first, last []string
	for len(left) > 0 {
		names := make([]string, 0, len(left))
		for f := range left {
			names = append(names, f)
		}
		slices.Sort(names)
		best, most, sink := "", -1<<31, false
		for _, f := range names {
			out, in := degree(f)
			if out == 0 {
				best, sink = f, true
				break
			}
			if in == 0 {
				best, most = f, 1<<30
			}
			if out-in > most {
				best, most = f, out-in
			}
		}
		delete(left, best)
		if sink {
			last = append([]string{best}, last...)
		} else {
			first = append(first, best)
		}
	}
	place := map[string]int{}
	for i, f := range append(first, last...) {
		place[f] = i
	}
	up := 0
	for from, tos := range g {
		for to := range tos {
			if place[to] < place[from] {
				up++
			}
		}
	}
	return up
}
