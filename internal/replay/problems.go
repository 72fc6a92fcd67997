package replay

import (
	"fmt"
	"sync"
)

// Problem is something that could not be read.
type Problem struct {
	File string
	Line int    // 0: the whole file, or the rest of it
	Text string // what is wrong, without anything of the line
}

// String gives file, line and what is wrong.
func (p Problem) String() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Text)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

// maxProblems bounds how many problems are kept; further ones are counted.
const maxProblems = 100

// problems gathers what could not be read. It is safe for concurrent use.
type problems struct {
	mu    sync.Mutex
	kept  []Problem
	lines int64 // that were left out
	files int64
}

func (p *problems) add(file string, line int, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if line > 0 {
		p.lines++
	} else {
		p.files++
	}
	if len(p.kept) < maxProblems {
		p.kept = append(p.kept, Problem{file, line, fmt.Sprintf(format, args...)})
	}
}
