package e2e

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestTracesAreOneRecordInFluentBit sends a trace by Docker's fluentd driver through the real host, as one message and as one for each line, with and without
// Fluent Bit's own multiline filter in front: one alert about the whole trace.
func TestTracesAreOneRecordInFluentBit(t *testing.T) {
	trace := []string{"java.io.IOException: closed", "\tat shop.Pay.run(Pay.java:3)", "Caused by: shop.Declined: no", "\t... 3 more"}
	whole := strings.Join(trace, "\n")
	for name, filter := range map[string]string{
		"alone": "",
		"java":  "[FILTER]\n    Name multiline\n    Match *\n    multiline.key_content log\n    multiline.parser java\n",
	} {
		for _, at := range []int{1, len(trace) + 1} {
			t.Run(fmt.Sprintf("%s/%d", name, at), func(t *testing.T) {
				binary := fluentBitBinary(t)
				server := receiver.New(t)
				s := single(t, document(server, "\n[records]\njoin = \"on\"\n[[rule]]\nname = \"closed\"\npattern = 'closed|Declined'\ncooldown = \"0s\"\n"))
				port := freePort(t)
				s.inputs = fmt.Sprintf("[INPUT]\n    Name forward\n    Listen 127.0.0.1\n    Port %d\n%s", port, filter)
				r := startFluentBit(t, binary, s)
				eventually(t, r, "the input listens", func() bool {
					c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
					if err == nil {
						err = c.Close()
					}
					return err == nil
				})
				lines := append(trace[:len(trace):len(trace)], "on")
				for begin := 0; begin < len(lines); begin += at {
					if err := sendForward(t, port, lines[begin:min(begin+at, len(lines))]); err != nil {
						t.Fatal(err)
					}
				}
				eventually(t, r, "an alert arrives", func() bool { return len(arrived(server)) > 0 })
				r.stop()
				got := arrived(server)
				for message := range got {
					if strings.TrimRight(message, "\n") != whole {
						t.Errorf("an alert about %q", message)
					}
				}
				if len(got) != 1 {
					t.Errorf("%d alerts, want 1", len(got))
				}
			})
		}
	}
}
