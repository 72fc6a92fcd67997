package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The lines of a run. An ordinary one begins no stack trace. A quiet one may: it reports an error, and its container writes nothing else for a while.
const (
	linesPerSecond  = 20
	quietContainers = 4 // each writes one line in as many seconds
	warmUp          = 900_000
	ordinaryLine    = "order %06d declined: the card has expired"
	quietLine       = "ERROR order %06d: the card was refused"
)

var orderNumber = regexp.MustCompile(`order (\d{6})`)

// sample is one line and its way.
type sample struct {
	quiet    bool
	written  time.Time // just before it was written
	read     time.Time // by Fluent Bit or Docker: the time of the record
	accepted time.Time // evaluated, and about to be stored
	arrived  time.Time // at the receiver
	bare     time.Time // at the receiver, by Fluent Bit's own output http; zero without Fluent Bit
}

// measureLatency writes lines that each alert, and measures the time from the write of each to the arrival of its webhook.
func measureLatency(o options) error {
	var done []*latencyRun
	for _, w := range ways(o) {
		if !slices.Contains(o.ways, w.short) {
			continue
		}
		r := &latencyRun{way: w}
		if err := r.measure(o); errors.Is(err, errNotHere) {
			fmt.Printf("\n%s is left out: %v\n", w.name, err)
			continue
		} else if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		done = append(done, r)
	}
	if len(done) == 0 {
		return nil
	}
	printLatency(done)
	if o.plot != "" {
		return os.WriteFile(o.plot, []byte(latencySVG(done)), 0o644)
	}
	return nil
}

// alert is what is needed of one; the types of the product would bring its dependencies along.
type alert struct {
	Kind    string    `json:"kind"`
	Message string    `json:"message"`
	Time    time.Time `json:"time"` // of the record
}

// storedAlert is an alert with the time at which it was accepted.
type storedAlert struct {
	Accepted time.Time       `json:"accepted"`
	Alert    json.RawMessage `json:"alert"`
}

// latencyRun is one way, measured.
type latencyRun struct {
	way
	samples []sample
}

// receiver keeps when the alert about each line, and each bare line, arrived first. Later arrivals of one line are counted.
type receiver struct {
	mu           sync.Mutex
	alerts, bare map[int]time.Time
	twice        int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body) // what is missing counts as missing
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.URL.Path == "/bare" {
		for _, m := range orderNumber.FindAllSubmatch(body, -1) {
			n, _ := strconv.Atoi(string(m[1])) // digits
			r.bare[n] = now
		}
		return
	}
	var a alert
	if m := orderNumber.FindStringSubmatch(messageOf(body, &a)); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits
		if _, known := r.alerts[n]; known {
			r.twice++
			return
		}
		r.alerts[n] = now
	}
}

// messageOf reads an alert and returns its message; "" for what is no alert about a line.
func messageOf(body []byte, a *alert) string {
	if err := json.Unmarshal(body, a); err != nil || a.Kind != "log" {
		return ""
	}
	return a.Message
}

// has reports whether the alerts of all numbers arrived and, with bare, the lines themselves.
func (r *receiver) has(from, to int, bare bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := from; n < to; n++ {
		if r.alerts[n].IsZero() || bare && r.bare[n].IsZero() {
			return false
		}
	}
	return true
}

// patience bounds the wait for a program to work, and for the last alerts.
const patience = 30 * time.Second

func (r *latencyRun) measure(o options) error {
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	got := &receiver{alerts: map[int]time.Time{}, bare: map[int]time.Time{}}
	server := httptest.NewServer(got)
	defer server.Close()
	s, err := r.start(stage{options: o, dir: dir, url: server.URL, port: portOf(server.URL)})
	if err != nil {
		return err
	}
	defer s.stop()
	if err := r.warm(s, got); err != nil {
		return fmt.Errorf("%w\n%s", err, s.log())
	}
	if err := r.write(o.seconds, s); err != nil {
		return err
	}
	err = until("all alerts arrive", func() bool { return got.has(0, len(r.samples), r.bare) })
	s.stop()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.log())
	}
	if got.twice > 0 {
		return fmt.Errorf("%d alerts arrived more than once", got.twice)
	}
	for n := range r.samples {
		r.samples[n].arrived, r.samples[n].bare = got.alerts[n], got.bare[n]
	}
	return r.fromStore(o.cli, s.store)
}

// warm writes lines to every container until their alerts arrive: the program has started, and knows all containers.
func (r *latencyRun) warm(s *source, got *receiver) error {
	containers := 1
	if r.containers {
		containers += quietContainers
	}
	for c := range containers {
		next := warmUp + c*10_000
		first := next
		err := until(fmt.Sprintf("the first alert of container %d arrives", c), func() bool {
			if err := s.write(c, fmt.Sprintf(ordinaryLine, next)); err != nil {
				return false // not connected yet
			}
			next++
			time.Sleep(200 * time.Millisecond)
			got.mu.Lock()
			defer got.mu.Unlock()
			for n := first; n < next; n++ {
				if !got.alerts[n].IsZero() {
					return true
				}
			}
			return false
		})
		if err != nil {
			return err
		}
	}
	time.Sleep(2 * time.Second) // the others arrive
	return nil
}

// write writes the lines, each at a random moment of its share of a second, so that none of the waits of a program goes in step with them.
func (r *latencyRun) write(seconds int, s *source) error {
	rng := rand.New(rand.NewPCG(1, 2))
	begun := time.Now()
	const slot = time.Second / linesPerSecond
	quiet := 0 // the slot of this second in which a quiet container writes
	send := func(container int, format string) error {
		text := fmt.Sprintf(format, len(r.samples))
		r.samples = append(r.samples, sample{quiet: container > 0, written: time.Now()})
		return s.write(container, text)
	}
	for i := range seconds * linesPerSecond {
		time.Sleep(time.Until(begun.Add(time.Duration(i)*slot + time.Duration(rng.Int64N(int64(slot))))))
		if err := send(0, ordinaryLine); err != nil {
			return err
		}
		if i%linesPerSecond == 0 {
			quiet = rng.IntN(linesPerSecond)
		}
		if r.containers && i%linesPerSecond == quiet {
			if err := send(1+i/linesPerSecond%quietContainers, quietLine); err != nil {
				return err
			}
		}
	}
	return nil
}

// fromStore adds the times between to the samples: the time of each record, and when its alert was accepted. The command line reads them, one JSON object
// for each alert.
func (r *latencyRun) fromStore(cli, path string) error {
	cmd := exec.Command(cli, "alerts", "--store", path, "--limit", "10000", "--output", "json")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("alerts of the store: %w\n%s", err, problems.Bytes())
	}
	found := 0
	for in := json.NewDecoder(bytes.NewReader(out)); in.More(); {
		var stored storedAlert
		if err := in.Decode(&stored); err != nil {
			return fmt.Errorf("alerts of the store: %w", err)
		}
		var a alert
		m := orderNumber.FindStringSubmatch(messageOf(stored.Alert, &a))
		if m == nil {
			continue
		}
		n, _ := strconv.Atoi(m[1]) // digits
		if n >= len(r.samples) {
			continue
		}
		r.samples[n].read, r.samples[n].accepted = a.Time, stored.Accepted
		found++
	}
	if found != len(r.samples) {
		return fmt.Errorf("the store has %d of %d alerts", found, len(r.samples))
	}
	return nil
}

// until asks again and again, and fails when patience ends.
func until(what string, done func() bool) error {
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("in %s it did not happen that %s", patience, what)
		}
	}
	return nil
}

// times returns a time of each sample, the shortest first.
func (r *latencyRun) times(quiet bool, of func(s *sample) time.Duration) []time.Duration {
	var all []time.Duration
	for i := range r.samples {
		if s := &r.samples[i]; s.quiet == quiet {
			all = append(all, of(s))
		}
	}
	slices.SortFunc(all, cmp.Compare[time.Duration])
	return all
}

// The times of a sample.
func whole(s *sample) time.Duration      { return s.arrived.Sub(s.written) }
func toRead(s *sample) time.Duration     { return s.read.Sub(s.written) }
func toAccept(s *sample) time.Duration   { return s.accepted.Sub(s.written) }
func delivering(s *sample) time.Duration { return s.arrived.Sub(s.accepted) }
func toBare(s *sample) time.Duration     { return s.bare.Sub(s.written) }

// quantile returns the time that the share q of sorted times does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// ms writes a time in milliseconds.
func ms(d time.Duration) string { return figure(float64(d.Microseconds()) / 1e3) }

func printLatency(done []*latencyRun) {
	fmt.Printf("\nMilliseconds from the write of a line to the arrival of its webhook, %d lines a second, each an alert:\n\n", linesPerSecond)
	fmt.Println("| | lines | p50 | p99 | max | until it is read, p50 | until the alert is accepted, p50, p99 | from there to arrival, p50, p99, max " +
		"| by Fluent Bit's out_http, no rules, p50, p99 |\n|---|---|---|---|---|---|---|---|---|")
	for _, r := range done {
		all, accept, rest, bare := r.times(false, whole), r.times(false, toAccept), r.times(false, delivering), "–"
		if r.bare {
			b := r.times(false, toBare)
			bare = ms(quantile(b, 0.5)) + ", " + ms(quantile(b, 0.99))
		}
		fmt.Printf("| %s | %d | **%s** | **%s** | %s | %s | %s, %s | %s, %s, %s | %s |\n", r.name, len(all), ms(quantile(all, 0.5)), ms(quantile(all, 0.99)),
			ms(all[len(all)-1]), ms(quantile(r.times(false, toRead), 0.5)), ms(quantile(accept, 0.5)), ms(quantile(accept, 0.99)),
			ms(quantile(rest, 0.5)), ms(quantile(rest, 0.99)), ms(rest[len(rest)-1]), bare)
	}
	fmt.Print("\nThe same of lines that may begin a stack trace, the last ones of their containers for seconds:\n\n")
	fmt.Println("| | lines | p50 | max |\n|---|---|---|---|")
	for _, r := range done {
		if all := r.times(true, whole); len(all) > 0 {
			fmt.Printf("| %s | %d | %s | %s |\n", r.name, len(all), ms(quantile(all, 0.5)), ms(all[len(all)-1]))
		}
	}
}
