// Package dockertest is a fake container engine on a unix socket, limited to the API that following logs uses. It behaves like Docker, and
// tests can make it fail.
package dockertest

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Daemon is a fake container engine. It is safe for concurrent use.
type Daemon struct {
	t      testing.TB
	Socket string

	mu         sync.Mutex
	changed    *sync.Cond // signals each change of the fields below
	containers map[string]*Container
	streams    map[*stream]bool
	listeners  map[chan event]bool
	clock      time.Time // of the next record
	faults     Faults
	version    string
	podman     bool
	meanwhile  func(*http.Request)
	server     *http.Server
	requests   []string // of logs
	history    []event  // the last events; a restart forgets them
	down       bool
	passed     int
	sent       atomic.Int64 // bytes of logs
}

// Faults are the ways in which the daemon misbehaves. With the zero value it behaves.
type Faults struct {
	Chop        int  // writes bodies in pieces of this many bytes; 0: whole
	HangTail    bool // tail=N never answers, as after an external truncate
	HangSince   bool // since and tail=all never answer
	NoEvents    bool // sends no events
	Deaf        bool // follows get no new records
	CutEvery    int  // ends each follow after this many records; 0: never
	HangCorrupt bool // a follow waits at an unreadable record instead of ending
	SkipCorrupt bool // while the container runs, a follow skips an unreadable record and all records present after it
	SendCorrupt bool // a stream that ends at an unreadable record sends an error, like engines from 23 on
	OldSince    bool // since filters every record, like engines before 24, not only until the first match
}

// Container is a container of the daemon. Its fields must not change after it was added.
type Container struct {
	ID, Name, Image, Driver string
	Labels, Options         map[string]string
	TTY                     bool
	StopSignal              string
	Aliases                 []string // its names in links from other containers, such as /other/alias
	d                       *Daemon
	running, started, dead  bool
	finished                time.Time
	exitCode                int
	oom                     bool
	health                  string
	created                 time.Time
	records                 []entry
}

type entry struct {
	stream  byte
	time    time.Time
	payload string
	corrupt bool // unreadable: a stream that reaches it ends, or waits there while the container runs
}

type event struct {
	Type, Action string
	Time         int64  `json:"time"`
	TimeNano     int64  `json:"timeNano"`
	HealthStatus string `json:",omitempty"`
	Actor        struct {
		ID         string
		Attributes map[string]string
	}
}

// Start starts a daemon that ends with the test.
func Start(t testing.TB) *Daemon {
	d := &Daemon{
		t: t, Socket: filepath.Join(t.TempDir(), "docker.sock"), containers: map[string]*Container{}, streams: map[*stream]bool{},
		listeners: map[chan event]bool{}, clock: time.Now().UTC(), version: "28.5.2",
	}
	d.changed = sync.NewCond(&d.mu)
	d.Up()
	t.Cleanup(d.Down)
	return d
}

// Host returns the value for DOCKER_HOST.
func (d *Daemon) Host() string { return "unix://" + d.Socket }

// Up starts listening.
func (d *Daemon) Up() {
	listener, err := net.Listen("unix", d.Socket)
	if err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	d.down = false
	d.server = &http.Server{Handler: d.handler(), ReadHeaderTimeout: time.Minute}
	server := d.server
	d.mu.Unlock()
	go func() { _ = server.Serve(listener) }() // ends with Down
}

// ListenTLS also listens on a TCP port until the test ends, and returns the value for DOCKER_HOST.
func (d *Daemon) ListenTLS(c *tls.Config) string {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		d.t.Fatal(err)
	}
	server := &http.Server{Handler: d.handler(), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	d.t.Cleanup(func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }() // ends with the test
	return "tcp://" + listener.Addr().String()
}

// Down ends all connections and stops listening, like a killed daemon. Containers do not change.
func (d *Daemon) Down() {
	d.mu.Lock()
	d.down = true
	d.history = nil
	d.changed.Broadcast()
	server := d.server
	d.mu.Unlock()
	_ = server.Close()
}

// Misbehave sets the faults.
func (d *Daemon) Misbehave(f Faults) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = f
	d.changed.Broadcast()
}

// Meanwhile makes the daemon call fn before it answers each request, so that the answer reflects the changes of fn. Calls may be concurrent.
func (d *Daemon) Meanwhile(fn func(r *http.Request)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.meanwhile = fn
}

// SetVersion sets the engine's version.
func (d *Daemon) SetVersion(v string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version = v
}

// BePodman makes the daemon behave like a version of Podman behind Docker's API, with Podman's own API for logs.
func (d *Daemon) BePodman(version string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version, d.podman = version, true
}

// StepClock moves the clock that stamps records.
func (d *Daemon) StepClock(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock = d.clock.Add(by)
}

