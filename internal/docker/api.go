package docker

import (
	"context"
	"errors"
	"io"
	"time"
)

// API is a container engine. Every call may block until its context ends.
type API interface {
	// Ping reports whether the engine answers.
	Ping(ctx context.Context) error
	// Info returns the engine's name, version and time.
	Info(ctx context.Context) (Info, error)
	// List lists all containers, stopped ones too.
	List(ctx context.Context) ([]Listed, error)
	// Inspect returns one container, or ErrNotFound.
	Inspect(ctx context.Context, id string) (Container, error)
	// Logs opens the log of a container: both streams, with timestamps. It may fail with ErrNotFound, ErrUnreadable or ErrDead. With Follow it may
	// return only when there is something to read.
	Logs(ctx context.Context, id string, o LogOptions) (io.ReadCloser, error)
	// Events calls each for each event of a container until ctx or the connection ends, and subscribed before the first. It begins with the past
	// events since a time in ns, inclusive, that the engine still has; 0: none.
	Events(ctx context.Context, since int64, subscribed func(), each func(Event)) error
}

// The errors of an API that callers handle.
var (
	// ErrNotFound: the container does not exist, or was removed.
	ErrNotFound = errors.New("no such container")
	// ErrUnreadable: the container's log driver does not store logs.
	ErrUnreadable = errors.New("the log driver does not store logs")
	// ErrDead: the container is being removed. The engine no longer reads its log.
	ErrDead = errors.New("the container is dead or being removed")
)

// Info describes an engine.
type Info struct {
	Name    string // of its machine
	Version string
	Podman  bool      // Podman behind Docker's API; it has version numbers of its own
	Time    time.Time // on its clock
}

// Listed is an entry of the list of containers. Name has no leading slash; "": unknown.
type Listed struct{ ID, Name, State string }

// Container is an inspected container.
type Container struct {
	ID, Name, Image string // Name without the leading slash
	ImageID         string // digest of the image
	Labels          map[string]string
	TTY             bool // its log has no frames
	LineEnds        bool // of a line in several records only the last has a line end; each may have its own size and time
	Seconds         bool // record times are whole seconds plus a few nanoseconds, which distinguish equal records of one second
	Running         bool // or about to be started again
	Started         bool // at least once
	Created         time.Time
	Driver          string            // of the log
	LogOptions      map[string]string // of the driver
	Finished        time.Time         // when it ended last; the year 1: never
	ExitCode        int               // of its last end; 0 while it runs
	OOMKilled       bool              // it ended because it took too much memory
	StopSignal      string            // by which it is configured to be stopped, such as "SIGQUIT"; "": the engine's default
	Health          string            // "healthy", "unhealthy", "starting", "none" or ""
}

// LogOptions selects a part of a log.
type LogOptions struct {
	Follow bool
	Tail   int   // the last so many records; 0: all
	Since  int64 // ns since 1970, inclusive; 0: all
}

// Event is a container's event as the engine sends it.
type Event struct {
	ID, Name, Action string
	Time             int64             // ns, by the engine's clock
	Attributes       map[string]string // of the event, and the container's labels
}
