package main

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// RE2 as C++ and RE2 as WebAssembly do not fit into one binary, so the one of the two runs in another process, which is told what to do over
// its standard input and measures itself.

// request is what the other process is asked: first to take rules and lines, then to go over the lines.
type request struct {
	Exprs []string
	Lines [][]byte
	Pairs bool // tell what was found
}

type answer struct {
	Err   string
	CPU   time.Duration
	Pairs [][2]int
}

// remote is the matcher of another process.
type remote struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	enc *gob.Encoder
	dec *gob.Decoder
}

func newRemote(binary string, exprs []string, lines [][]byte) (matcher, error) {
	if binary == "" {
		return nil, fmt.Errorf("%w: needs this program built with the tag re2_cgo, for which libre2-dev is needed", errAbsent)
	}
	r := &remote{cmd: exec.Command(binary, "-serve")}
	r.cmd.Stderr = os.Stderr
	var err error
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	r.enc, r.dec = gob.NewEncoder(r.in), gob.NewDecoder(out)
	if _, err := r.ask(request{Exprs: exprs, Lines: lines}); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *remote) ask(q request) (answer, error) {
	var a answer
	if err := r.enc.Encode(q); err != nil {
		return a, err
	}
	if err := r.dec.Decode(&a); err != nil {
		return a, err
	}
	if a.Err != "" {
		return a, errors.New(a.Err)
	}
	return a, nil
}

func (r *remote) pass(hit func(line, rule int)) {
	a, err := r.ask(request{Pairs: true})
	if err != nil {
		panic(err)
	}
	for _, p := range a.Pairs {
		hit(p[0], p[1])
	}
}

// timed lets the other process go over its lines and returns what that cost it.
func (r *remote) timed() time.Duration {
	a, err := r.ask(request{})
	if err != nil {
		panic(err)
	}
	return a.CPU
}

func (r *remote) close() {
	_ = r.in.Close()
	_ = r.cmd.Wait()
}

// serveRE2 is the other process.
func serveRE2(in io.Reader, out io.Writer) error {
	enc, dec := gob.NewEncoder(out), gob.NewDecoder(in)
	var m matcher
	for {
		var q request
		if err := dec.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var a answer
		if m == nil {
			var err error
			if m, err = newRE2(q.Exprs, q.Lines); err != nil {
				a.Err = err.Error()
			}
		} else {
			start := cpuTime()
			m.pass(func(line, rule int) {
				if q.Pairs {
					a.Pairs = append(a.Pairs, [2]int{line, rule})
				}
			})
			a.CPU = cpuTime() - start
		}
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
}
