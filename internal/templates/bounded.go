package templates

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"
)

// Limits bound the cost of one message, over all templates that are executed for it.
type Limits struct {
	Steps  int // executed parts of templates; each iteration of a range counts all parts in it
	Bytes  int // of the arguments and results of functions, comparisons and prints
	Output int // written bytes
}

// The bounds of the source of a template and of texts in it.
const (
	maxText     = 64 << 10  // bytes of a template
	maxValue    = 256 << 10 // bytes of a value on its way from one function to the next
	maxArgument = 1 << 10   // bytes of a text argument of a method, such as a layout
	maxWidth    = 64 << 10  // characters that the widths and precisions of one printf request
)

// BoundError is the error of a template that exceeds a bound, worded for users.
type BoundError struct{ Message string }

// Error returns the message.
func (e *BoundError) Error() string { return e.Message }

// Template is a text/template whose execution ends: no template in it executes itself, ranges iterate only over lists and maps of its data, and every
// step counts against a Budget.
type Template struct {
	base *template.Template
	runs sync.Pool // of *run
}

// run is a copy of a template with the budget of its functions. One execution at a time uses it.
type run struct {
	template *template.Template
	budget   *Budget
}

// Budget is the unused part of Limits. It belongs to one goroutine.
type Budget struct {
	ctx    context.Context
	left   Limits
	limits Limits
}

// NewBudget returns a budget for one message. When ctx ends, templates fail.
func NewBudget(ctx context.Context, limits Limits) *Budget {
	return &Budget{ctx: ctx, left: limits, limits: limits}
}

// steps counts parts before they are executed.
func (b *Budget) steps(n int) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if b.left.Steps -= n; b.left.Steps < 0 {
		return &BoundError{fmt.Sprintf("takes more than %d steps", b.limits.Steps)}
	}
	return nil
}

// bytes counts a text before it is read or after it was made.
func (b *Budget) bytes(n int) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if n > maxValue {
		return &BoundError{fmt.Sprintf("makes a text of more than %d bytes", maxValue)}
	}
	if b.left.Bytes -= n; b.left.Bytes < 0 {
		return &BoundError{fmt.Sprintf("handles more than %d bytes of text", b.limits.Bytes)}
	}
	return nil
}

// ErrOutput is the error of a template that writes more than Limits.Output.
var ErrOutput = errors.New("writes more than it may")

// writer counts written bytes.
type writer struct {
	to     io.Writer
	budget *Budget
}

// Write writes as much as fits, and fails if that is not all.
func (w writer) Write(p []byte) (int, error) {
	if len(p) > w.budget.left.Output {
		n, err := w.to.Write(p[:w.budget.left.Output])
		w.budget.left.Output -= n
		return n, errors.Join(err, ErrOutput)
	}
	n, err := w.to.Write(p)
	w.budget.left.Output -= n
	return n, err
}

// The functions that Parse inserts into a template. A template cannot call them itself, because their names are defined only after parsing.
const (
	stepFunction = "_step" // counts the parts of a range's body
	eachFunction = "_each" // checks the value that a range iterates over
	passFunction = "_pass" // counts a value in a pipeline
	textFunction = "_text" // does so for an argument of a method
)

// Parse parses a template, refuses constructs that cannot be bounded, and inserts the functions that count. The functions of the map must take time
// at most proportional to the size of their arguments and results.
func Parse(name, text string, functions template.FuncMap) (*Template, error) {
	if len(text) > maxText {
		return nil, &BoundError{fmt.Sprintf("is %d bytes long: at most %d", len(text), maxText)}
	}
	t, err := template.New(name).Funcs(template.FuncMap{"printf": printf}).Funcs(functions).Option("missingkey=zero").Parse(text)
	if err != nil {
		return nil, err
	}
	calls := map[string][]string{}
	for _, one := range t.Templates() {
		if one.Tree == nil || one.Root == nil {
			continue
		}
		r := rewriter{tree: one.Tree}
		parts := r.list(one.Root)
		calls[one.Name()] = r.calls
		if one.Name() != name { // it may be executed many times
			one.Root.Nodes = append([]parse.Node{r.step(one.Root.Pos, 0, 1+parts)}, one.Root.Nodes...)
		}
	}
	for caller := range calls {
		if reaches(calls, caller, caller, map[string]bool{}) {
			return nil, &BoundError{"contains a template that executes itself"}
		}
	}
	out := &Template{base: t.Funcs((&run{}).functions())}
	out.runs.New = func() any { return out.newRun() }
	return out, nil
}

