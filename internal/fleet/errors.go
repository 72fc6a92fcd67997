package fleet

import (
	"context"
	"errors"
	"net"
	"os"
)

// The errors of an Engine. They hold no secret and nothing of a log line.
var (
	ErrCircuit     = errors.New("the engine failed repeatedly and is not asked now")
	ErrFull        = errors.New("the namespace has max_keys windows")
	ErrRefused     = errors.New("the engine refused the command")
	ErrAnswer      = errors.New("the engine's answer cannot be read")
	ErrUnreachable = errors.New("the engine cannot be reached")
	ErrEnding      = errors.New("the end of the incident before is being sent")
)

// ErrLater is the error of Node.Accept for work that this node must not do now, such as an absence under a silence. It is taken again when its lease ends.
var ErrLater = errors.New("the work is done later")

// Why returns the word for an error of an Engine that metrics and the state of an alert show.
func Why(err error) string {
	var timeout net.Error
	switch {
	case err == nil, errors.Is(err, ErrEnding): // then it answers
		return ""
	case errors.Is(err, ErrCircuit):
		return "circuit"
	case errors.Is(err, ErrFull):
		return "full"
	case errors.Is(err, ErrRefused):
		return "refused"
	case errors.Is(err, ErrAnswer):
		return "answer"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	default:
		return "unreachable"
	}
}

// Whys lists the words of Why, and those of a candidate that left without an answer for another reason: it waited too long, or the queue was full.
func Whys() []string {
	return []string{"circuit", "full", "refused", "answer", "timeout", "unreachable", WhyWait, WhyQueue}
}

// The reasons of the gate itself.
const (
	WhyWait  = "wait"  // no answer came in time
	WhyQueue = "queue" // too many candidates waited
)

// again reports whether asking again within a few seconds can help.
func again(err error) bool {
	if errors.Is(err, ErrEnding) {
		return true
	}
	switch Why(err) {
	case "timeout", "unreachable":
		return true
	}
	return false
}
