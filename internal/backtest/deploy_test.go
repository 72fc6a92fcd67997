package backtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// writeDeploy writes the logs of two containers of one service, as Docker keeps them: the second runs a new image, which brings an error.
func writeDeploy(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	start := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	for c, image := range []string{"shop/api:1.3", "shop/api:1.4"} {
		id := strings.Repeat(fmt.Sprint(c+1), 64)
		folder := filepath.Join(dir, id)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		for second := range 3600 {
			at := start.Add(time.Duration(c)*time.Hour + time.Duration(second)*time.Second)
			text := fmt.Sprintf("request %d", second)
			switch {
			case second%60 == 7 && c == 0:
				text = fmt.Sprintf("error: timeout after %ds", second)
			case second%60 == 7:
				text = fmt.Sprintf("error: no column %d", second)
			case second%60 == 9:
				text = "error: as before"
			}
			fmt.Fprintf(&log, `{"log":%q,"stream":"stderr","time":%q}`+"\n", text+"\n", at.Format(time.RFC3339Nano))
		}
		for name, content := range map[string]string{
			id + "-json.log": log.String(),
			"config.v2.json": fmt.Sprintf(`{"Name":"/shop-api-%d","Image":"sha256:%d","Config":{"Image":%q,"Labels":{"com.docker.compose.project":"shop","com.docker.compose.service":"api"}}}`, c, c, image),
		} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// TestDeployIsReported by a backtest as by an engine that evaluates line by line, however many goroutines there are.
func TestDeployIsReported(t *testing.T) {
	dir := writeDeploy(t)
	set := ruleSet(t, "[deploy]\ncompare = \"15m\"\n[[rule]]\nname = \"errors\"\npattern = \"^error\"\ndeploy = true\n"+
		"[[trigger]]\nname = \"ops\"\nurl = \"http://example.com/\"\nwhere = { kind = \"deploy\" }\n")
	e := engineOf(t, &set)
	var alerts []engine.Alert
	records := merged(t, openLogs(t, dir))
	for i := range records {
		alerts = e.Tick(records[i].key, alerts)
		w := e.Worker()
		alerts = w.Process(&records[i].Record, records[i].key, alerts)
		w.Release()
	}
	var want []Deploy
	for i := range alerts {
		if a := &alerts[i]; a.Kind == engine.KindDeploy {
			want = append(want, Deploy{Time: utc(a.Time), Workload: "shop/api", Verdict: "worse", Summary: a.Summary, Kinds: strings.Split(a.Message, "\n")})
		}
	}
	if len(want) != 1 || want[0].Summary != "shop/api: 1.4 against 1.3: 1 new kind of errors, 1 gone" {
		t.Fatalf("%+v", want)
	}
	for _, workers := range []int{1, 4} {
		r := backtest(t, Options{Logs: openLogs(t, dir), New: set, Samples: 3, Workers: workers})
		if !reflect.DeepEqual(r.Deploys, want) {
			t.Errorf("%d goroutines: %+v, want %+v", workers, r.Deploys, want)
		}
		if len(r.Triggers) != 1 || r.Triggers[0].Alerts != 1 {
			t.Errorf("triggers %+v", r.Triggers)
		}
		var text, page bytes.Buffer
		if err := r.WriteText(&text, TextOptions{Width: 100}); err != nil {
			t.Fatal(err)
		}
		if err := r.WriteHTML(&page, nil); err != nil {
			t.Fatal(err)
		}
		for _, out := range []string{text.String(), page.String()} {
			if !strings.Contains(out, "1.4 against 1.3: 1 new kind of errors, 1 gone") || !strings.Contains(out, "error: no column") {
				t.Errorf("no deploy in %s", out)
			}
		}
	}
}

// TestASilenceEndsWithTheNextImage of each workload in a backtest, by the times of the lines.
func TestASilenceEndsWithTheNextImage(t *testing.T) {
	dir := writeDeploy(t)
	set := ruleSet(t, "[[rule]]\nname = \"errors\"\npattern = \"^error\"\ncooldown = \"0s\"\n[limits]\nper_container = { rate = \"0/s\", burst = 1 }\n"+
		"[[silence]]\nname = \"known\"\nworkload = \"shop/api\"\nfrom = 2026-11-20T07:00:00Z\nuntil = \"next image\"\n")
	for _, workers := range []int{1, 4} {
		r := backtest(t, Options{Logs: openLogs(t, dir), New: set, Workers: workers})
		// Each image writes two errors a minute for an hour; the first one's are silenced.
		if one := r.Rules[0]; one.Hits != 240 || one.Suppressed["silence"] != 120 || len(r.Silences) != 1 || r.Silences[0].Suppressed != 120 {
			t.Errorf("%d goroutines: %d hits, suppressed %v, silences %+v", workers, one.Hits, one.Suppressed, r.Silences)
		}
	}
}