// reaches reports whether a template executes another one, directly or through others.
func reaches(calls map[string][]string, from, to string, seen map[string]bool) bool {
	for _, next := range calls[from] {
		if next == to {
			return true
		}
		if !seen[next] {
			seen[next] = true
			if reaches(calls, next, to, seen) {
				return true
			}
		}
	}
	return false
}

func (t *Template) newRun() *run {
	copied, err := t.base.Clone()
	if err != nil { // only templates of html/template can fail
		copied = t.base
	}
	r := &run{}
	r.template = copied.Funcs(r.functions())
	return r
}

// Name returns the template's name.
func (t *Template) Name() string { return t.base.Name() }

// Execute writes the template's output for the data, within the budget.
func (t *Template) Execute(b *Budget, w io.Writer, data any) error {
	r := t.runs.Get().(*run) //nolint:forcetypeassert // New makes no other
	r.budget = b
	defer func() {
		r.budget = nil
		t.runs.Put(r)
	}()
	return r.template.Execute(writer{w, b}, data)
}

// functions returns the functions that count.
func (r *run) functions() template.FuncMap {
	return template.FuncMap{
		stepFunction: func(n int) (string, error) { return "", r.budget.steps(n) },
		eachFunction: func(v reflect.Value) (reflect.Value, error) { return v, ranged(v) },
		passFunction: func(v reflect.Value) (reflect.Value, error) { return v, r.budget.bytes(sizeOf(v, 0)) },
		textFunction: func(v reflect.Value) (reflect.Value, error) {
			n := sizeOf(v, 0)
			if n > maxArgument && indirect(v).Kind() == reflect.String {
				return v, &BoundError{fmt.Sprintf("gives a method a text of more than %d bytes", maxArgument)}
			}
			return v, r.budget.bytes(n)
		},
	}
}

// ranged accepts only values whose number of elements comes from the data.
func ranged(v reflect.Value) error {
	switch indirect(v).Kind() {
	case reflect.Array, reflect.Slice, reflect.Map, reflect.Invalid:
		return nil
	}
	return &BoundError{"range iterates over lists and maps only"}
}

func indirect(v reflect.Value) reflect.Value {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) {
		v = v.Elem()
	}
	return v
}

// sizeOf returns about how long a value is when it is printed, in bytes.
func sizeOf(v reflect.Value, depth int) int {
	const deepest = 8
	v = indirect(v)
	if !v.IsValid() || depth > deepest {
		return 1
	}
	n := 8
	switch v.Kind() {
	case reflect.String:
		return n + v.Len()
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return n + 4*v.Len()
		}
		for i := range v.Len() {
			n += sizeOf(v.Index(i), depth+1)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			n += sizeOf(it.Key(), depth+1) + sizeOf(it.Value(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			n += sizeOf(v.Field(i), depth+1)
		}
	}
	return n
}

// printf is fmt.Sprintf with bounds on widths and precisions.
func printf(format string, args ...any) (string, error) {
	total := 0
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		for i++; i < len(format) && strings.IndexByte("+-# 0123456789.*[]", format[i]) >= 0; i++ {
			switch c := format[i]; {
			case c == '*' || c == '[':
				return "", &BoundError{"printf takes no width or index from its arguments"}
			case '1' <= c && c <= '9':
				end := i
				for end < len(format) && '0' <= format[end] && format[end] <= '9' {
					end++
				}
				n, err := strconv.Atoi(format[i:end])
				if err != nil || n > maxWidth {
					n = maxWidth + 1
				}
				total, i = total+n, end-1
			}
		}
	}
	if total > maxWidth {
		return "", &BoundError{fmt.Sprintf("printf asks for more than %d characters", maxWidth)}
	}
	return fmt.Sprintf(format, args...), nil
}

