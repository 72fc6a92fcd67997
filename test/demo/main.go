// Command demo shows the plugin at work: it starts a webhook receiver, plays a container log through the real shared object in a few
// seconds, prints the alerts as they arrive, and at the end holds them against what plain regular expressions find in the same lines. It
// ends with 0 only when every hit is accounted for: it made an alert, or an alert reports it as suppressed.
//
// It runs in fluent-bit when that is on PATH, and in the plugin host of test/host otherwise.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/containerlog"
	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// port is the one that examples/demo/rules.toml sends to.
const port = 19880

type options struct {
	plugin, host, log, folder, runner string
	length, timeout                   time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.plugin, "plugin", "bin/out_trigger.so", "the shared object")
	flag.StringVar(&o.host, "host", "bin/plugin-host", "the plugin host; built when it is not there")
	flag.StringVar(&o.log, "log", "examples/logs/demo.log", "the log to play")
	flag.StringVar(&o.folder, "config", "examples/demo", "the folder of rules.toml and fluent-bit.conf")
	flag.StringVar(&o.runner, "run-in", "auto", "fluent-bit, host, or auto: fluent-bit when it is on PATH")
	flag.DurationVar(&o.length, "length", 9*time.Second, "how long the whole log plays")
	flag.DurationVar(&o.timeout, "timeout", time.Minute, "when to give up")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	err := run(ctx, o)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	lines, err := readLog(o.log)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fluentbit-trigger-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	server, rules, err := listen(o, dir)
	if err != nil {
		return err
	}
	defer server.Stop()
	account := newAccount(lines)
	printer := receiver.NewPrinter(os.Stdout, receiver.UseColour(os.Stdout))
	server.Observe(func(r receiver.Request) { account.receive(r, printer) })

	sink, err := startSink(ctx, o, dir, rules)
	if err != nil {
		return err
	}
	fmt.Printf("%d lines from %d containers, through %s\n\n", len(lines), account.containers, sink.name())
	start := time.Now()
	err = play(ctx, sink, squeeze(lines, o.length))
	if err == nil {
		err = account.wait(ctx, server)
	}
	took := time.Since(start)
	log, stopErr := sink.stop()
	fmt.Println()
	account.print(os.Stdout, took)
	if err == nil {
		err = stopErr
	}
	if err == nil {
		err = account.verdict()
	}
	if err != nil && log != "" {
		fmt.Fprintf(os.Stderr, "\n%s said:\n%s\n", sink.name(), log)
	}
	return err
}

func readLog(path string) ([]containerlog.Line, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := containerlog.Read(f)
	if err == nil && len(lines) == 0 {
		err = fmt.Errorf("%s holds no lines", path)
	}
	return lines, err
}

// listen starts the receiver where the rules send to. When that port is taken it is another, in a copy of the rules.
func listen(o options, dir string) (*receiver.Server, string, error) {
	rules, err := filepath.Abs(filepath.Join(o.folder, "rules.toml"))
	if err != nil {
		return nil, "", err
	}
	fixed := "127.0.0.1:" + strconv.Itoa(port)
	if server, err := receiver.Start(fixed); err == nil {
		return server, rules, nil
	}
	server, err := receiver.Start("127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	text, err := os.ReadFile(rules)
	if err != nil {
		return nil, "", err
	}
	changed := strings.ReplaceAll(string(text), ":"+strconv.Itoa(port), ":"+strconv.Itoa(server.Port()))
	rules = filepath.Join(dir, "rules.toml")
	return server, rules, os.WriteFile(rules, []byte(changed), 0o600)
}

// squeeze makes the whole log fit into a length of time.
func squeeze(lines []containerlog.Line, length time.Duration) []containerlog.Line {
	last := max(lines[len(lines)-1].After, 1)
	out := make([]containerlog.Line, len(lines))
	for i, l := range lines {
		l.After = time.Duration(float64(l.After) / float64(last) * float64(length))
		out[i] = l
	}
	return out
}

// play hands the lines to the sink when their time has come, those of a tenth of a second together.
func play(ctx context.Context, s sink, lines []containerlog.Line) error {
	start := time.Now()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for len(lines) > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		due := 0
		for due < len(lines) && lines[due].After <= time.Since(start) {
			due++
		}
		if due == 0 {
			continue
		}
		if err := s.write(start, lines[:due]); err != nil {
			return err
		}
		lines = lines[due:]
	}
	return nil
}

// startSink starts what the plugin runs in.
func startSink(ctx context.Context, o options, dir, rules string) (sink, error) {
	plugin, err := filepath.Abs(o.plugin)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(plugin); err != nil {
		return nil, fmt.Errorf("the plugin is not built: %w", err)
	}
	binary, lookErr := exec.LookPath("fluent-bit")
	switch {
	case o.runner == "fluent-bit" && lookErr != nil:
		return nil, lookErr
	case o.runner == "fluent-bit" || o.runner == "auto" && lookErr == nil:
		return startFluentBit(ctx, binary, plugin, filepath.Join(o.folder, "fluent-bit.conf"), dir, rules)
	}
	host := o.host
	if _, err := os.Stat(host); err != nil {
		if host, err = pluginhost.BuildHost(dir); err != nil {
			return nil, err
		}
	}
	reason := "as asked for"
	if o.runner == "auto" {
		reason = "fluent-bit is not on PATH"
	}
	return startHost(host, plugin, dir, rules, reason)
}
