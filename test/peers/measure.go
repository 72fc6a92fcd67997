package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cpuTime is what this process, all its threads, has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// subject is something that is measured.
type subject struct {
	name string
	note string
	work func() time.Duration // does the work once and returns the processor time that it took
	per  float64              // what the time is divided by: lines, records
	ns   []float64            // measured
}

// timed makes the work of a subject that runs in this process.
func timed(pass func()) func() time.Duration {
	return func() time.Duration {
		start := cpuTime()
		pass()
		return cpuTime() - start
	}
}

// atLeast is how long one measurement goes on: the clock of processor time does not tick finely everywhere.
const atLeast = 30 * time.Millisecond

// inTurns measures all subjects, round by round. The first round, in which caches and automata fill, does not count.
func inTurns(rounds int, subjects []*subject) {
	for round := range rounds + 1 {
		for _, s := range subjects {
			runtime.GC()
			var sum time.Duration
			n := 0
			for ; sum < atLeast; n++ {
				sum += s.work()
			}
			if round > 0 {
				s.ns = append(s.ns, float64(sum.Nanoseconds())/float64(n)/s.per)
			}
		}
	}
}

func (s *subject) median() float64 { return median(s.ns) }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n == 0 {
		return 0
	} else if n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	} else {
		return sorted[n/2]
	}
}

// machine says what the figures were measured on.
func machine() string {
	model := "unknown processor"
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if key, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease") // "" where there is none
	processors := fmt.Sprintf("%d processors", runtime.NumCPU())
	if one := os.Getenv(pinned); one != "" {
		processors = "processor " + one
	}
	return fmt.Sprintf("%s, %s, Linux %s, %s, %s", model, processors, strings.TrimSpace(string(kernel)), runtime.Version(),
		time.Now().UTC().Format(time.DateOnly))
}

// figure writes a number with three digits that count, and thousands apart.
func figure(v float64) string {
	switch {
	case v == 0:
		return "–"
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
