package docker

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// service is a small service: 20 lines a second, of which so many of ten are timeouts, and two more errors a second of a kind of its own.
const service = `n=0
while true; do
  n=$((n+1))
  if [ $((n%%10)) -lt %d ]; then echo "error: timeout after ${n}ms"; else echo "request $n"; fi
  [ $((n%%10)) = 5 ] && echo "error: %s $n"
  sleep 0.05
done
`

// version makes an image with a tag, other than all before, and a container of the service that runs it.
func (b *bench) version(tag, name string, timeouts int, other string) {
	b.t.Helper()
	image := b.label + ":" + tag
	if b.docker("inspect", "--type", "image", image).Run() != nil {
		base := b.create("base-"+tag, nil, "/bin/sh")
		b.must("commit", "--change", "ENV VERSION="+tag, base, image)
	}
	script := fmt.Sprintf(service, timeouts, other)
	b.must(slices.Concat([]string{"run", "-d"}, b.options(name), []string{"--label", "com.docker.compose.service=shop", image, "/bin/sh", "-c", script})...)
}

// TestDeployOfAService runs a service, and then a rolling update to an image that brings an error, writes another one five times as often, and a third one no
// more: the alert and the verdict say so, over a restart of the program. A replica that restarts is no deploy.
func TestDeployOfAService(t *testing.T) {
	long(t)
	b := newBench(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close() // the program takes its place
	path := filepath.Join(b.dir, "rules.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const token = "a-token-of-this-test-alone"
	if err := os.WriteFile(filepath.Join(b.dir, "tokens"), []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text = fmt.Appendf(text, "[deploy]\ncompare = \"1m\"\n[admin]\nlisten = %q\ntoken_file = %q\n"+
		"[[rule]]\nname = \"errors\"\npattern = \"^error\"\ndeploy = true\ndry_run = true\n"+
		"[[rule]]\nname = \"new\"\npattern = \"^error\"\nfirst_seen = \"image\"\ncooldown_by = [\"workload\", \"template\"]\n", address, filepath.Join(b.dir, "tokens"))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	type report struct {
		Verdict, Reason string
		Running         bool
		Image, Last     struct{ Name, ID string }
		Counts          struct{ New, More, Less, Gone int }
	}
	verdict := func() (r report) {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/api/v1/workloads/shop/deploy", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			return r // it starts
		}
		defer func() { _ = resp.Body.Close() }()
		if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	lines := func(name string, n int) {
		eventually(t, name+" has run for a while", func() bool {
			out, err := b.docker("logs", "--tail", "1", b.label+"-"+name).CombinedOutput()
			var last int
			if i := strings.LastIndexAny(strings.TrimSpace(string(out)), " "); err == nil && i >= 0 {
				_, _ = fmt.Sscanf(strings.TrimSpace(string(out))[i:], "%d", &last) // of a timeout, too
			}
			return last >= n
		})
	}

	b.version("1.3", "old-1", 1, "no longer written by 1.4:")
	b.version("1.3", "old-2", 1, "no longer written by 1.4:")
	cmd := b.start()
	lines("old-1", 600)
	b.must("restart", "-t", "0", b.label+"-old-2")
	lines("old-1", 1000)
	if r := verdict(); r.Verdict != "unknown" || r.Last.Name != "" {
		t.Fatalf("a replica that restarts is a deploy: %+v", r)
	}
	b.version("1.4", "new-1", 5, "no column")
	b.must("rm", "-f", b.label+"-old-1")
	b.version("1.4", "new-2", 5, "no column")
	b.must("rm", "-f", b.label+"-old-2")
	lines("new-1", 300)
	b.end(cmd, syscall.SIGTERM)
	cmd = b.start()
	var alert *trigger.Alert
	eventually(t, "the comparison ends", func() bool {
		for _, a := range b.server.Alerts() {
			if a.Kind == trigger.KindDeploy {
				alert = &a
			}
		}
		return alert != nil
	})
	r := verdict()
	b.end(cmd, syscall.SIGTERM)

	if want := "shop: 1.4 against 1.3: 1 new kind of errors, 1 five times as often, 1 gone"; alert.Summary != want || alert.Deploy.Verdict != "worse" {
		t.Errorf("%q, want %q: %+v\n%s", alert.Summary, want, alert.Deploy, alert.Message)
	}
	if r.Verdict != "worse" || r.Running || r.Counts.New != 1 || r.Counts.More != 1 || r.Counts.Less != 0 || r.Counts.Gone != 1 {
		t.Errorf("%+v", r)
	}
	if r.Image.Name != b.label+":1.4" || r.Last.Name != b.label+":1.3" || r.Image.ID != b.must("inspect", "--format", "{{.Image}}", b.label+"-new-1") {
		t.Errorf("%+v", r)
	}
	var brought []string
	for _, a := range b.server.Alerts() {
		if a.Rule != "new" || a.Kind != trigger.KindLog {
			continue
		}
		if of := a.Source.Container.Image; strings.HasSuffix(of, ":1.4") {
			brought = append(brought, a.Message)
			if a.Image == nil || a.Image.Name != of {
				t.Errorf("an alert about %s does not say how old it is: %+v", of, a)
			}
		}
	}
	if len(brought) == 0 || slices.ContainsFunc(brought, func(m string) bool { return !strings.HasPrefix(m, "error: no column") }) {
		t.Errorf("errors that the deploy brought: %q", brought)
	}
}