// LogRequests returns the queries of all requests for logs.
func (d *Daemon) LogRequests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.requests)
}

// Follows returns how many streams are open.
func (d *Daemon) Follows() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.streams)
}

// Passed returns how often a follow skipped records, see Faults.SkipCorrupt.
func (d *Daemon) Passed() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.passed
}

// Sent returns how many bytes of logs the clients' connections took.
func (d *Daemon) Sent() int64 { return d.sent.Load() }

// CutFollows ends all streams.
func (d *Daemon) CutFollows() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.streams {
		s.cut = true
	}
	d.changed.Broadcast()
}

// Create adds a container that does not run yet. Its id derives from its name.
func (d *Daemon) Create(c Container) *Container {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.ID == "" {
		c.ID = fmt.Sprintf("%x", c.Name)
		for len(c.ID) < 64 {
			c.ID += "0"
		}
	}
	if c.Driver == "" {
		c.Driver = "json-file"
	}
	c.d, c.created = d, d.tick()
	d.containers[c.ID] = &c
	d.emit(&c, "create")
	return &c
}

// Run adds a running container.
func (d *Daemon) Run(c Container) *Container {
	created := d.Create(c)
	created.Start()
	return created
}

// tick returns the time for a new record or event. It is later than all before, unless the clock was set. The caller holds the lock.
func (d *Daemon) tick() time.Time {
	d.clock = d.clock.Add(time.Microsecond)
	return d.clock
}

// emit sends an event. The caller holds the lock.
func (d *Daemon) emit(c *Container, action string, attributes ...string) {
	if d.faults.NoEvents || d.down {
		return
	}
	at := d.tick().UnixNano()
	e := event{Type: "container", Action: action, Time: at / 1e9, TimeNano: at}
	if status, ok := strings.CutPrefix(action, "health_status: "); ok && d.podman {
		e.Action, e.HealthStatus = "health_status", status
	}
	if action == "destroy" && d.podman {
		e.Action = "remove"
	}
	e.Actor.ID, e.Actor.Attributes = c.ID, map[string]string{"name": c.Name, "image": c.Image}
	maps.Copy(e.Actor.Attributes, c.Labels)
	for i := 0; i < len(attributes); i += 2 {
		e.Actor.Attributes[attributes[i]] = attributes[i+1]
	}
	if d.history = append(d.history, e); len(d.history) > 256 {
		d.history = d.history[1:]
	}
	for l := range d.listeners {
		select {
		case l <- e:
		default:
		}
	}
}

// Start starts the container.
func (c *Container) Start() { c.set(true, "start") }

// Die ends the container; open streams end.
func (c *Container) Die() { c.Exit(0) }

// Exit ends the container with a code; open streams end.
func (c *Container) Exit(code int) { c.set(false, "die", "exitCode", strconv.Itoa(code)) }

// OutOfMemory ends the container because it used too much memory.
func (c *Container) OutOfMemory() {
	c.d.mu.Lock()
	c.oom = true
	c.d.emit(c, "oom")
	c.d.mu.Unlock()
	c.Exit(137)
}

func (c *Container) set(running bool, action string, attributes ...string) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.running && !running {
		c.finished = c.d.tick()
		c.exitCode, _ = strconv.Atoi(attributes[1])
	}
	if running {
		c.exitCode, c.oom = 0, false
	}
	c.running, c.started = running, c.started || running
	c.d.emit(c, action, attributes...)
	c.d.changed.Broadcast()
}

// Health sets the result of the container's health check. Podman sends an event for each check, Docker for each change.
func (c *Container) Health(status string) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	c.health = status
	c.d.emit(c, "health_status: "+status)
}

// Emit sends an event that does not change the container.
func (c *Container) Emit(action string, attributes ...string) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	c.d.emit(c, action, attributes...)
}

// Remove removes the container with its log.
func (c *Container) Remove() {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	c.running = false
	delete(c.d.containers, c.ID)
	c.d.emit(c, "destroy")
	c.d.changed.Broadcast()
}

// Spoil ends the container and removes it halfway: the container remains, but its log is gone.
func (c *Container) Spoil() {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	c.running, c.dead = false, true
	c.d.changed.Broadcast()
}

// Rename renames the container.
func (c *Container) Rename(name string) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	old := c.Name
	c.Name = name
	if c.d.podman {
		c.d.emit(c, "rename")
		return
	}
	c.d.emit(c, "rename", "oldName", "/"+old)
}

// Stdout and Stderr write records, each with a distinct time and a line end.
func (c *Container) Stdout(lines ...string) { c.write(1, lines) }
func (c *Container) Stderr(lines ...string) { c.write(2, lines) }

func (c *Container) write(stream byte, lines []string) {
	for _, l := range lines {
		c.Long(stream, l+c.lineEnd())
	}
}

