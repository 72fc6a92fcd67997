// Package redis starts servers for tests: Redis, or Valkey where FLUENTBIT_TRIGGER_TEST_REDIS names its program. They listen on loopback, on free ports, and
// end with the test.
package redis

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"
)

// Program is the variable that names the program of the server, such as valkey-server.
const Program = "FLUENTBIT_TRIGGER_TEST_REDIS"

// Server is a server of a test.
type Server struct {
	Addr string
	Port int
	Dir  string

	tb    testing.TB
	args  []string
	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has ended
	auth  []redigo.DialOption
}

// program returns the program, or skips the test.
func program(tb testing.TB) string {
	tb.Helper()
	name := os.Getenv(Program)
	if name == "" {
		name = "redis-server"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Skipf("%s is not on PATH (Debian: apt-get install redis-server), and %s names no other", name, Program)
	}
	return path
}

// Port returns a port that is free until the test ends, with that 10,000 above it, where a node of a cluster has its bus. The kernel gives neither to
// connections, which take ports from 32768 on, and an abstract socket keeps both from tests of other processes, also while a server is down.
func Port(tb testing.TB) int {
	tb.Helper()
	for range 1000 {
		port := 12000 + rand.IntN(10000)
		lock, err := net.Listen("unix", fmt.Sprintf("@fluentbit-trigger-test-port-%d", port))
		if err != nil {
			continue
		}
		if free(port) && free(port+10000) {
			tb.Cleanup(func() { _ = lock.Close() })
			return port
		}
		_ = lock.Close()
	}
	tb.Fatal("no port is free")
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}

// Start starts a server with settings, such as "--appendonly", "yes". Dial options are those with which the test itself connects.
func Start(tb testing.TB, args []string, dial ...redigo.DialOption) *Server {
	tb.Helper()
	s := &Server{Port: Port(tb), Dir: tb.TempDir(), tb: tb, auth: dial}
	s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	s.args = append([]string{
		"--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--save", "", "--dir", s.Dir,
		"--loglevel", "warning", "--logfile", filepath.Join(s.Dir, "log"), "--tcp-backlog", "511",
	}, args...)
	s.Run()
	tb.Cleanup(s.Kill)
	return s
}

// Run starts the server again after Kill, with the data it has on disk.
func (s *Server) Run() {
	s.tb.Helper()
	s.cmd = exec.Command(program(s.tb), s.args...)
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	ended, cmd := make(chan struct{}), s.cmd
	s.ended = ended
	go func() { defer close(ended); _ = cmd.Wait() }()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			s.tb.Fatalf("the server at %s ended at once: %s", s.Addr, log)
		default:
		}
		if c, err := s.Dial(); err == nil {
			_, err = c.Do("PING")
			_ = c.Close()
			if err == nil || strings.HasPrefix(err.Error(), "NOAUTH") || strings.HasPrefix(err.Error(), "NOPERM") {
				return
			}
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			s.tb.Fatalf("the server at %s does not answer: %s", s.Addr, log)
		}
	}
}

// Dial connects to the server.
func (s *Server) Dial() (redigo.Conn, error) {
	options := []redigo.DialOption{redigo.DialConnectTimeout(5 * time.Second), redigo.DialReadTimeout(30 * time.Second)}
	return redigo.Dial("tcp", s.Addr, append(options, s.auth...)...)
}

// Do runs a command.
func (s *Server) Do(command string, args ...any) any {
	s.tb.Helper()
	c, err := s.Dial()
	if err != nil {
		s.tb.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	v, err := c.Do(command, args...)
	if err != nil {
		s.tb.Fatalf("%s: %v", command, err)
	}
	return v
}

// Kill ends the server at once.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Kill()
	<-s.ended
	s.cmd = nil
}

// Hang stops the server from answering, and Resume lets it go on.
func (s *Server) Hang()   { s.signal(syscall.SIGSTOP) }
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.tb.Fatal(err)
	}
}

// CPU returns the processor time that the server has used.
func (s *Server) CPU() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// Info returns a field of INFO.
func (s *Server) Info(field string) string {
	s.tb.Helper()
	text, err := redigo.String(s.Do("INFO", "everything"), nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	for line := range strings.SplitSeq(text, "\r\n") {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return value
		}
	}
	return ""
}

// Version returns the name and the version of the server.
func (s *Server) Version() string {
	text, err := exec.Command(program(s.tb), "--version").Output() // "Redis server v=7.0.15 sha=…", "Valkey server v=8.1.1 sha=…", and 7.2 of it "Server v=7.2.5 sha=…"
	if err != nil {
		s.tb.Fatal(err)
	}
	name, rest, _ := strings.Cut(string(text), " v=")
	version, _, _ := strings.Cut(rest, " ")
	if name, _, _ = strings.Cut(name, " "); name == "Server" {
		name = "Valkey"
	}
	return name + " " + version
}