// rewriter inserts the functions that count into a parsed template.
type rewriter struct {
	tree  *parse.Tree
	calls []string // the templates that it executes
}

// list rewrites the nodes of a list and returns the largest number of parts of one execution, without the iterations of its ranges.
func (r *rewriter) list(l *parse.ListNode) (parts int) {
	if l == nil {
		return 0
	}
	for _, node := range l.Nodes {
		parts++
		switch n := node.(type) {
		case *parse.ActionNode:
			parts += r.pipe(n.Pipe)
		case *parse.IfNode:
			parts += r.branch(&n.BranchNode)
		case *parse.WithNode:
			parts += r.branch(&n.BranchNode)
		case *parse.RangeNode:
			parts += r.loop(n)
		case *parse.TemplateNode:
			parts += r.pipe(n.Pipe)
			r.calls = append(r.calls, n.Name)
		}
	}
	return parts
}

func (r *rewriter) branch(n *parse.BranchNode) int {
	return r.pipe(n.Pipe) + r.list(n.List) + r.list(n.ElseList)
}

func (r *rewriter) loop(n *parse.RangeNode) int {
	parts := r.pipe(n.Pipe) + r.list(n.ElseList)
	n.Pipe.Cmds = append(n.Pipe.Cmds, r.call(n.Pipe.Pos, eachFunction))
	round := 1 + r.list(n.List)
	n.List.Nodes = append([]parse.Node{r.step(n.Pos, n.Line, round)}, n.List.Nodes...)
	return parts
}

// step returns an action that counts parts and writes nothing.
func (r *rewriter) step(pos parse.Pos, line, parts int) *parse.ActionNode {
	command := r.call(pos, stepFunction)
	command.Args = append(command.Args, &parse.NumberNode{
		NodeType: parse.NodeNumber, Pos: pos, IsInt: true, Int64: int64(parts), IsUint: true, Uint64: uint64(parts), Text: strconv.Itoa(parts),
	})
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Line: line, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe, Pos: pos, Line: line, Cmds: []*parse.CommandNode{command},
	}}
}

// pipe makes every value of a pipeline count: the results of all its commands.
func (r *rewriter) pipe(p *parse.PipeNode) (parts int) {
	if p == nil {
		return 0
	}
	var commands []*parse.CommandNode
	for i, c := range p.Cmds {
		parts += 2 + r.command(c)
		if i > 0 {
			if _, named := c.Args[0].(*parse.IdentifierNode); !named { // a method, which gets the value as its last argument
				commands = append(commands, r.call(c.Pos, textFunction))
			}
		}
		commands = append(commands, c, r.call(c.Pos, passFunction))
	}
	p.Cmds = commands
	return parts
}

// command makes the arguments of a function or method and expressions in parentheses count.
func (r *rewriter) command(c *parse.CommandNode) (parts int) {
	count := passFunction
	if _, named := c.Args[0].(*parse.IdentifierNode); !named {
		count = textFunction
	}
	for i, arg := range c.Args {
		parts++
		switch n := arg.(type) {
		case *parse.PipeNode:
			parts += r.pipe(n)
		case *parse.ChainNode:
			if inner, ok := n.Node.(*parse.PipeNode); ok {
				parts += r.pipe(inner)
			}
		case *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.NilNode:
			continue
		}
		if i > 0 {
			c.Args[i] = r.counted(arg, count)
		}
	}
	return parts
}

// counted returns an argument that passes through a function.
func (r *rewriter) counted(arg parse.Node, function string) *parse.PipeNode {
	pos := arg.Position()
	first := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: []parse.Node{arg}}
	return &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{first, r.call(pos, function)}}
}

func (r *rewriter) call(pos parse.Pos, function string) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: []parse.Node{parse.NewIdentifier(function).SetPos(pos).SetTree(r.tree)}}
}
