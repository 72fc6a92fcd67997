package docker

import "time"

// FastTiming returns a timing for tests: nothing is waited for longer than a fraction of a second.
func FastTiming() *Timing {
	return &Timing{
		reconcile: 50 * time.Millisecond, save: 10 * time.Millisecond, call: 10 * time.Second, firstByte: 300 * time.Millisecond,
		probe: 200 * time.Millisecond, probeWithin: 200 * time.Millisecond, partial: 100 * time.Millisecond,
		backoffMin: time.Millisecond, backoffMax: 20 * time.Millisecond,
	}
}

// Patient is FastTiming without what depends on how fast the machine is: no first byte, probe or partial line times out.
func Patient() *Timing {
	t := FastTiming()
	t.firstByte, t.probe, t.partial = time.Minute, time.Minute, time.Minute
	return t
}
