package docker

import (
	"context"
	"errors"
	"io"
	"time"
)

// API is what is needed of a container engine. Every call may block for as long as its context lasts.
type API interface {
	// Ping reports whether the engine answers.
	Ping(ctx context.Context) error
	// Info tells what the engine is, and its time.
	Info(ctx context.Context) (Info, error)
	// List lists all containers, stopped ones too.
	List(ctx context.Context) ([]Listed, error)
	// Inspect tells about one container. A container that is not there is an ErrNotFound.
	Inspect(ctx context.Context, id string) (Container, error)
	// Logs opens the log of a container: both streams, with time stamps. ErrNotFound, ErrUnreadable and ErrDead are told apart. With Follow it
	// may return only when there is something to read.
	Logs(ctx context.Context, id string, o LogOptions) (io.ReadCloser, error)
	// Events calls each for each event of a container, until ctx or the connection ends; subscribed is called before the first. Events since
	// a time, in ns and inclusive, come first, as far as the engine still has them; 0: none.
	Events(ctx context.Context, since int64, subscribed func(), each func(Event)) error
}

// The errors that an API tells apart.
var (
	// ErrNotFound: there is no such container (any more).
	ErrNotFound = errors.New("no such container")
	// ErrUnreadable: the container's log driver keeps nothing that could be read.
	ErrUnreadable = errors.New("the log driver keeps nothing to read")
	// ErrDead: the container is being removed, or was in part. The engine does not read its log any more.
	ErrDead = errors.New("the container is dead or being removed")
)

// Info tells what an engine is.
type Info struct {
	Name    string // of its machine
	Version string
	Podman  bool      // it is Podman behind Docker's API, whose versions count by themselves
	Time    time.Time // on its clock
}

// Listed is a line of the list of containers. Name is without the leading slash; "": not known.
type Listed struct{ ID, Name, State string }

// Container is what inspect tells of a container.
type Container struct {
	ID, Name, Image string // Name without the leading slash
	Labels          map[string]string
	TTY             bool // its log has no frames
	LineEnds        bool // of a line in several records, the last alone has a line end, and each may have a size and a time of its own
	Seconds         bool // the times of its records are whole seconds, with a few nanoseconds that tell equal records of one second apart
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

// LogOptions says which part of a log is wanted.
type LogOptions struct {
	Follow bool
	Tail   int   // the last so many records; 0: all
	Since  int64 // ns since 1970, inclusive; 0: all
}

// Event is something that happened to a container.
type Event struct {
	ID, Name, Action string
	Time             int64             // ns, by the engine's clock
	Attributes       map[string]string // of the event, and the container's labels
}
