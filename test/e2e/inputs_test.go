package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// pattern means the same to RE2 and to grep -P.
const pattern = `(?i)\berror\b|^panic: |HTTP/1\.[01]" 5\d\d |\bOOM\b`

// corpus is lines of which about one in six is a hit, each one different from the others.
func corpus(n int) []string {
	kinds := []string{
		`203.0.113.7 - - "GET /cart HTTP/1.1" 200 512 n=%d`, `203.0.113.7 - - "GET /cart HTTP/1.1" 502 512 n=%d`,
		`{"level":"info","msg":"request","n":%d}`, `{"level":"error","msg":"charge failed","n":%d}`, `panic: runtime error n=%d`,
		"\tat com.shop.Order.place(Order.java:%d)", `no terrors, no panic: just line %d`, `kernel: oom in room %d`, `checkpoint %d complete`,
		`"quotes" \backslashes\ and ünïcödé %d`, `GET /products/502 HTTP/1.1 200 %d`, `healthy %d`, `saved %d`, `listening on :%d`,
		`duration: %d ms`, `Errors: none, errors=%d`, `accepted %d`, `cache hit %d`, `retry %d of 9`, `done %d`, `bye %d`, `started worker %d`,
	}
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(kinds[(i*7+i/11)%len(kinds)], i)
	}
	return lines
}

// grep counts the lines that match, with grep -P, or with the same expression here where there is no such grep.
func grep(t *testing.T, lines []string) (count int, hits []string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for _, line := range lines {
		if re.MatchString(line) {
			hits = append(hits, line)
		}
	}
	cmd := exec.Command("grep", "-cP", pattern)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.Output()
	var exit *exec.Error
	if errors.As(err, &exit) || len(out) == 0 {
		t.Logf("no grep -P here (%v): counted with regexp", err)
		return len(hits), hits
	}
	count, err = strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return count, hits
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestHitsEqualGrep sends the same lines through each way in, and counts.
func TestHitsEqualGrep(t *testing.T) {
	lines := corpus(6000)
	count, hits := grep(t, lines)
	if count != len(hits) || count < 500 {
		t.Fatalf("grep counts %d, regexp %d", count, len(hits))
	}
	verify := func(t *testing.T, r running, server *receiver.Server) {
		t.Helper()
		expect(t, r, server, hits)
		r.stop()
		if n := len(arrived(server)); n != count {
			t.Errorf("%d lines became alerts, grep -cP counts %d", n, count)
		}
	}
	rule := "\n[[rule]]\nname = \"hits\"\npattern = '" + pattern + "'\ncooldown = \"0s\"\n"

	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		r := start(single(t, document(server, rule)))
		r.feed(lines...)
		verify(t, r, server)
	})
	for name, input := range map[string]struct {
		conf string
		send func(t *testing.T, port int, lines []string) error
	}{
		"forward":       {"[INPUT]\n    Name forward\n    Listen 127.0.0.1\n    Port %d\n", sendForward},
		"opentelemetry": {"[INPUT]\n    Name opentelemetry\n    Listen 127.0.0.1\n    Port %d\n    Tag_From_Uri Off\n    Tag otlp\n", sendOTLP},
	} {
		t.Run(name, func(t *testing.T) {
			binary := fluentBitBinary(t)
			server := receiver.New(t)
			s := single(t, document(server, rule))
			port := freePort(t)
			s.inputs = fmt.Sprintf(input.conf, port)
			r := startFluentBit(t, binary, s)
			eventually(t, r, "the input listens", func() bool {
				c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
				if err == nil {
					err = c.Close()
				}
				return err == nil
			})
			for begin := 0; begin < len(lines); begin += 500 {
				if err := input.send(t, port, lines[begin:min(begin+500, len(lines))]); err != nil {
					t.Fatal(err)
				}
			}
			verify(t, r, server)
		})
	}
}

// sendForward sends one message of the forward protocol, in Forward mode: [tag, [[time, record], …]], with records as Docker's fluentd log
// driver makes them.
func sendForward(t *testing.T, port int, lines []string) error {
	t.Helper()
	var b bytes.Buffer
	text := func(s string) {
		b.WriteByte(0xda)
		b.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s))))
		b.WriteString(s)
	}
	b.WriteByte(0x92)
	text("docker.web")
	b.WriteByte(0xdc)
	b.Write(binary.BigEndian.AppendUint16(nil, uint16(len(lines))))
	for _, line := range lines {
		b.WriteByte(0x92)
		b.WriteByte(0xce)
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(time.Now().Unix())))
		b.WriteByte(0x84)
		for _, pair := range [][2]string{{"container_id", strings.Repeat("ab", 32)}, {"container_name", "/web"}, {"source", "stdout"}, {"log", line}} {
			text(pair[0])
			text(pair[1])
		}
	}
	c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), 5*time.Second)
	if err != nil {
		return err
	}
	_, err = c.Write(b.Bytes())
	return errors.Join(err, c.Close())
}

// sendOTLP posts the lines as OTLP/HTTP logs in JSON.
func sendOTLP(t *testing.T, port int, lines []string) error {
	t.Helper()
	type value struct {
		StringValue string `json:"stringValue"`
	}
	type record struct {
		TimeUnixNano string `json:"timeUnixNano"`
		Body         value  `json:"body"`
	}
	records := make([]record, len(lines))
	for i, line := range lines {
		records[i] = record{strconv.FormatInt(time.Now().UnixNano(), 10), value{line}}
	}
	service := map[string]any{"key": "service.name", "value": value{"web"}}
	body, err := json.Marshal(map[string]any{"resourceLogs": []any{map[string]any{
		"resource": map[string]any{"attributes": []any{service}}, "scopeLogs": []any{map[string]any{"logRecords": records}},
	}}})
	if err != nil {
		return err
	}
	response, err := http.Post(fmt.Sprintf("http://127.0.0.1:%d/v1/logs", port), "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(response.Body)
	if response.StatusCode/100 != 2 {
		err = errors.Join(err, fmt.Errorf("status %d: %s", response.StatusCode, answer))
	}
	return errors.Join(err, response.Body.Close())
}
