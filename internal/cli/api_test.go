package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// playedAPI answers as a file says, and records the requests.
type playedAPI struct {
	mu      sync.Mutex
	token   string
	answers map[string]playedAnswer
	asked   []string
}

// playedAnswer is the answer to "METHOD /path". A status of 0 is 200. Stream is written as it is, and then the connection ends.
type playedAnswer struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
	ETag   string          `json:"etag"`
	Stream string          `json:"stream"`
}

// apiCommand is "api FILE [TOKEN]": plays an API with the answers of a JSON file. $API is its address, and $SOCKET that of the same one on a unix socket.
func apiCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: api FILE [TOKEN]")
	}
	a := &playedAPI{}
	if len(args) == 2 {
		a.token = args[1]
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &a.answers))
	server := &http.Server{Handler: a}
	ts.Defer(func() { _ = server.Close() })
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	socket, err := net.Listen("unix", ts.MkAbs("api.sock"))
	ts.Check(err)
	for _, l := range []net.Listener{tcp, socket} {
		go func() { _ = server.Serve(l) }()
	}
	ts.Setenv("API", "http://"+tcp.Addr().String())
	ts.Setenv("FLUENTBIT_TRIGGER_URL", "http://"+tcp.Addr().String())
	ts.Setenv("SOCKET", "unix://"+ts.MkAbs("api.sock"))
	benchOf(ts).api = a
}

// askedCommand is "asked TEXT": fails unless a request to the played API holds the text: METHOD /path?query, the If-Match header, and the body.
func askedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: asked TEXT")
	}
	a := benchOf(ts).api
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, one := range a.asked {
		if strings.Contains(one, args[0]) {
			if neg {
				ts.Fatalf("asked: %s", one)
			}
			return
		}
	}
	if !neg {
		ts.Fatalf("nothing asked holds %q:\n%s", args[0], strings.Join(a.asked, "\n"))
	}
}

func (a *playedAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("If-Match"), body)))
	problem := func(status int, title string) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"title": title, "status": status})
	}
	if a.token != "" && r.Header.Get("Authorization") != "Bearer "+a.token {
		problem(http.StatusUnauthorized, "a token is needed")
		return
	}
	answer, ok := a.answers[r.Method+" "+r.URL.EscapedPath()]
	switch {
	case !ok:
		problem(http.StatusNotFound, "there is no such thing: "+r.Method+" "+r.URL.EscapedPath())
		return
	case answer.Stream != "":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, answer.Stream)
		return
	case answer.Status == 0:
		answer.Status = http.StatusOK
	}
	if answer.ETag != "" {
		w.Header().Set("ETag", answer.ETag)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body)
}
