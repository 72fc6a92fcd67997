package trace

import (
	"bytes"
	"strings"
)

// The bounds on an exception that is shown.
const (
	maxMessage = 512 // bytes
	maxShown   = 5   // frames
	maxCauses  = 5
)

// Exception is what a trace says, for people. All its texts are copies of bytes of the line, and may hold anything.
type Exception struct {
	Type    string  // as the program prints it; "" where it prints none
	Message string  // one line, at most 512 bytes
	Chain   []Cause // its causes, the nearest first: at most 5
	Frames  []Frame // of the user's own code, the most recent call of the deepest cause first: at most 5. Without own code: the first of all
}

// Cause is an exception that caused another.
type Cause struct {
	Type, Message string
}

// Frame is one call.
type Frame struct {
	Function string // "" where the trace names none
	File     string // "" where the trace names none
	Line     int    // 0: unknown
}

// collector keeps what a reader finds.
type collector struct {
	exceptions []header // the outermost first
	frames     []owned
	owner      int // the index of the exception that the next frames are of; -1: of none yet
}

// owned is a frame with the index of its exception.
type owned struct {
	frame
	owner int
	last  bool // the most recent call comes last
}

// exception takes an exception.
func (c *collector) exception(h header) {
	for i, e := range c.exceptions {
		if bytes.Equal(e.typ, h.typ) && bytes.Equal(e.message, h.message) { // the same again, as Mono prints it
			c.owner = i
			c.own(i)
			return
		}
	}
	switch {
	case len(c.exceptions) > maxCauses:
		return
	case len(c.exceptions) == 0, h.role == roleCause:
		c.exceptions = append(c.exceptions, h)
		c.owner = len(c.exceptions) - 1
	case h.role == roleOuter:
		c.exceptions = append([]header{h}, c.exceptions...)
		for i := range c.frames {
			if c.frames[i].owner >= 0 {
				c.frames[i].owner++
			}
		}
		c.owner = 0
	default: // another trace in the same text
		c.owner = maxCauses + 1
	}
	c.own(c.owner)
}

// own gives the frames that were read before their exception to it.
func (c *collector) own(owner int) {
	for i := range c.frames {
		if c.frames[i].owner < 0 {
			c.frames[i].owner = owner
		}
	}
}

// frame takes a frame. It comes before its exception where the most recent call comes last.
func (c *collector) frame(f frame, last bool) {
	if len(c.frames) == maxFrames {
		if !last {
			return
		}
		c.frames = append(c.frames[:maxFrames/2], c.frames[maxFrames/2+1:]...) // the most recent are wanted
	}
	if !last && string(f.function) == "panic" {
		// Go prints the deferred functions that ran because of a panic above the call of panic. They are no part of the fault.
		for len(c.frames) > 0 && c.frames[len(c.frames)-1].owner == c.owner {
			c.frames = c.frames[:len(c.frames)-1]
		}
	}
	owner := c.owner
	if last {
		owner = -1
	}
	c.frames = append(c.frames, owned{f, owner, last})
}

// up makes the frames that follow those of the exception around the last one.
func (c *collector) up() { c.owner = max(c.owner-1, 0) }

// result returns what is shown.
func (c *collector) result() Exception {
	// Frames of which no exception is named belong to the outermost.
	c.own(0)
	var e Exception
	for i, h := range c.exceptions {
		typ, message := string(h.typ), string(bytes.TrimRight(h.message[:min(len(h.message), maxMessage)], " {"))
		if h.typ == nil {
			message = loggedMessage(message)
		}
		if i == 0 {
			e.Type, e.Message = typ, message
			continue
		}
		e.Chain = append(e.Chain, Cause{typ, message})
	}
	e.Frames = c.shown(true)
	if len(e.Frames) == 0 {
		e.Frames = c.shown(false)
	}
	return e
}

// loggedMessage returns the message of a JSON record, which is all that there is before a trace without a type. Other texts stay as they are.
func loggedMessage(line string) string {
	if !strings.HasPrefix(line, "{") {
		return line
	}
	for _, key := range [...]string{`"msg":"`, `"message":"`, `"msg": "`, `"message": "`} {
		if _, rest, ok := strings.Cut(line, key); ok {
			message, _, _ := strings.Cut(rest, `"`)
			return message
		}
	}
	return line
}

// shown returns the first frames, the most recent call of the deepest cause first; of the user's own code alone if own is set.
func (c *collector) shown(own bool) []Frame {
	var out []Frame
	for owner := maxCauses + 1; owner >= 0; owner-- {
		for n := range c.frames {
			i := n
			if c.frames[n].last {
				i = len(c.frames) - 1 - n
			}
			f := c.frames[i]
			if f.owner != owner || own && isLibrary(f.frame) || string(f.function) == "{main}" {
				continue
			}
			shown := Frame{string(f.function), string(f.file), f.line}
			if contains(out, shown) {
				continue
			}
			if out = append(out, shown); len(out) == maxShown {
				return out
			}
		}
	}
	return out
}

// contains reports whether the frames have one already, also at another line: a function that calls itself is shown once.
func contains(frames []Frame, f Frame) bool {
	for _, g := range frames {
		if g.Function == f.Function && g.File == f.File {
			return true
		}
	}
	return false
}
