package docker

import (
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// StopWithin is how long after a stop signal the end of a container counts as requested. A container that ignores the signal for longer was not
// stopped by it: a crash hours later must not count as a requested stop.
const StopWithin = 10 * time.Minute

// maxStops bounds the remembered requests. When it is reached, expired requests are dropped, and all if that is not enough.
const maxStops = 10_000

// Stops remembers which containers somebody asked to stop, from the kill events that engines send before the end. It is safe for concurrent use; the
// zero value is ready.
type Stops struct {
	mu    sync.Mutex
	asked map[string]int64 // by container id: time of the last request, by the engine's clock
}

// Mark remembers a request to stop a container, and marks the events that result from one. own is the stop signal of the container's configuration,
// such as "SIGQUIT"; "" if unknown. The events of a container must come in order.
func (s *Stops) Mark(o *ContainerEvent, own string) {
	id := o.Source.Container.ID
	s.mu.Lock()
	defer s.mu.Unlock()
	switch o.Action {
	case "kill":
		if stops(o.Signal, own) {
			s.note(id, o.Time)
		}
	// A request from before a start does not explain the next end.
	case "start", "destroy":
		delete(s.asked, id)
	}
	if at, ok := s.asked[id]; ok && o.Time-at <= int64(StopWithin) {
		o.Requested = true
	}
}

// note remembers a request. The caller holds the lock.
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
			// Forgetting all of them makes a few requested stops look like crashes, which is better than to miss a crash.
			clear(s.asked)
		}
	}
	s.asked[id] = at
}

// stops reports whether the signal of a kill event is a request to stop: TERM, INT, KILL, or the container's stop signal. QUIT and HUP alone are not:
// they make a JVM print its threads, and programs reload.
func stops(signal, own string) bool {
	n := signalNumber(signal)
	switch syscall.Signal(n) {
	case syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL:
		return true
	}
	return n > 0 && n == signalNumber(own)
}

// rtMin is the number of SIGRTMIN for programs: the C library reserves those below it.
const rtMin = 34

// signalNumber parses a signal as engines and images write it: "15", "SIGTERM", "TERM", "SIGRTMIN+3"; 0 for anything else.
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