func (c *Container) lineEnd() string {
	if c.TTY {
		return "\r\n"
	}
	return "\n"
}

// Long writes a text like the engine: in records of 16 KiB that share a time, except with journald. Podman's have 8 KiB, and the line end after
// several is a record of its own. A text without a line end is an unfinished line.
func (c *Container) Long(stream byte, text string) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	size, end := 16384, ""
	if c.d.podman {
		if size = 8192; len(text) > size && strings.HasSuffix(text, "\n") {
			text, end = text[:len(text)-1], "\n"
		}
	}
	at := c.d.tick()
	for len(text) > size {
		c.records = append(c.records, entry{stream: stream, time: at, payload: text[:size]})
		text = text[size:]
		if c.Driver == "journald" || c.d.podman {
			at = c.d.tick()
		}
	}
	if end != "" {
		c.records = append(c.records, entry{stream: stream, time: at, payload: text})
		text = end
	}
	c.records = append(c.records, entry{stream: stream, time: at, payload: text})
	c.d.changed.Broadcast()
}

// Same writes a record with the time of the one before it.
func (c *Container) Same(stream byte, text string) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	c.records = append(c.records, entry{stream: stream, time: c.records[len(c.records)-1].time, payload: text})
	c.d.changed.Broadcast()
}

// Corrupt writes an unreadable record.
func (c *Container) Corrupt() {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	c.records = append(c.records, entry{corrupt: true, time: c.d.tick()})
	c.d.changed.Broadcast()
}

// Rotate removes all but the last records from the log, like rotation. Open streams continue at their positions.
func (c *Container) Rotate(keep int) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	drop := max(len(c.records)-keep, 0)
	c.records = c.records[drop:]
	for s := range c.d.streams {
		if s.c == c {
			s.next = max(s.next-drop, 0)
		}
	}
}

// Reread makes open streams send the last records once more, like engines before 23 when they rotate a log.
func (c *Container) Reread(records int) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	for s := range c.d.streams {
		if s.c == c {
			s.next = max(s.next-records, 0)
		}
	}
	c.d.changed.Broadcast()
}

var versioned = regexp.MustCompile(`^/v[0-9.]+/`)

func (d *Daemon) handler() http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value) // the client is gone, or it is not
	}
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.51") })
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		name := "Engine"
		if d.podman {
			name = "Podman Engine"
		}
		answer(w, map[string]any{"Components": []any{map[string]any{"Name": name, "Version": d.version}}})
	})
	mux.HandleFunc("/info", func(w http.ResponseWriter, _ *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		answer(w, map[string]any{"Name": "fake", "ServerVersion": d.version, "SystemTime": d.tick().Format(time.RFC3339Nano)})
	})
	mux.HandleFunc("/containers/json", func(w http.ResponseWriter, _ *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		list := []map[string]any{}
		for _, c := range d.containers {
			list = append(list, map[string]any{"Id": c.ID, "Names": append(slices.Clone(c.Aliases), "/"+c.Name), "State": c.state()})
		}
		answer(w, list)
	})
	mux.HandleFunc("/containers/{id}/json", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		c := d.containers[r.PathValue("id")]
		if c == nil {
			missing(w, r.PathValue("id"))
			return
		}
		startedAt := "0001-01-01T00:00:00Z"
		if c.started {
			startedAt = c.created.Format(time.RFC3339Nano)
		}
		answer(w, map[string]any{
			"Id": c.ID, "Name": "/" + c.Name, "Created": c.created.Format(time.RFC3339Nano),
			"State": map[string]any{"Running": c.running, "Status": c.state(), "StartedAt": startedAt, "ExitCode": c.exitCode, "OOMKilled": c.oom,
				"FinishedAt": c.finished.Format(time.RFC3339Nano), "Health": map[string]any{"Status": c.health}},
			"Config":     map[string]any{"Image": c.Image, "Labels": c.Labels, "Tty": c.TTY, "StopSignal": c.StopSignal},
			"HostConfig": map[string]any{"LogConfig": map[string]any{"Type": c.Driver, "Config": c.Options}},
		})
	})
	mux.HandleFunc("/containers/{id}/logs", d.logs)
	mux.HandleFunc("/libpod/containers/{id}/logs", d.logs)
	mux.HandleFunc("/events", d.sendEvents)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = versioned.ReplaceAllString(r.URL.Path, "/")
		d.mu.Lock()
		meanwhile := d.meanwhile
		d.mu.Unlock()
		if meanwhile != nil {
			meanwhile(r)
		}
		mux.ServeHTTP(w, r)
	})
}

func (c *Container) state() string {
	switch {
	case c.running:
		return "running"
	case c.started:
		return "exited"
	}
	return "created"
}

func missing(w http.ResponseWriter, id string) {
	refuse(w, http.StatusNotFound, "No such container: "+id)
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, message)
}
