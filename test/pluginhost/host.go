package pluginhost

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Host is a running plugin host. Commands may come from several goroutines; they are executed one after the other.
type Host struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr *Log
	limit  time.Duration

	mu      sync.Mutex // held over a command and its answer
	exited  chan struct{}
	waitErr error
}

// Reply is the words of an answer that began with "ok".
type Reply map[string]string

// Int returns the number of a word, or -1 when there is none.
func (r Reply) Int(key string) int {
	n, err := strconv.Atoi(r[key])
	if err != nil {
		return -1
	}
	return n
}

// ErrFailed is a command that the host answered with "fail".
type ErrFailed struct{ Command, Reason string }

func (e *ErrFailed) Error() string { return fmt.Sprintf("%s: %s", e.Command, e.Reason) }

// Options for Start.
type Options struct {
	Env []string // added to the environment
	// Limit bounds a command; a host that does not answer within it is killed. Default: one minute.
	Limit time.Duration
	// Emulator is put before the host's path, for a host of another architecture.
	Emulator []string
}

// Start runs the host at path.
func Start(path string, o Options) (*Host, error) {
	log, file, err := newFileLog()
	if err != nil {
		return nil, err
	}
	words := append(slices.Clone(o.Emulator), path)
	h := &Host{cmd: exec.Command(words[0], words[1:]...), stderr: log, limit: cmp.Or(o.Limit, time.Minute), exited: make(chan struct{})}
	h.cmd.Env = append(os.Environ(), o.Env...)
	h.cmd.Stderr = file
	stdin, err := h.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// The pipe is made here, not by StdoutPipe: its reader must not be closed by Wait before the last answer is read.
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	h.stdin, h.stdout, h.cmd.Stdout = stdin, bufio.NewReader(reader), writer
	if err := h.cmd.Start(); err != nil {
		return nil, errors.Join(err, reader.Close(), writer.Close())
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	go func() {
		h.waitErr = h.cmd.Wait()
		close(h.exited)
	}()
	return h, nil
}

// Do sends a command, each argument one word of it, and returns the answer. If the process ends, Do returns an error with its exit status.
func (h *Host) Do(words ...string) (Reply, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = Quote(word)
	}
	if _, err := io.WriteString(h.stdin, strings.Join(quoted, " ")+"\n"); err != nil {
		return nil, h.gone(words[0], err)
	}
	watchdog := time.AfterFunc(h.limit, func() { _ = h.cmd.Process.Kill() })
	defer watchdog.Stop()
	line, err := h.stdout.ReadString('\n')
	if err != nil {
		return nil, h.gone(words[0], err)
	}
	line = strings.TrimSuffix(line, "\n")
	if reason, failed := strings.CutPrefix(line, "fail "); failed {
		return nil, &ErrFailed{Command: words[0], Reason: reason}
	}
	reply := Reply{}
	for _, word := range strings.Fields(strings.TrimPrefix(line, "ok")) {
		if key, value, found := strings.Cut(word, "="); found {
			reply[key] = value
		}
	}
	return reply, nil
}

func (h *Host) gone(command string, err error) error {
	select {
	case <-h.exited:
		return fmt.Errorf("%s: the host has ended: %v", command, h.waitErr)
	case <-time.After(5 * time.Second):
		return fmt.Errorf("%s: the host does not answer: %w", command, err)
	}
}

// Log returns what the plugin wrote to standard error.
func (h *Host) Log() *Log { return h.stderr }

// PID returns the process id of the host.
func (h *Host) PID() int { return h.cmd.Process.Pid }

// Signal sends a signal to the process.
func (h *Host) Signal(s os.Signal) error { return h.cmd.Process.Signal(s) }

// Kill ends the process as kill -9 does and waits for its end.
func (h *Host) Kill() {
	// An error means that it has ended already.
	_ = h.cmd.Process.Kill()
	<-h.exited
}

// Exited is closed when the process has ended.
func (h *Host) Exited() <-chan struct{} { return h.exited }

// Close ends the input, which makes the host exit its instances, and waits for its end, for d at most. It returns how the process ended.
func (h *Host) Close(d time.Duration) error {
	// The input may be closed already, by an end of the process.
	_ = h.stdin.Close()
	select {
	case <-h.exited:
		return h.waitErr
	case <-time.After(d):
		h.Kill()
		return fmt.Errorf("the host did not end within %s", d)
	}
}

// Quote makes one word of the host's command line.
func Quote(word string) string {
	r := strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\n", "\t", "\\t")
	return `"` + r.Replace(word) + `"`
}

// Log keeps what a process writes, for tests to look at while it runs.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
	file *os.File // what is kept in place of text
}

// NewLog returns an empty log, to be written to.
func NewLog() *Log { return &Log{} }

// newFileLog returns a log of what is written to file, which has no name any more. A process writes there itself: what it wrote before an
// answer is in the log when the answer is, which a pipe and its reader would not promise.
func newFileLog() (log *Log, file *os.File, err error) {
	if file, err = os.CreateTemp("", "plugin-host-*.log"); err != nil {
		return nil, nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return &Log{file: file}, file, nil
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all that was written so far.
func (l *Log) String() string {
	if l.file != nil {
		text, err := io.ReadAll(io.NewSectionReader(l.file, 0, math.MaxInt64))
		if err != nil {
			return "the log cannot be read: " + err.Error()
		}
		return string(text)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Count returns how often a text occurs in it.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }
