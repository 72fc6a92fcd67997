package pipeline

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// benchAlerts is how many alerts there are in a chunk of BenchmarkAlert: as many as in one of 6,000 lines, 1 % of which are hits.
const benchAlerts = 60

// receiverEnv makes the test program the receiver of a benchmark.
const receiverEnv = "FLUENTBIT_TRIGGER_BENCH_RECEIVER"

// TestBenchReceiver is no test: it is the receiver that a benchmark starts as a process of its own. It takes everything, and says after each chunk of
// alerts that it has all of them.
func TestBenchReceiver(t *testing.T) {
	if os.Getenv(receiverEnv) == "" {
		t.Skip("only for benchmarks")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("at http://%s\n", listener.Addr())
	var n atomic.Int64
	t.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
		if n.Add(1)%benchAlerts == 0 {
			fmt.Println("all")
		}
	})))
}

// benchReceiver is a receiver in a process of its own, so that its processor time is known apart.
type benchReceiver struct {
	url string
	pid int
	out *bufio.Scanner
}

func startReceiver(b *testing.B) *benchReceiver {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestBenchReceiver$")
	cmd.Env = append(os.Environ(), receiverEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	r := &benchReceiver{pid: cmd.Process.Pid, out: bufio.NewScanner(out)}
	if !r.out.Scan() {
		b.Fatal("the receiver did not start")
	}
	r.url = strings.TrimPrefix(r.out.Text(), "at ")
	return r
}

// wait returns once the receiver has the alerts of one more chunk.
func (r *benchReceiver) wait(b *testing.B) {
	if !r.out.Scan() {
		b.Fatal("the receiver ended")
	}
}

// cpuTime returns the processor time of the receiver, in steps of 10 ms.
func (r *benchReceiver) cpuTime() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// BenchmarkAlert is the way of an alert from its line to its row in the store that says delivered. One operation is a chunk of 60 lines, each of which
// is an alert, until the receiver has all of them. cpu-µs/alert is the processor time of this process alone.
func BenchmarkAlert(b *testing.B) {
	data := benchChunk(benchAlerts, 1)
	events := eventTimes(data)
	receiver := startReceiver(b)
	p, err := New(Options{
		ID: "bench", Stores: &store.Registry{}, LogTo: io.Discard, Origin: "bench",
		Sources: config.Sources{Inline: benchConfig(b, filepath.Join(b.TempDir(), "bench.db"), receiver.url, false)},
	})
	if err != nil {
		b.Fatal(err)
	}
	p.Start()
	pass := func() {
		for _, at := range events { // the same line at the same time would be taken for the same alert
			binary.BigEndian.PutUint32(data[at:], binary.BigEndian.Uint32(data[at:])+1)
		}
		if v := p.Flush(data, "docker"); v != Accepted {
			b.Fatal(v)
		}
		receiver.wait(b)
	}
	pass()
	b.ReportAllocs()
	own, its, passes := cpuTime(), receiver.cpuTime(), 0
	for b.Loop() {
		pass()
		passes++
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil { // the last outcomes are recorded
		b.Fatal(err)
	}
	alerts := float64(passes * benchAlerts)
	b.ReportMetric(float64((cpuTime()-own).Nanoseconds())/1e3/alerts, "cpu-µs/alert")
	b.ReportMetric(float64((receiver.cpuTime()-its).Nanoseconds())/1e3/alerts, "receiver-µs/alert")
	b.ReportMetric(alerts/b.Elapsed().Seconds(), "alerts/s")
	if n := p.delivery.Stats(context.Background()).Delivered; n < int64(alerts) {
		b.Fatalf("%d of %v delivered", n, alerts)
	}
}
