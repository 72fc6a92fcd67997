package tomlfiles

import (
	"context"
	"crypto/sha256"
	"maps"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// MaxSize bounds a file of a configuration, in bytes.
const MaxSize = 4 << 20

// watchEvery is how often a Watcher looks. A change counts when two looks in a row agree on it, so it is reported within five seconds.
const watchEvery = 2 * time.Second

// WatcherOptions are the files that a Watcher looks at, and its clock.
type WatcherOptions struct {
	// Files names files, folders and globs, as Expand reads them. They are expanded at every look, so that a new file in a folder counts.
	Files []string
	// Secrets returns the files that the settings in force name, such as those of url_file. It is asked at every look. Nil: none.
	Secrets func() []string
	// Tick paces the looks. Nil: a ticker of two seconds.
	Tick <-chan time.Time
}

// Watcher reports changes of files, by their content. It reads them at every tick, because notifications of the file system miss the ways of
// containers (a ConfigMap's links swapped, a single file bound into a container).
//
// A change is reported when two ticks in a row find the same content. So a file that is being written, or is missing for a moment while it is
// replaced, is reported when it is whole, and content that is restored before that is not reported.
type Watcher struct {
	options WatcherOptions
	known   snapshot // reported, or there at the start
	seen    snapshot // at the last tick
}

// snapshot is the content of all files at one moment.
type snapshot struct {
	files   map[string]digest
	secrets map[string]digest
}

// digest is the hash of a file's content; the zero digest is a file that cannot be read.
type digest [sha256.Size]byte

// NewWatcher reads the present content. Make the watcher before loading the files, so that no change falls in between.
func NewWatcher(options WatcherOptions) *Watcher {
	w := &Watcher{options: options}
	w.known = w.look()
	w.seen = w.known
	return w
}

// Run calls changed after each change until ctx is done. It reads files on the goroutine that it is called on; recovering panics of
// changed is the caller's part.
func (w *Watcher) Run(ctx context.Context, changed func()) {
	tick := w.options.Tick
	if tick == nil {
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			if w.step() {
				changed()
			}
		}
	}
}

// step looks once and reports whether there is a change to report.
func (w *Watcher) step() bool {
	now := w.look()
	// A file is reported once it stays the same for two looks: an editor may still be writing it.
	settled := now.same(w.seen)
	w.seen = now
	if !settled {
		return false
	}
	changed := !now.same(w.known)
	w.known = now
	return changed
}

// look reads all files.
func (w *Watcher) look() snapshot {
	files, _ := Expand(w.options.Files) // those who load the files report entries that name nothing
	s := snapshot{files: digests(files)}
	if w.options.Secrets != nil {
		s.secrets = digests(w.options.Secrets())
	}
	return s
}

func digests(files []string) map[string]digest {
	out := make(map[string]digest, len(files))
	for _, f := range files {
		text, err := namedfile.Read(f, MaxSize)
		if err != nil {
			out[f] = digest{}
			continue
		}
		out[f] = sha256.Sum256(text)
	}
	return out
}

// same reports whether two snapshots hold the same. Secret files are compared where both name them: that the settings name other ones is a
// change of the settings, which was reported.
func (s snapshot) same(other snapshot) bool {
	for file, sum := range s.secrets {
		if before, both := other.secrets[file]; both && before != sum {
			return false
		}
	}
	return maps.Equal(s.files, other.files)
}
