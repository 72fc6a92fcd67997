package logstream

import (
	"bytes"
	"errors"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// The bounds of a stream's parts.
const (
	SplitSize  = 16384    // engines split longer lines into records of this size
	maxFrame   = 16 << 20 // of one frame; a larger one is an error of the stream
	largeFrame = 1 << 20  // from here on, Options.Slots bounds the frames in memory
	readBuffer = 32 << 10 // of one connection
)

// Record is one entry of a container's log: a line, or a part of a long one.
type Record struct {
	Time   int64 // ns
	Stream engine.Stream
	Data   []byte // without time stamp; with its line end, if it has one; valid until the next record is read
}

// The errors of a stream.
var (
	ErrFrame  = errors.New("invalid frame in the log stream")
	ErrDaemon = errors.New("the engine reported an error")
)

// maxStamp is the longest RFC3339Nano time stamp: with nine digits and a numeric zone.
const maxStamp = len("2006-01-02T15:04:05.000000000+00:00")

// stamp splits a payload into its timestamp and the rest. ok is false if it does not begin with a valid timestamp.
func stamp(b []byte) (ns int64, rest []byte, ok bool) {
	end := bytes.IndexByte(b[:min(len(b), maxStamp+1)], ' ')
	if end < len("2006-01-02T15:04:05Z") {
		return 0, nil, false
	}
	text := b[:end]
	if ns, ok = fastStamp(text); ok {
		return ns, b[end+1:], true
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return 0, nil, false
	}
	return t.UnixNano(), b[end+1:], true
}

// fastStamp parses the one form that engines write, 2006-01-02T15:04:05.000000000Z, without allocating. It leaves all other forms, and the last days
// of a month, to time.Parse.
func fastStamp(b []byte) (int64, bool) {
	const form = "dddd-dd-ddTdd:dd:dd.dddddddddZ"
	if len(b) != len(form) {
		return 0, false
	}
	for i := range len(form) {
		if c := b[i]; form[i] == 'd' && (c < '0' || c > '9') || form[i] != 'd' && c != form[i] {
			return 0, false
		}
	}
	n := func(from, to int) (v int) {
		for _, c := range b[from:to] {
			v = v*10 + int(c-'0')
		}
		return v
	}
	month, day, hour, minute, second := n(5, 7), n(8, 10), n(11, 13), n(14, 16), n(17, 19)
	if month < 1 || month > 12 || day < 1 || day > 28 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return time.Date(n(0, 4), time.Month(month), day, hour, minute, second, n(20, 29), time.UTC).UnixNano(), true
}
