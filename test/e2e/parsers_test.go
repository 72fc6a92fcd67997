package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// theirs are traces in the log of a container each, with the line of a logger above, and the template that each has however its lines are read.
var theirs = []struct{ name, log, template, exception string }{
	{"java", "2026-11-30 09:00:00 ERROR c.e.Shop - cannot pay order 4711\n" +
		"com.example.PaymentFailed: order 4711\n" +
		"\tat com.example.Shop.pay(Shop.java:31)\n" +
		"\tat com.example.Shop.main(Shop.java:9)\n" +
		"Caused by: com.example.CardDeclined: card 4242 was declined\n" +
		"\tat com.example.Billing.charge(Billing.java:19)\n" +
		"\t... 2 more",
		"<trace> com.example.PaymentFailed at com.example.Shop.pay (Shop.java) at com.example.Shop.main (Shop.java) com.example.CardDeclined at com.example.Billing.charge (Billing.java)",
		"com.example.PaymentFailed"},
	{"python", "ERROR:shop:cannot pay order 4711\n" +
		"Traceback (most recent call last):\n" +
		"  File \"/srv/app/shop.py\", line 24, in pay\n" +
		"    charge(card)\n" +
		"  File \"/srv/app/billing.py\", line 19, in charge\n" +
		"    raise CardDeclined(card)\n" +
		"billing.CardDeclined: card 4242 was declined",
		"<trace> at pay (app/shop.py) at charge (app/billing.py) billing.CardDeclined",
		"billing.CardDeclined"},
	{"go", "panic: billing.CardDeclined: card 4242 was declined\n" +
		"\n" +
		"goroutine 1 [running]:\n" +
		"main.charge(0x1092)\n" +
		"\t/srv/app/billing.go:19 +0x1d\n" +
		"main.main()\n" +
		"\t/srv/app/main.go:9 +0x25\n" +
		"exit status 2",
		"<trace> panic at main.charge (app/billing.go) at main.main (app/main.go)",
		"panic"},
}

// logFile is the log of a container, as an engine or a runtime writes it.
type logFile struct{ path, text string }

// jsonFile is a log of Docker's driver json-file.
func jsonFile(dir, id, log string) logFile {
	var b strings.Builder
	for line := range strings.Lines(log + "\n") {
		one, _ := json.Marshal(map[string]string{"log": line, "stream": "stderr", "time": time.Now().UTC().Format(time.RFC3339Nano)})
		b.Write(append(one, '\n'))
	}
	return logFile{filepath.Join(dir, "containers", id, id+"-json.log"), b.String()}
}

// criFile is a log of a runtime with the Container Runtime Interface.
func criFile(dir, id, log string) logFile {
	var b strings.Builder
	for line := range strings.Lines(log + "\n") {
		fmt.Fprintf(&b, "%s stderr F %s", time.Now().UTC().Format(time.RFC3339Nano), line)
	}
	return logFile{filepath.Join(dir, "containers", "pod-"+id[:4]+"_shop_api-"+id+".log"), b.String()}
}

// TestTracesHaveOneTemplateBehindEveryParser reads the traces by Fluent Bit's parsers of Docker's and of CRI's logs, line by line and as their multiline forms,
// with and without its own multiline filter behind them: each is one alert, with the same template and exception.
func TestTracesHaveOneTemplateBehindEveryParser(t *testing.T) {
	binary := fluentBitBinary(t)
	const parsers = `[PARSER]
    Name docker
    Format json
    Time_Key time
    Time_Format %Y-%m-%dT%H:%M:%S.%L%z
[PARSER]
    Name cri-lines
    Format regex
    Regex ^(?<time>[^ ]+) (?<stream>stdout|stderr) (?<logtag>[^ ]*) (?<log>.*)$
    Time_Key time
    Time_Format %Y-%m-%dT%H:%M:%S.%L%z
`
	for name, c := range map[string]struct {
		file  func(dir, id, log string) logFile
		glob  string
		input string
	}{
		"docker":           {jsonFile, "containers/*/*-json.log", "Parser docker"},
		"docker-multiline": {jsonFile, "containers/*/*-json.log", "multiline.parser docker"},
		"cri":              {criFile, "containers/*.log", "Parser cri-lines"},
		"cri-multiline":    {criFile, "containers/*.log", "multiline.parser cri"},
	} {
		for filter, text := range map[string]string{
			"alone":    "",
			"filtered": "[FILTER]\n    Name multiline\n    Match *\n    multiline.key_content %s\n    multiline.parser java, python, go\n",
		} {
			t.Run(name+"/"+filter, func(t *testing.T) {
				server := receiver.New(t)
				s := single(t, document(server, "\n[records]\njoin = \"on\"\n[[rule]]\nname = \"declined\"\npattern = 'Declined'\ncooldown = \"1h\"\ncooldown_by = [\"container\", \"template\"]\n"))
				s.service = "    Parsers_File " + writeFile(t, s.dir, "parsers.conf", parsers)
				if text != "" {
					text = fmt.Sprintf(text, "log")
				}
				s.inputs = fmt.Sprintf("[INPUT]\n    Name tail\n    Tag kube.*\n    Path %s\n    Read_From_Head On\n    Refresh_Interval 1\n    %s\n%s",
					filepath.Join(s.dir, c.glob), c.input, text)
				for i, trace := range theirs {
					file := c.file(s.dir, strings.Repeat(fmt.Sprintf("%x", i+10), 64), trace.log+"\nready")
					if err := os.MkdirAll(filepath.Dir(file.path), 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file.path, []byte(file.text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				r := startFluentBit(t, binary, s)
				eventually(t, r, "each trace alerts", func() bool { return len(server.Alerts()) >= len(theirs) })
				r.stop()
				got := map[string][]string{}
				for _, a := range server.Alerts() {
					exception := ""
					if a.Exception != nil {
						exception = a.Exception.Type
					}
					id := a.Source.Container.ID[:min(len(a.Source.Container.ID), 12)]
					got[id] = append(got[id], a.Template+" of "+exception)
				}
				for i, trace := range theirs {
					id := strings.Repeat(fmt.Sprintf("%x", i+10), 12)
					if list := got[id]; len(list) != 1 || list[0] != trace.template+" of "+trace.exception {
						t.Errorf("%s: %d alerts, want one of %q:\n%s", trace.name, len(list), trace.template, strings.Join(list, "\n"))
					}
				}
				if t.Failed() {
					for _, a := range server.Alerts() {
						t.Logf("%s: %q", a.Source.Container.ID, a.Message)
					}
				}
			})
		}
	}
}
