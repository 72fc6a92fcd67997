package docker

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the program's store is looked into

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// stored looks into the program's store, in which all alerts are that were accepted: nothing is delivered.
type stored struct {
	t  *testing.T
	db *sql.DB
}

func openStored(t *testing.T, path string) *stored {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &stored{t, db}
}

// count returns how many alerts there are.
func (s *stored) count() (n int) {
	s.t.Helper()
	if err := s.db.QueryRow("SELECT count(*) FROM alerts").Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// lines returns the ids of the alerts about each line, "WORKLOAD LINE".
func (s *stored) lines(n int) map[string][]string {
	s.t.Helper()
	rows, err := s.db.Query("SELECT payload FROM alerts")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	lines := make(map[string][]string, n)
	for rows.Next() {
		var payload []byte
		var a trigger.Alert
		if err := rows.Scan(&payload); err != nil {
			s.t.Fatal(err)
		}
		if err := json.Unmarshal(payload, &a); err != nil {
			s.t.Fatal(err)
		}
		if a.Kind == trigger.KindLog {
			line := a.Source.Workload + " " + a.Message
			lines[line] = append(lines[line], a.ID)
		}
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return lines
}

var hitsOf = regexp.MustCompile(`lines=\d+ hits=(\d+)`)

// hits returns the number of hits in the program's log: it writes one whenever it stops in an orderly way.
func hits(log string) (sum int) {
	for _, m := range hitsOf.FindAllStringSubmatch(log, -1) {
		n, _ := strconv.Atoi(m[1])
		sum += n
	}
	return sum
}

// TestAMillionLines has 20 containers write 50,000 lines each, over five starts, while this program is ended three times, the engine is restarted,
// and this program is killed three times. No line is missing; none comes twice but after a kill, and then with its id.
func TestAMillionLines(t *testing.T) {
	long(t)
	const containers, runs, perRun = 20, 5, 10_000
	const total = containers * runs * perRun
	e := ownEngine(t, "--live-restore", "--shutdown-timeout=5")
	b := benchOn(t, e)
	// Nobody answers, so that every alert stays where it can be counted. The tests of the delivery are about the rest.
	b.configure("http://127.0.0.1:1/", "")
	config := "store_max_pending = 2_000_000\nstore_max_size = \"8G\"\nstore_ids = 2_000_000\n"
	path := filepath.Join(b.dir, "rules.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte(config), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range containers {
		shape := []string{"--log-driver", [...]string{"json-file", "local"}[i%2]}
		names = append(names, e.create(fmt.Sprint("c", i), shape, "/bin/sh", "/generate", strconv.Itoa(perRun), "100", "0.05"))
	}
	cmd, began := b.start(), time.Now()
	written := make(chan struct{})
	go func() {
		defer close(written)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range runs {
			for _, name := range names {
				for e.docker("start", name).Run() != nil { // the engine may be away
					<-tick.C
				}
			}
			for {
				out, err := e.docker("ps", "-q", "--filter", "label=test="+e.label).Output()
				if err == nil && len(out) == 0 {
					break
				}
				<-tick.C
			}
		}
	}()
	alerts := openStored(t, filepath.Join(b.dir, "store.db"))
	until := func(share float64) {
		t.Helper()
		for want := int(share * total); ; {
			before := alerts.count()
			if before >= want {
				return
			}
			eventually(t, fmt.Sprintf("more than %d of %d lines come", before, total), func() bool { return alerts.count() > before })
		}
	}
	for _, share := range []float64{0.1, 0.2} {
		until(share)
		b.end(cmd, syscall.SIGTERM)
		cmd = b.start()
	}
	until(0.4)
	e.signal(syscall.SIGTERM)
	e.up()
	until(0.5)
	b.end(cmd, syscall.SIGTERM)
	log, _ := os.ReadFile(b.log.Name())
	notices := 0
	for _, kind := range []string{"gap", "unreadable", "compress"} {
		notices += strings.Count(string(log), " kind="+kind+" container=")
	}
	if hits, n := hits(string(log)), alerts.count(); hits+notices != n {
		t.Errorf("%d lines were evaluated and %d alerts, %d notices among them, are there: a line came twice, and nothing was killed", hits, n, notices)
	}
	cmd = b.start()
	for _, share := range []float64{0.6, 0.7, 0.8} {
		until(share)
		b.end(cmd, syscall.SIGKILL)
		cmd = b.start()
	}
	until(1)
	took := time.Since(began)
	<-written
	b.end(cmd, syscall.SIGTERM)
	lines := alerts.lines(total)
	if len(lines) != total {
		t.Errorf("%d lines, want %d", len(lines), total)
	}
	for i := range containers {
		for _, line := range generated(runs, perRun) {
			if ids := lines[fmt.Sprintf("c%d %s", i, line)]; len(ids) != 1 {
				t.Fatalf("c%d: %s: ids %q", i, line, ids)
			}
		}
	}
	if log, _ = os.ReadFile(b.log.Name()); strings.Contains(string(log), "kind=gap") {
		t.Error("a gap was reported")
	}
	t.Logf("%d lines in %s: none missing, none with two ids", len(lines), took.Round(time.Second))
}
