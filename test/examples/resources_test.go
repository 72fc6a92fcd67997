package examples

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestKubernetesResources measures the memory of Fluent Bit with the manifest's configuration while a burst of lines from 30 pods arrives at once, with the
// rules of the example and with all rule packs, and compares the peak with the limit of the manifest. docs/kubernetes.md has the figures.
func TestKubernetesResources(t *testing.T) {
	if testing.Short() {
		t.Skip("200,000 lines are not written with -short")
	}
	const pods, lines = 30, 200_000
	var packs strings.Builder
	paths, err := filepath.Glob(filepath.Join(root, "examples/rules/*.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if !strings.HasSuffix(path, ".test.toml") {
			packs.WriteString(read(t, strings.TrimPrefix(path, root+"/")))
		}
	}
	for name, more := range map[string]string{"the rules of the example": "", "and all rule packs": packs.String()} {
		t.Run(name, func(t *testing.T) {
			d := manifest(t)
			limit := bytesOf(t, d.pod.Containers[0].Resources.Limits["memory"])
			// A pack has a rule of the same name.
			d.files["rules.toml"] = strings.Replace(d.files["rules.toml"], `"go-panic"`, `"last"`, 1) + more
			s := inCluster(t, d)
			var files []string
			for i := range pods {
				files = append(files, podLog(t, s, fmt.Sprintf("checkout-7d9c5b6f4-p%04d", i)))
			}
			s.run(t, s.probed(t, d.pod.Containers[0]), func() {
				for i, path := range files {
					burst(t, path, lines/pods, i == pods-1)
				}
			}, func(r receiver.Request) error {
				if err := bodyHolds("the last line")(r); err != nil {
					return err
				}
				peak := resident(t, s.pid, "VmHWM")
				t.Logf("%d rules: peak %d MiB, now %d MiB, of which %d MiB are of Fluent Bit's and the plugin's file; limit %d MiB; %.1f s of a processor",
					strings.Count(d.files["rules.toml"], "[[rule]]"), peak>>20, resident(t, s.pid, "VmRSS")>>20, resident(t, s.pid, "RssFile")>>20, limit>>20, processor(t, s.pid))
				if peak > limit {
					t.Errorf("the peak of %d bytes is above the limit of %d", peak, limit)
				}
				return nil
			})
		})
	}
}

// burst appends lines of a pod, most of them JSON without a hit, one of 5,000 a hit.
func burst(t *testing.T, path string, lines int, last bool) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(file)
	for i := range lines {
		text := fmt.Sprintf(`{"level":"info","msg":"charged an order","order":%d,"customer":"c-%06d","duration_ms":%d,"route":"/api/v1/orders"}`, i, i*7919%1_000_000, i%300)
		if i%5000 == 4999 {
			text = fmt.Sprintf(`{"level":"error","msg":"charge failed","order":%d}`, i)
		}
		if last && i == lines-1 {
			text = "panic: the last line"
		}
		fmt.Fprintf(w, "2026-01-02T03:04:05.%09dZ stdout F %s\n", i, text)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// resident reads a number of bytes from the status of a process.
func resident(t *testing.T, pid int, key string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(key + `:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("the status has no %s:\n%s", key, status)
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// processor returns the seconds of processor time that a process took so far, in the kernel and outside.
func processor(t *testing.T, pid int) float64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// The second field is a name in parentheses, which may have blanks; ticks are hundredths of a second on Linux.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks float64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return ticks / 100
}

// bytesOf reads a quantity such as 256Mi.
func bytesOf(t *testing.T, quantity string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.TrimSuffix(quantity, "Mi"), 10, 64)
	if err != nil {
		t.Fatalf("quantity %q: %v", quantity, err)
	}
	return n << 20
}
