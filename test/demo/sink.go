package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/containerlog"
	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

// sink is what the plugin runs in.
type sink interface {
	name() string
	// write hands lines over. Their times count from start.
	write(start time.Time, lines []containerlog.Line) error
	// stop ends it in good order and returns what was logged.
	stop() (string, error)
}

var (
	_ sink = (*hostSink)(nil)
	_ sink = (*fluentBit)(nil)
)

// hostSink is the plugin host of test/host.
type hostSink struct {
	host   *pluginhost.Host
	part   string
	reason string
}

func startHost(path, plugin, dir, rules, reason string) (*hostSink, error) {
	host, err := pluginhost.Start(path, pluginhost.Options{})
	if err != nil {
		return nil, err
	}
	s := &hostSink{host: host, part: filepath.Join(dir, "part.log"), reason: reason}
	for _, command := range [][]string{
		{"load", plugin},
		{"register"},
		{"init", "demo", "id=demo", "config_file=" + rules, "store=" + filepath.Join(dir, "demo.db"), "verbosity=warning"},
	} {
		if _, err := host.Do(command...); err != nil {
			host.Kill()
			return nil, fmt.Errorf("%w\n%s", err, host.Log())
		}
	}
	return s, nil
}

func (s *hostSink) name() string {
	return "the plugin host (fluent-bit is not on PATH, or was not asked for)"
}

func (s *hostSink) write(start time.Time, lines []containerlog.Line) error {
	f, err := os.Create(s.part)
	if err != nil {
		return err
	}
	if err := errors.Join(containerlog.Write(f, lines), f.Close()); err != nil {
		return err
	}
	base := strconv.FormatFloat(float64(start.UnixMilli())/1000, 'f', 3, 64)
	reply, err := s.host.Do("log", "demo", "docker", s.part, "base="+base, "retries=20")
	if err != nil {
		return err
	}
	if reply.Int("records") != len(lines) || reply.Int("ok") != 1 {
		return fmt.Errorf("%d lines were handed over, the host answers %v", len(lines), reply)
	}
	return nil
}

func (s *hostSink) stop() (string, error) {
	err := s.host.Close(10 * time.Second)
	return s.host.Log().String(), err
}

// fluentBit is the real one, which tails a file of JSON lines.
type fluentBit struct {
	version string
	cmd     *exec.Cmd
	log     *pluginhost.Log
	input   *os.File
	exited  chan struct{}
	waitErr error
}

func startFluentBit(ctx context.Context, binary, plugin, config, dir, rules string) (*fluentBit, error) {
	version, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", binary, err)
	}
	first, _, _ := strings.Cut(string(version), "\n")
	input, err := os.Create(filepath.Join(dir, "demo.json"))
	if err != nil {
		return nil, err
	}
	f := &fluentBit{
		version: first, cmd: exec.Command(binary, "-e", plugin, "-c", config), log: pluginhost.NewLog(), input: input,
		exited: make(chan struct{}),
	}
	f.cmd.Env = append(os.Environ(), "DEMO_LOG="+input.Name(), "DEMO_RULES="+rules, "DEMO_STORE="+filepath.Join(dir, "demo.db"))
	f.cmd.Stdout, f.cmd.Stderr = f.log, f.log
	if err := f.cmd.Start(); err != nil {
		return nil, errors.Join(err, input.Close())
	}
	go func() {
		f.waitErr = f.cmd.Wait()
		close(f.exited)
	}()
	return f, nil
}

func (f *fluentBit) name() string { return f.version }

func (f *fluentBit) write(start time.Time, lines []containerlog.Line) error {
	select {
	case <-f.exited:
		return fmt.Errorf("fluent-bit has ended: %v\n%s", f.waitErr, f.log)
	default:
	}
	var text []byte
	for _, l := range lines {
		line, err := l.JSON(start)
		if err != nil {
			return err
		}
		text = append(text, line...)
	}
	_, err := f.input.Write(text)
	return err
}

func (f *fluentBit) stop() (string, error) {
	// Errors mean that it has ended already, which waitErr reports better.
	_ = f.cmd.Process.Signal(syscall.SIGTERM)
	_ = f.input.Close()
	select {
	case <-f.exited:
		return f.log.String(), f.waitErr
	case <-time.After(15 * time.Second):
		_ = f.cmd.Process.Kill()
		<-f.exited
		return f.log.String(), errors.New("fluent-bit did not end within 15 s of SIGTERM")
	}
}