// Sentinels starts three sentinels that watch a master under a name, and returns their addresses once they know of its replicas. Password, if set, is that of
// the master, its replicas and the sentinels.
func Sentinels(tb testing.TB, master *Server, name string, replicas int, password string) (addresses []string) {
	tb.Helper()
	var all []*Server
	for range 3 {
		s := &Server{Port: Port(tb), Dir: tb.TempDir(), tb: tb}
		s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
		file := filepath.Join(s.Dir, "sentinel.conf")
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile %s/log\n", s.Port, s.Dir, s.Dir) + fmt.Sprintf(
			"sentinel monitor %s 127.0.0.1 %d 2\nsentinel down-after-milliseconds %s 1000\nsentinel failover-timeout %s 5000\n", name, master.Port, name, name)
		if password != "" {
			text += fmt.Sprintf("requirepass %s\nsentinel sentinel-pass %s\nsentinel auth-pass %s %s\n", password, password, name, password)
			s.auth = []redigo.DialOption{redigo.DialPassword(password)}
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
		s.args = []string{file, "--sentinel"}
		s.Run()
		tb.Cleanup(s.Kill)
		all, addresses = append(all, s), append(addresses, s.Addr)
	}
	for _, s := range all {
		Until(tb, "the sentinels know each other", func() bool {
			fields, err := redigo.StringMap(s.Do("SENTINEL", "MASTER", name), nil)
			return err == nil && fields["num-slaves"] == strconv.Itoa(replicas) && fields["num-other-sentinels"] == "2"
		})
	}
	return addresses
}

// Cluster starts masters that share the slots among them.
func Cluster(tb testing.TB, masters int, args ...string) (all []*Server) {
	tb.Helper()
	args = append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no"}, args...)
	for range masters {
		all = append(all, Start(tb, args))
	}
	for i, s := range all {
		low, high := 16384*i/masters, 16384*(i+1)/masters-1
		s.Do("CLUSTER", "ADDSLOTSRANGE", low, high)
		if i > 0 {
			all[0].Do("CLUSTER", "MEET", "127.0.0.1", s.Port)
		}
	}
	for _, s := range all {
		Until(tb, "the cluster has formed", func() bool {
			text, err := redigo.String(s.Do("CLUSTER", "INFO"), nil)
			return err == nil && strings.Contains(text, "cluster_state:ok") && strings.Contains(text, fmt.Sprintf("cluster_known_nodes:%d", masters))
		})
		Until(tb, "all nodes know all slots", func() bool {
			slots, err := redigo.Values(s.Do("CLUSTER", "SLOTS"), nil)
			return err == nil && len(slots) == masters
		})
	}
	return all
}

// MoveSlots moves the slots of a cluster that have keys, as a rebalancing does, and returns how many.
func MoveSlots(tb testing.TB, from, to *Server, low, high int) (moved int) {
	source, target := string(from.Do("CLUSTER", "MYID").([]byte)), string(to.Do("CLUSTER", "MYID").([]byte))
	f, err := from.Dial()
	if err != nil {
		tb.Error(err)
		return 0
	}
	defer func() { _ = f.Close() }()
	o, err := to.Dial()
	if err != nil {
		tb.Error(err)
		return 0
	}
	defer func() { _ = o.Close() }()
	for slot := low; slot <= high; slot++ {
		keys, err := redigo.Strings(f.Do("CLUSTER", "GETKEYSINSLOT", slot, 1000))
		if err != nil {
			tb.Error(err)
			return moved
		}
		if len(keys) == 0 {
			continue
		}
		moved++
		steps := []func() (any, error){
			func() (any, error) { return o.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", source) },
			func() (any, error) { return f.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", target) },
		}
		for len(keys) > 0 { // one at a time, so that there are moments at which keys of one incident are on two servers
			key := keys[0]
			keys = keys[1:]
			steps = append(steps, func() (any, error) { return f.Do("MIGRATE", "127.0.0.1", to.Port, key, 0, 5000) })
		}
		steps = append(steps,
			func() (any, error) { return o.Do("CLUSTER", "SETSLOT", slot, "NODE", target) },
			func() (any, error) { return f.Do("CLUSTER", "SETSLOT", slot, "NODE", target) },
		)
		for _, step := range steps {
			if _, err := step(); err != nil {
				tb.Errorf("slot %d: %v", slot, err)
				return moved
			}
		}
	}
	return moved
}

// patience bounds every wait for something that must happen, on a machine that does much else.
const patience = 2 * time.Minute

// Until waits for a condition.
func Until(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("not in %v: %s", patience, what)
		}
	}
}
