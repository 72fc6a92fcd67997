package store

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// cpuTime is what the process has used of the processors: a figure that other programs on the machine disturb less than time.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkAccept keeps alerts of 450 bytes for one trigger whose receiver is down, so that the bounds are at work, too.
func BenchmarkAccept(b *testing.B) {
	for _, n := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("alerts=", n), func(b *testing.B) {
			bench := newBench(b)
			s := bench.open()
			next, start := 0, cpuTime()
			for b.Loop() {
				bench.accept(s, items(next, n, "a"))
				next += n
			}
			b.ReportMetric(float64((cpuTime()-start).Nanoseconds())/1e3/float64(next), "cpu-µs/alert")
			b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "alerts/s")
		})
	}
}

// BenchmarkDrain leases and finishes what is pending, in batches as the dispatcher does.
func BenchmarkDrain(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("batch=", n), func(b *testing.B) {
			bench := newBench(b, func(s *Settings) { s.MaxPending = 1_000_000 })
			s := bench.open()
			next, done, spent := 0, 0, time.Duration(0)
			for b.Loop() {
				b.StopTimer()
				for next < done+n {
					bench.accept(s, items(next, 1024, "a"))
					next += 1024
				}
				b.StartTimer()
				start := cpuTime()
				messages := bench.lease(s, 1, "a", n)
				bench.finish(s, 1, Delivered, messages...)
				spent += cpuTime() - start
				done += len(messages)
			}
			b.ReportMetric(float64(spent.Nanoseconds())/1e3/float64(done), "cpu-µs/alert")
			b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "alerts/s")
		})
	}
}
