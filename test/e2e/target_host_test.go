package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

// inHost is the plugin in the plugin host.
type inHost struct {
	t     *testing.T
	host  *pluginhost.Host
	setup setup
	parts int
	fed   int
}

var _ running = (*inHost)(nil)

// loadHost starts a host with the plugin registered and no instance.
func loadHost(t *testing.T, binary string, s setup) *inHost {
	t.Helper()
	host, err := pluginhost.Start(binary, pluginhost.Options{Env: s.env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Kill)
	h := &inHost{t: t, host: host, setup: s}
	h.do("load", s.plugin)
	h.do("register")
	return h
}

func startHost(t *testing.T, binary string, s setup) *inHost {
	t.Helper()
	h := loadHost(t, binary, s)
	for _, parameters := range s.instances {
		if err := h.init(parameters); err != nil {
			t.Fatalf("%v\n%s", err, tail(h.log()))
		}
	}
	return h
}

func (h *inHost) init(parameters map[string]string) error {
	words := []string{"init", parameters["id"]}
	for _, key := range sortedKeys(parameters) {
		words = append(words, key+"="+parameters[key])
	}
	_, err := h.host.Do(words...)
	return err
}

func (h *inHost) do(words ...string) pluginhost.Reply {
	h.t.Helper()
	reply, err := h.host.Do(words...)
	if err != nil {
		h.t.Fatalf("%v\n%s", err, tail(h.log()))
	}
	return reply
}

// part writes lines to a file of its own.
func (h *inHost) part(lines []string) string {
	h.t.Helper()
	h.parts++
	path := filepath.Join(h.setup.dir, fmt.Sprintf("part-%d.log", h.parts))
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

func (h *inHost) feed(lines ...string) {
	h.t.Helper()
	path := h.part(lines)
	for _, parameters := range h.setup.instances {
		if reply := h.do("text", parameters["id"], "e2e", path, "retries=100"); reply.Int("ok") < 1 || reply.Int("retry") > 0 || reply.Int("error") > 0 {
			h.t.Fatalf("feed: the host answers %v\n%s", reply, tail(h.log()))
		}
	}
	h.fed += len(lines)
}

func (h *inHost) reload() {
	h.t.Helper()
	h.do("reload")
}

func (h *inHost) hup() {
	h.t.Helper()
	h.do("signal", "HUP")
}

func (h *inHost) stop() time.Duration {
	h.t.Helper()
	reply := h.do("exit")
	if err := h.host.Close(patience); err != nil {
		h.t.Errorf("the host ended badly: %v\n%s", err, tail(h.log()))
	}
	return time.Duration(reply.Int("exit_ms")) * time.Millisecond
}

func (h *inHost) kill()                { h.host.Kill() }
func (h *inHost) pid() int             { return h.host.PID() }
func (h *inHost) log() *pluginhost.Log { return h.host.Log() }

func (h *inHost) alive() bool {
	if h.host.Signal(syscall.Signal(0)) != nil {
		return false
	}
	_, err := h.host.Do("stat")
	return err == nil
}

// flush delivers a chunk file once or more, with options of the host.
func (h *inHost) text(id, path string, options ...string) pluginhost.Reply {
	h.t.Helper()
	return h.do(append([]string{"text", id, "e2e", path}, options...)...)
}

func base(t time.Time) string {
	return "base=" + strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}
