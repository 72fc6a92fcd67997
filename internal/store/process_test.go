package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The tests of this file run this test binary again, as another process on the same file. childPath names the file, childJob what to do.
const (
	childPath = "STORE_TEST_PATH"
	childJob  = "STORE_TEST_JOB"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		if err := child(path, os.Getenv(childJob)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child accepts alerts from a number on, telling each that is on disk, forever or a hundred times with leases between.
func child(path, job string) error {
	set := DefaultSettings()
	set.Path, set.MaxPending = path, 1_000_000
	var registry Registry
	s, err := registry.Open(context.Background(), Options{Settings: set})
	if err != nil {
		return err
	}
	word, number, _ := strings.Cut(job, " ")
	first, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	for n := first; word == "forever" || n < first+100; n++ {
		if _, err := s.Accept(context.Background(), time.Now(), items(n, 1, "a")); err != nil {
			return err
		}
		fmt.Println(n)
		if word == "forever" {
			continue
		}
		messages, _, err := s.Lease(context.Background(), Owner(first+1), time.Now(), "a", 1)
		if err != nil {
			return err
		}
		for i := range messages {
			fmt.Println("sent", messages[i].ID)
			if _, err := s.Finish(context.Background(), Owner(first+1), time.Now(), []Result{{Message: &messages[i]}}); err != nil {
				return err
			}
		}
	}
	return registry.Close()
}

func startChild(t *testing.T, path, job string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+path, childJob+"="+job)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

// TestKilledProcessLosesNothing kills a process that accepts alerts, several times, and looks for each alert that it had reported.
func TestKilledProcessLosesNothing(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.MaxPending = 1_000_000 })
	reported := 0
	for round := range 4 {
		first := round * 100_000
		cmd, lines := startChild(t, b.set.Path, fmt.Sprint("forever ", first))
		last := first - 1
		for lines.Scan() {
			n, err := strconv.Atoi(lines.Text())
			must(t, err)
			if last = n; n >= first+50*(round+1) {
				must(t, cmd.Process.Kill())
				break
			}
		}
		for lines.Scan() { // the reports before it died
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				last = n
			}
		}
		_ = cmd.Wait() // it was killed
		reported += last - first + 1
		s := b.open()
		if done := b.accept(s, items(first, last-first+1, "a")); done.New != 0 {
			t.Errorf("round %d: %d of %d acknowledged alerts are gone", round, done.New, last-first+1)
		}
		if n := b.counts(s, "a"); n.Pending < int64(reported) {
			t.Errorf("round %d: %+v, want at least %d pending", round, n, reported)
		}
		must(t, s.Close())
	}
}

// TestProcessesShareAFile: two processes accept and deliver at once; each alert is sent by one of them, and the account is exact.
func TestProcessesShareAFile(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.MaxPending = 1_000_000 })
	s := b.open() // a third one, that only watches
	one, first := startChild(t, b.set.Path, "hundred 0")
	two, second := startChild(t, b.set.Path, "hundred 1000")
	sent := map[string]int{}
	for _, lines := range []*bufio.Scanner{first, second} {
		for lines.Scan() {
			if id, ok := strings.CutPrefix(lines.Text(), "sent "); ok {
				sent[id]++
			}
		}
	}
	must(t, one.Wait())
	must(t, two.Wait())
	for id, n := range sent {
		if n != 1 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
	if n := b.counts(s, "a"); n.Accepted != 200 || n.Delivered != int64(len(sent)) {
		t.Errorf("%+v, %d sent", n, len(sent))
	}
}
