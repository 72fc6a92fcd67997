package docker

import (
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// StopWithin is how long after a signal that stops a container its end still counts as requested. A signal that is ignored for longer was no stop: a
// crash hours later must not be taken for one.
const StopWithin = 10 * time.Minute

// maxStops bounds how many containers are remembered. Beyond it those whose time is over are forgotten, and the others with them if that is not enough.
const maxStops = 10_000

// Stops knows which containers somebody asked to stop, from the events of kill that engines send before the end. It is safe for concurrent use; the
// zero value is ready.
type Stops struct {
	mu    sync.Mutex
	asked map[string]int64 // container id → when a stop was last asked for, by the engine's clock
}

// Mark notes a request to stop a container, and marks what follows from one. own is the signal that the container is configured to be stopped by,
// such as "SIGQUIT"; "" where it is not known. The events of a container come in their order.
func (s *Stops) Mark(o *ContainerEvent, own string) {
	id := o.Source.Container.ID
	s.mu.Lock()
	defer s.mu.Unlock()
	switch o.Action {
	case "kill":
		if stops(o.Signal, own) {
			s.note(id, o.Time)
		}
	case "start", "destroy":
		delete(s.asked, id)
	}
	if at, ok := s.asked[id]; ok && o.Time-at <= int64(StopWithin) {
		o.Requested = true
	}
}

// note adds a request. The caller holds the lock.
func (s *Stops) note(id string, at int64) {
	if s.asked == nil {
		s.asked = map[string]int64{}
	}
	if len(s.asked) >= maxStops {
		for old, since := range s.asked {
			if at-since > int64(StopWithin) {
				delete(s.asked, old)
			}
		}
		if len(s.asked) >= maxStops {
			clear(s.asked)
		}
	}
	s.asked[id] = at
}

// stops reports whether a signal of an event of kill asks for the end: TERM and INT, which programs obey, KILL, which nobody can refuse, and the
// container's own. SIGQUIT is none by itself: it also makes a JVM print its threads, and SIGHUP makes programs reload.
func stops(signal, own string) bool {
	n := signalNumber(signal)
	switch syscall.Signal(n) {
	case syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL:
		return true
	}
	return n > 0 && n == signalNumber(own)
}

// rtMin is the number of SIGRTMIN for programs: the C library keeps those below it.
const rtMin = 34

// signalNumber reads a signal as engines and images write it: "15", "SIGTERM", "TERM", "SIGRTMIN+3"; 0 for anything else.
func signalNumber(text string) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if rest, ok := strings.CutPrefix(name, "RTMIN"); ok {
		n, err := strconv.Atoi(strings.TrimPrefix(rest, "+"))
		if err != nil && rest != "" {
			return 0
		}
		return rtMin + n
	}
	return int(unix.SignalNum("SIG" + name))
}
