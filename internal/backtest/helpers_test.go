package backtest

import (
	"bufio"
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// testRules use everything that affects a hit: cooldowns and their keys, the token bucket, dry run, fields, overrides, rules of a workload.
const testRules = `
[limits]
per_container = { rate = "3/m", burst = 6 }

[[rule]]
name = "panic"
pattern = '^panic: (?P<reason>.+)'
severity = "critical"
cooldown = "30s"

[[rule]]
name = "by-template"
keywords = ["failed"]
none = ['healthz']
cooldown = "1m"
cooldown_by = ["container", "template"]

[[rule]]
name = "by-user"
pattern = 'user=(?P<user>\w+) denied'
cooldown = "20s"
cooldown_by = ["capture.user"]

[[rule]]
name = "slow"
where = { "ms" = ">=900" }
cooldown = "0s"

[[rule]]
name = "tried"
keywords = ["timeout"]
stream = "stderr"
dry_run = true

[[rule]]
name = "many"
keywords = ["denied"]
count = 5
within = "2m"
cooldown = "1m"

[[rule]]
name = "users"
pattern = 'user=(?P<user>\w+) denied'
count = 3
within = "5m"
distinct = "capture.user"
rollup = false

[[rule]]
name = "gone"
keywords = ["panic"]
workloads = ["shop/c3"]
absent = "90s"

[[rule]]
name = "news"
keywords = ["failed", "reading"]
first_seen = "1h"

[[rule]]
name = "grows"
keywords = ["broken pipe"]
severity = "warning"
resolve_on = 'GET /products/9\d{0,3} '
cooldown = "5m"
escalate = [{ after = "10m", severity = "critical" }]

[[workload]]
match = "shop/c1"
disable = ["tried"]
[[workload.override]]
rule = "panic"
cooldown = "5m"
[[workload.rule]]
name = "own"
pattern = 'denied$'
cooldown = "1s"

[[silence]]
name = "maintenance"
from = "2026-11-25T00:20:00Z"
until = "2026-11-25T00:40:00Z"
workload = "shop/c2"

[[inhibit]]
source = { rule = "panic" }
target = { rule = "by-user" }
for = "10s"

[[trigger]]
name = "all"
url = "https://example.com/all"

[[trigger]]
name = "grave"
url = "https://example.com/grave"
severity = ["critical"]
`

func settings(t testing.TB, text string) *config.Settings {
	t.Helper()
	result := config.Load(config.Sources{Inline: text})
	for i := range result.Problems {
		t.Fatal(result.Problems[i].Error())
	}
	return &result.Settings
}

func ruleSet(t testing.TB, text string) RuleSet {
	return RuleSetOf(settings(t, text))
}

var testStart = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// line returns a line that some rules match.
func line(rng *rand.Rand) string {
	switch rng.Intn(40) {
	case 0:
		return fmt.Sprintf("panic: runtime error: index out of range [%d]", rng.Intn(10))
	case 1, 2:
		return fmt.Sprintf("job %d failed after %dms: %s", rng.Intn(1e6), rng.Intn(1000), []string{"no route", "broken pipe", "healthz"}[rng.Intn(3)])
	case 3:
		return fmt.Sprintf("user=%s denied", []string{"ann", "bob", "eve"}[rng.Intn(3)])
	case 4:
		return fmt.Sprintf(`{"level":"warn","ms":%d,"msg":"request"}`, rng.Intn(1000))
	case 5:
		return "timeout while reading"
	}
	return fmt.Sprintf("GET /products/%d 200 %d", rng.Intn(1e5), rng.Intn(1e4))
}

// writeLogs writes n lines of several containers in Docker's form. Some lines are older than the line before them.
func writeLogs(t testing.TB, seed int64, n, containers int) string {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewSource(seed))
	type log struct {
		*bufio.Writer
		at time.Time
	}
	var logs []log
	for i := range containers {
		id := fmt.Sprintf("%064x", i+1)
		folder := filepath.Join(dir, id)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		describe := fmt.Sprintf(`{"Name":"/shop-c%d-1","Config":{"Image":"c:1","Labels":{"com.docker.compose.project":"shop","com.docker.compose.service":"c%d"}}}`, i, i)
		if err := os.WriteFile(filepath.Join(folder, "config.v2.json"), []byte(describe), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(folder, id+"-json.log"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}()
		logs = append(logs, log{bufio.NewWriterSize(f, 1<<16), testStart.Add(time.Duration(i) * time.Second)})
	}
	for range n {
		l := &logs[rng.Intn(len(logs))]
		l.at = l.at.Add(time.Duration(rng.Intn(int(2 * time.Second))))
		at := l.at
		if rng.Intn(50) == 0 {
			at = at.Add(-time.Duration(rng.Intn(int(5 * time.Second))))
		}
		stream := "stdout"
		if rng.Intn(2) == 0 {
			stream = "stderr"
		}
		if _, err := fmt.Fprintf(l, `{"log":%s,"stream":"%s","time":"%s"}`+"\n", strconv.Quote(line(rng)+"\n"), stream, at.Format(time.RFC3339Nano)); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range logs {
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func openLogs(t testing.TB, inputs ...string) *replay.Set {
	t.Helper()
	s, err := replay.Open(context.Background(), inputs, replay.Options{Now: testStart.AddDate(0, 1, 0), Records: chunk.DefaultSettings()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func backtest(t testing.TB, o Options) *Result {
	t.Helper()
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// accounted fails the test if the counts of a rule do not add up to its hits.
func accounted(t testing.TB, r *Result) {
	t.Helper()
	for i := range r.Rules {
		one := &r.Rules[i]
		if one.Hits != one.Alerts+one.SuppressedTotal()+one.Pending {
			t.Errorf("rule %s: %d hits, %d alerts + %v + %d pending", one.ID, one.Hits, one.Alerts, one.Suppressed, one.Pending)
		}
	}
}

func logOf(t testing.TB, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "api.log")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
