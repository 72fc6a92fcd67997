package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

//go:embed loop.py
var loopScript string

// python is a process of Python that runs every rule on every line. Each rule is compiled once, where a program that hands its text to
// re.search pays for looking it up as well, and for compiling again where there are more than the 512 that re remembers.
type python struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Reader
	refused map[int]bool
}

// pythonAnswer is what loop.py says: first what it refused, then what it found in a pass and how long that took.
type pythonAnswer struct {
	Refused []int    `json:"refused"`
	NS      int64    `json:"ns"`
	Pairs   [][2]int `json:"pairs"`
}

func newPython(exprs []string, lines [][]byte) (matcher, error) {
	binary, err := exec.LookPath("python3")
	if err != nil {
		return nil, fmt.Errorf("%w: python3 is not on PATH", errAbsent)
	}
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = string(l)
	}
	question, err := json.Marshal(map[string][]string{"exprs": exprs, "lines": texts})
	if err != nil {
		return nil, err
	}
	p := &python{cmd: exec.Command(binary, "-c", loopScript), refused: map[int]bool{}}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answers = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	first, err := p.ask(question)
	if err != nil {
		p.close()
		return nil, err
	}
	for _, rule := range first.Refused {
		p.refused[rule] = true
	}
	return p, nil
}

// ask sends a line and reads the answer.
func (p *python) ask(question []byte) (a pythonAnswer, err error) {
	if _, err := p.in.Write(append(question, '\n')); err != nil {
		return a, err
	}
	line, err := p.answers.ReadBytes('\n')
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(line, &a)
}

// again lets Python go over its lines.
func (p *python) again() pythonAnswer {
	a, err := p.ask(nil)
	if err != nil {
		panic(err)
	}
	return a
}

func (p *python) pass(hit func(line, rule int)) {
	for _, found := range p.again().Pairs {
		hit(found[0], found[1])
	}
}

func (p *python) timed() time.Duration { return time.Duration(p.again().NS) }

func (p *python) close() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

var _ choosy = (*python)(nil)

func (p *python) refuses(rule int) bool { return p.refused[rule] }
func (p *python) refusals() int         { return len(p.refused) }
