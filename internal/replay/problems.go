package replay

import (
	"fmt"
	"sync"
)

// Problem is a line or a file that could not be read.
type Problem struct {
	File string
	Line int    // 0: the whole file, or the rest of it
	Text string // the complaint, without any content of the line
}

// String returns file, line and complaint.
func (p Problem) String() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Text)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

// maxProblems bounds the problems that are stored, separately for lines and for files. Further ones are only counted.
const maxProblems = 100

// problems collects unreadable lines and files. It is safe for concurrent use.
type problems struct {
	mu      sync.Mutex
	ofFiles []Problem
	ofLines []Problem
	files   int64
	lines   int64 // skipped lines
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
