package delivery

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	hooks "github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/test/receiver/chat"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// The drill runs this test binary again, as a process that can be killed. childStore names its store, childURL the chat service.
const (
	childStore = "DELIVERY_TEST_STORE"
	childURL   = "DELIVERY_TEST_URL"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childStore); path != "" {
		if err := child(path, os.Getenv(childURL), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child delivers alerts to a chat service that edits. It accepts one for each line that it reads, a number, a key and a kind, and repeats the number once the
// alert is on disk.
func child(path, url string, in io.Reader, out io.Writer) error {
	set := store.DefaultSettings()
	set.Path, set.MaxPending = path, 100_000
	var registry store.Registry
	s, err := registry.Open(context.Background(), store.Options{Settings: set})
	if err != nil {
		return err
	}
	to := trigger.DefaultSettings()
	to.Name, to.Format, to.Update, to.URL, to.Timeout, to.Retries = "a", "discord", true, setting.SecretText(url), time.Second, 0
	sender, err := client.New(to, client.Deps{Egress: egress.Settings{Mode: egress.ModeDefault, Allow: []string{"127.0.0.1/32"}}})
	if err != nil {
		return err
	}
	opt := Options{Store: s, Settings: DefaultSettings(), Route: func(*trigger.Alert) []string { return nil }}
	opt.Settings.RetryMin, opt.Settings.RetryMax = 100*time.Millisecond, time.Second
	d, err := New(opt)
	if err != nil {
		return err
	}
	to.Concurrency = 4
	if err := d.SetTriggers([]Trigger{NewTrigger(&to, setting.Rate{}, sender, sender.Revision())}); err != nil {
		return err
	}
	d.Start()
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var n int
		var key, kind string
		if _, err := fmt.Sscan(lines.Text(), &n, &key, &kind); err != nil {
			return err
		}
		if err := d.Accept(context.Background(), []Item{keyed(n, key, kind, "a")}); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, n); err != nil {
			return err
		}
	}
	return d.Stop(context.Background())
}

// mood fails, hangs, resets, and loses answers to requests that the service took. It notes the ids of the messages that the service got.
type mood struct {
	random *rand.Rand // used under the lock of the service
	bad    atomic.Int32
	took   sync.Map // ids of messages, as texts
}

func (m *mood) reply(r hooks.Request) (reply hooks.Reply, lost, ok bool) {
	fails := m.random.Int32N(100) < m.bad.Load()
	lost = fails && m.random.IntN(2) == 0
	if !fails || lost {
		m.took.Store(r.Header.Get("Idempotency-Key"), true)
	}
	if !fails {
		return reply, false, false
	}
	switch m.random.IntN(5) {
	case 0:
		return hooks.Reply{Reset: true}, lost, true
	case 1:
		return hooks.Reply{Hang: true}, lost, true
	case 2:
		return hooks.Reply{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"0"}}}, lost, true
	case 3:
		return hooks.Reply{Status: http.StatusServiceUnavailable, Truncate: true, Body: `{"id":"12`}, lost, true
	}
	return hooks.Reply{Status: http.StatusBadGateway, Size: 1 << 20}, lost, true
}

// TestKilledEditsNeverGoBack kills a process with kill -9 while it edits messages of a service that fails and loses answers, and deletes messages in between. In
// the end every alert that was acknowledged reached the service, and no message went back to an older state.
func TestKilledEditsNeverGoBack(t *testing.T) {
	if testing.Short() {
		t.Skip("the leases of the process that was killed last end after 15 seconds")
	}
	server, service := hooks.New(t), chat.New("discord")
	m := &mood{random: rand.New(rand.NewPCG(17, 19))}
	service.Mood = m.reply
	server.SetBehaviour(service)
	set := store.DefaultSettings()
	set.Path = filepath.Join(t.TempDir(), "a.db")
	lives, most := 12, 100
	if os.Getenv(soak) != "" {
		lives, most = 100, 400
	}
	random := rand.New(rand.NewPCG(11, 13))
	feed := func(in io.Writer, out *bufio.Scanner, n int) bool {
		kind := []string{hit, rollup, rollup, rollup, rollup, end}[random.IntN(6)]
		_, err := fmt.Fprintf(in, "%d k%d %s\n", n, random.IntN(100), kind)
		return err == nil && out.Scan()
	}
	next := 0
	for range lives {
		m.bad.Store([]int32{0, 0, 30, 60}[random.IntN(4)])
		if random.IntN(3) == 0 {
			service.Delete()
		}
		cmd, in, out := startChild(t, set.Path, server.URL(service.Path()))
		for until := next + 50 + random.IntN(most); next < until; next++ {
			if !feed(in, out, next) {
				t.Fatal("the process ended by itself")
			}
		}
		must(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
	}
	m.bad.Store(0)
	cmd, in, _ := startChild(t, set.Path, server.URL(service.Path()))
	defer func() { _ = cmd.Process.Kill() }() // after a failed test
	registry := new(store.Registry)
	s, err := registry.Open(context.Background(), store.Options{Settings: set})
	must(t, err)
	var counts store.Counts
	await.That(t, 5*time.Minute, "all alerts are delivered", func() bool {
		a, err := s.Account(context.Background())
		counts = a.Triggers["a"]
		return err == nil && counts.Pending == 0
	})
	must(t, in.Close())
	must(t, cmd.Wait())
	must(t, registry.Close())
	for n := range next {
		id := fmt.Sprintf("al_%06d", n)
		if _, took := m.took.Load(id); !took {
			t.Errorf("%s was acknowledged, and never reached the service", id)
		}
	}
	if counts.Delivered != int64(next) {
		t.Errorf("%+v, of %d", counts, next)
	}
	messages, edits := states(t, service)
	t.Logf("%d kills, %d alerts acknowledged, %d requests, %d messages, %d edits", lives, next, server.Len(), messages, edits)
	if edits < 100 {
		t.Errorf("only %d edits", edits)
	}
}

func startChild(t *testing.T, path, url string) (*exec.Cmd, io.WriteCloser, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childStore+"="+path, childURL+"="+url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	return cmd, in, bufio.NewScanner(out)
}

var timesSince = regexp.MustCompile(`×([0-9]+) since`)

// states fails the test for each message that went back to an older state, and returns the number of messages and of edits.
func states(t *testing.T, service *chat.Service) (messages, edits int) {
	t.Helper()
	for _, message := range service.Messages() {
		hits, over := 0, false
		for _, version := range message.Versions {
			now := 0
			if found := timesSince.FindStringSubmatch(version); found != nil {
				now, _ = strconv.Atoi(found[1])
			}
			ends := strings.Contains(version, "RESOLVED")
			if now < hits || over && !ends {
				t.Errorf("message %s went back from ×%d (over %v) to ×%d (over %v): %q", message.ID, hits, over, now, ends, message.Versions)
			}
			hits, over = now, ends
		}
		messages, edits = messages+1, edits+len(message.Versions)-1
	}
	if refused := service.Refused(); len(refused) > 0 {
		t.Errorf("the service refused %v", refused)
	}
	return messages, edits
}
