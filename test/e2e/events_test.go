package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// event is what an engine writes of the end of a container, of about the given size.
func event(i, size int) string {
	text := fmt.Sprintf(`{"status":"die","id":"x","from":"shop:1","Type":"container","Action":"die","Actor":{"ID":%q,"Attributes":{`+
		`"com.docker.compose.project":"shop","com.docker.compose.service":"api","exitCode":"%d","image":"shop:1","name":"c%d","pad":"`,
		strings.Repeat("0a", 32), i%2, i)
	return text + strings.Repeat("x", max(0, size-len(text))) + fmt.Sprintf(`"}},"scope":"local","time":1795713510,"timeNano":%d}`+"\n", int64(1795713510e9)+int64(i))
}

const eventRule = "\n[[rule]]\nname = \"ended\"\nevent = [\"die\"]\nwhere = { exit_code = \"!=0\" }\ncooldown = \"0s\"\n"

// ended are the messages of the alerts that come of events with numbers from 0 up to n.
func ended(n int) (out []string) {
	for i := 1; i < n; i += 2 {
		out = append(out, fmt.Sprintf("container c%d: die, exit code 1", i))
	}
	return out
}

// fakeEngine answers GET /events with what comes over events. An empty text ends the connection: the next one goes on.
func fakeEngine(t *testing.T, events <-chan string) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the end of the test
			}
			if _, err = http.ReadRequest(bufio.NewReader(c)); err != nil {
				t.Errorf("the request: %v", err)
			}
			// The input reads once for the head, and takes none of the events for it.
			if _, err = c.Write([]byte("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n")); err != nil {
				t.Errorf("the head: %v", err)
			}
			for text := <-events; text != ""; text = <-events {
				if _, err = c.Write([]byte(text)); err != nil {
					t.Errorf("an event: %v", err)
				}
			}
			_ = c.Close()
		}
	}()
	return socket
}

// checkEnded compares the alerts with what the events say.
func checkEnded(t *testing.T, r running, server *receiver.Server, n int) {
	t.Helper()
	expect(t, r, server, ended(n))
	for _, alerts := range arrived(server) {
		a := alerts[0]
		if len(alerts) > 1 || a.Kind != trigger.KindContainer || a.Source.Workload != "shop/api" || a.Source.Container.Image != "shop:1" {
			t.Errorf("%d alerts, %+v", len(alerts), a)
		}
	}
}

// TestContainerEvents has Fluent Bit's docker_events read an engine that writes many events at once, a part of one, and restarts. Those that
// come at once stand in one record, and the pieces of one in several.
func TestContainerEvents(t *testing.T) {
	t.Run("host", func(t *testing.T) {
		server := receiver.New(t)
		s := single(t, document(server, eventRule))
		h := startHost(t, hostBinary(t), s)
		all := ""
		for i := range 100 {
			all += event(i, 900)
		}
		var chunk []byte
		for begin := 0; begin < len(all); begin += 8191 {
			chunk = chunktest.Event(chunk, chunktest.FirstTime, chunktest.M(), chunktest.M("message", all[begin:min(begin+8191, len(all))]))
		}
		file := writeFile(t, s.dir, "events.msgpack", string(chunk))
		for range 2 {
			if reply := h.do("flush", "one", "docker_events.0", file); reply.Int("ok") != 1 {
				t.Fatalf("the host answers %v", reply)
			}
		}
		checkEnded(t, h, server, 100)
		h.stop()
	})
	t.Run("fluent-bit", func(t *testing.T) {
		binary := fluentBitBinary(t)
		server := receiver.New(t)
		s := single(t, document(server, eventRule))
		events := make(chan string)
		t.Cleanup(func() { close(events) })
		s.inputs = fmt.Sprintf("[INPUT]\n    Name docker_events\n    Unix_Path %s\n", fakeEngine(t, events))
		r := startFluentBit(t, binary, s)
		eventually(t, r, "Fluent Bit listens", func() bool { return r.log().Count("listening for events on") > 0 })
		events <- event(0, 0) + event(1, 0)
		checkEnded(t, r, server, 2)
		burst := ""
		for i := 2; i < 40; i++ {
			burst += event(i, 1000)
		}
		events <- burst
		checkEnded(t, r, server, 40)
		events <- event(40, 20_000) // longer than what the input reads at once
		events <- event(41, 20_000)
		checkEnded(t, r, server, 42)
		events <- event(41, 20_000)[:10_000]
		events <- "" // the engine restarts

		// What comes before Fluent Bit has connected again, it takes for the head of the answer.
		eventually(t, r, "Fluent Bit listens again", func() bool { return r.log().Count("Reconnect successful") > 0 })
		events <- event(42, 0) + event(43, 0)
		checkEnded(t, r, server, 44)
		r.stop()
	})
}
