package replay

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// dockerLines reads Docker's json-file. It joins the records of a long line with the follower's code.
type dockerLines struct {
	*state
	join   *docker.Joiner
	block  *Block
	number Place
}

func newDockerLines(s *state) *dockerLines {
	d := &dockerLines{state: s}
	d.join = docker.NewJoiner(func(l docker.Line) {
		d.block.add(engine.Record{Time: l.Time, Text: d.plain(d.block.keep(l.Text)), Stream: l.Stream, Truncated: l.Truncated, Source: d.source}, d.number)
	})
	return d
}

func (d *dockerLines) piece(b *Block, in *piece) {
	d.block = b
	in.each(func(line []byte, number Place, cut bool) {
		if line = safetext.TrimEnd(line); len(line) == 0 {
			return
		}
		d.number = number
		switch e, ok := dockerEntry(line); {
		case cut:
			d.problem(number, true, "longer than %d MiB", maxObject>>20)
		case !ok:
			d.problem(number, false, "not a record of Docker's json-file log driver")
		default:
			ns, ok := d.clock.ISO(e.time)
			if !ok {
				d.problem(number, false, "the time cannot be read")
				return
			}
			data, ok := unescape(e.log)
			if !ok {
				d.problem(number, false, "the text is not a valid JSON string")
				return
			}
			d.join.Add(d.at(ns, true, number), streamOf(e.stream), data)
		}
	})
}

func (d *dockerLines) end(b *Block) {
	d.block = b
	d.join.End()
}

// entry is one record of json-file. log is the raw JSON string between the quotes, still escaped.
type entry struct {
	log, time []byte
	stream    string
}

var (
	logKey   = []byte(`{"log":"`)
	attrsKey = []byte(`,"attrs":`)
	timeKey  = []byte(`,"time":"`)
)

// dockerEntry parses a record. The fast path is for the exact form that Docker writes; any other goes to the JSON parser.
func dockerEntry(line []byte) (e entry, ok bool) {
	rest, ok := bytes.CutPrefix(line, logKey)
	if !ok {
		return anyEntry(line)
	}
	end := stringEnd(rest)
	if end < 0 {
		return entry{}, false
	}
	e.log, rest = rest[:end], rest[end+1:]
	const out, err = `,"stream":"stdout"`, `,"stream":"stderr"`
	switch {
	case bytes.HasPrefix(rest, []byte(out)):
		e.stream = "stdout"
	case bytes.HasPrefix(rest, []byte(err)):
		e.stream = "stderr"
	default:
		return anyEntry(line)
	}
	rest = rest[len(out):]
	if bytes.HasPrefix(rest, attrsKey) {
		return anyEntry(line)
	}
	rest, ok = bytes.CutPrefix(rest, timeKey)
	end = bytes.IndexByte(rest, '"')
	if !ok || end < 0 || string(rest[end:]) != `"}` {
		return anyEntry(line)
	}
	e.time = rest[:end]
	return e, true
}

// anyEntry parses a record whose keys come in another order, or that has further keys.
func anyEntry(line []byte) (e entry, ok bool) {
	if len(line) == 0 || line[0] != '{' || !gjson.ValidBytes(line) {
		return entry{}, false
	}
	values := gjson.GetManyBytes(line, "log", "stream", "time")
	if values[0].Type != gjson.String || values[2].Type != gjson.String {
		return entry{}, false
	}
	raw := values[0].Raw
	return entry{log: []byte(raw[1 : len(raw)-1]), stream: values[1].Str, time: []byte(values[2].Str)}, true
}

// stringEnd returns the index of the closing quote of a JSON string, or -1 if the string does not end.
func stringEnd(b []byte) int {
	for at := 0; ; at++ {
		n := bytes.IndexByte(b[at:], '"')
		if n < 0 {
			return -1
		}
		at += n
		slashes := 0
		for slashes < at && b[at-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return at
		}
	}
}

// unescape decodes the raw content of a JSON string, in place.
func unescape(b []byte) (text []byte, ok bool) {
	to := bytes.IndexByte(b, '\\')
	if to < 0 {
		return b, true
	}
	for from := to; from < len(b); {
		n := bytes.IndexByte(b[from:], '\\')
		if n < 0 {
			n = len(b) - from
		}
		to += copy(b[to:], b[from:from+n])
		if from += n; from == len(b) {
			break
		}
		if from+1 >= len(b) {
			return nil, false
		}
		c := b[from+1]
		from += 2
		switch c {
		case 'n':
			c = '\n'
		case 't':
			c = '\t'
		case 'r':
			c = '\r'
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case '"', '\\', '/':
		case 'u':
			r, ok := hex4(b[from:])
			if !ok {
				return nil, false
			}
			from += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if from+6 <= len(b) && b[from] == '\\' && b[from+1] == 'u' {
					low, ok = hex4(b[from+2:])
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					from += 6
				}
			}
			to += utf8.EncodeRune(b[to:to+utf8.UTFMax], r) // fits: an escape is longer than the encoded rune
			continue
		default:
			return nil, false
		}
		b[to] = c
		to++
	}
	return b[:to], true
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func streamOf(word string) engine.Stream {
	switch word {
	case "stdout":
		return engine.Stdout
	case "stderr":
		return engine.Stderr
	}
	return engine.StreamUnknown
}
