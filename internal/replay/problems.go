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

// maxProblems bounds how many problems are kept, of lines and of files each; further ones are counted.
const maxProblems = 100

// problems gathers what could not be read. It is safe for concurrent use.
type problems struct {
	mu      sync.Mutex
	ofFiles []Problem
	ofLines []Problem
	files   int64
	lines   int64 // that were left out
}

func (p *problems) add(file string, line int, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, kept := &p.files, &p.ofFiles
	if line > 0 {
		n, kept = &p.lines, &p.ofLines
	}
	*n++
	if len(*kept) < maxProblems {
		*kept = append(*kept, Problem{file, line, fmt.Sprintf(format, args...)})
	}
}
