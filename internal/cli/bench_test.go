package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// patience bounds every wait of a script.
const patience = 30 * time.Second

// bench holds the servers that a script may start: a receiver of webhooks, and the plugin in its host.
type bench struct {
	server *receiver.Server
	host   *pluginhost.Host
	fed    int
	api    *playedAPI
}

type benchKey struct{}

func benchOf(ts *testscript.TestScript) *bench { return ts.Value(benchKey{}).(*bench) }

// receiverCommand is "receiver STATUS [BODY]": answers with it from now on. The first use starts the server and sets $PORT.
func receiverCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: receiver STATUS [BODY]")
	}
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	b := benchOf(ts)
	if b.server == nil {
		b.server, err = receiver.Start("127.0.0.1:0")
		ts.Check(err)
		ts.Defer(b.server.Stop)
		ts.Setenv("PORT", strconv.Itoa(b.server.Port()))
	}
	reply := receiver.Reply{Status: status}
	if len(args) == 2 {
		reply.Body = args[1]
	}
	b.server.SetBehaviour(receiver.Always(reply))
}

// arrivedCommand is "arrived N": waits until N alerts were accepted, and writes the last of their bodies to the file "body".
func arrivedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: arrived N")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var body []byte
	ts.Check(benchOf(ts).server.WaitUntil(ctx, func(requests []receiver.Request) bool {
		accepted := 0
		for _, r := range requests {
			if r.Accepted {
				accepted++
				body = r.Body
			}
		}
		return accepted >= n
	}))
	ts.Check(os.WriteFile(ts.MkAbs("body"), body, 0o600))
}

// expandCommand is "expand FILE…": replaces $PORT and other variables in them.
func expandCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE…")
	}
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}

// built is the plugin and its host, compiled once for all scripts.
var built = sync.OnceValues(func() ([2]string, error) {
	dir, err := os.MkdirTemp("", "fluentbit-trigger-cli")
	if err != nil {
		return [2]string{}, err
	}
	host, err := pluginhost.BuildHost(dir)
	if err != nil {
		return [2]string{}, err
	}
	plugin, err := pluginhost.BuildPlugin(dir, "")
	return [2]string{host, plugin}, err
})

// pluginCommand is "plugin start CONFIG STORE", "plugin feed LINE…" or "plugin stop".
func pluginCommand(ts *testscript.TestScript, neg bool, args []string) {
	b := benchOf(ts)
	do := func(words ...string) {
		_, err := b.host.Do(words...)
		ts.Check(err)
	}
	switch {
	case neg:
		ts.Fatalf("unsupported: ! plugin")
	case len(args) == 3 && args[0] == "start":
		paths, err := built()
		ts.Check(err)
		b.host, err = pluginhost.Start(paths[0], pluginhost.Options{})
		ts.Check(err)
		ts.Defer(b.host.Kill)
		do("load", paths[1])
		do("register")
		do("init", "one", "id=one", "config_file="+ts.MkAbs(args[1]), "store="+ts.MkAbs(args[2]))
	case len(args) > 1 && args[0] == "feed":
		b.fed++
		path := filepath.Join(ts.MkAbs("."), "fed-"+strconv.Itoa(b.fed))
		ts.Check(os.WriteFile(path, []byte(strings.Join(args[1:], "\n")+"\n"), 0o600))
		do("text", "one", "script", path)
	case len(args) == 1 && args[0] == "stop":
		do("exit")
		ts.Check(b.host.Close(patience))
		ts.Logf("%s", b.host.Log())
	default:
		ts.Fatalf("usage: plugin start CONFIG STORE | plugin feed LINE… | plugin stop")
	}
}

var letterID = regexp.MustCompile(`al_[0-9a-z]+`)

// untilCommand is "until REGEXP ARGUMENT…": runs the command line with the arguments until what it prints matches. The first alert id of that
// output is $ID afterwards.
func untilCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP ARGUMENT…")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var out, errOut bytes.Buffer
		arguments := append([]string(nil), args[1:]...)
		for i, a := range arguments {
			if strings.HasSuffix(a, ".db") {
				arguments[i] = ts.MkAbs(a)
			}
		}
		code := execute(arguments, &out, &errOut)
		if want.Match(out.Bytes()) {
			ts.Setenv("ID", letterID.FindString(out.String()))
			ts.Logf("%s", out.String())
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%q did not print %q; at last (code %d):\n%s%s", args[1:], args[0], code, out.String(), errOut.String())
		case <-tick.C:
		}
	}
}

// exitCommand is "exit CODE ARGUMENT…": runs the command line, and fails unless it ends with that code. Its output is for stdout and stderr as after exec.
func exitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exit CODE ARGUMENT…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec("docker-fluentbit", args[1:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
