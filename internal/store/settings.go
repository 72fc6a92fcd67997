package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dbfile"
)

// MemoryPath is the path of a store in memory. MemoryPathOf gives each instance its own.
const MemoryPath = "memory"

// MemoryPathOf returns the path of the store in memory of one instance.
func MemoryPathOf(id string) string { return MemoryPath + ":" + id }

func isMemory(path string) bool { return path == MemoryPath || strings.HasPrefix(path, MemoryPath+":") }

// defaultFolder is the folder of stores without a configured path.
const defaultFolder = "/var/lib/fluentbit-trigger"

// Settings are the path and the bounds of the store. Their keys are at the top level of the configuration.
type Settings struct {
	// The file that keeps alerts until they are delivered. "memory" keeps them in memory only: a restart loses them. Unset:
	// /var/lib/fluentbit-trigger/ID.db, where ID is the id of the instance; if that file cannot be created, alerts are kept in memory,
	// with a warning. If a file that is set here cannot be created, the first start fails.
	Path string `toml:"store"`
	// The maximum size of the file. When it is nearly full, past alerts and then the oldest dead letters are removed. If that is not
	// enough, new chunks are refused and wait in the buffer of the host.
	MaxSize setting.Size `toml:"store_max_size"`
	// How many alerts can wait for one trigger. Beyond that the oldest are dropped, counted, and reported in an alert of kind system.
	MaxPending int `toml:"store_max_pending"`
	// How many dead letters are kept for one trigger. Beyond that the oldest are dropped and counted.
	MaxDead int `toml:"store_max_dead"`
	// How long dead letters are kept.
	DeadMaxAge time.Duration `toml:"store_dead_max_age"`
	// How many of the last alerts are kept for the list of alerts, delivered or not.
	Alerts int `toml:"store_alerts"`
	// How many alert ids are remembered, so that a line that arrives twice alerts once. At least store_alerts.
	IDs int `toml:"store_ids"`
}

// DefaultSettings returns the defaults. Path is empty: see DefaultPath.
func DefaultSettings() Settings {
	return Settings{
		MaxSize:    256 << 20,
		MaxPending: 10_000,
		MaxDead:    10_000,
		DeadMaxAge: 30 * 24 * time.Hour,
		Alerts:     10_000,
		IDs:        100_000,
	}
}

// DefaultPath returns the default file of an instance. It replaces characters of the id that could lead out of the folder.
func DefaultPath(id string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, id)
	if strings.Trim(name, ".") == "" {
		name = "default"
	}
	return defaultFolder + "/" + name + ".db"
}

// The least values that leave the store workable.
const (
	minSize   = 1 << 20
	maxWindow = 10_000_000
)

// Validate returns the settings that are out of their bounds.
func (s Settings) Validate() []setting.Fault {
	var fs setting.Faults
	setting.AtLeast(&fs, "store_max_size", s.MaxSize, minSize)
	setting.Between(&fs, "store_max_pending", s.MaxPending, 1, maxWindow)
	setting.Between(&fs, "store_max_dead", s.MaxDead, 1, maxWindow)
	setting.Between(&fs, "store_alerts", s.Alerts, 0, maxWindow)
	setting.Between(&fs, "store_ids", s.IDs, 1, maxWindow)
	if s.IDs < s.Alerts {
		fs.Conflict("store_ids", strconv.Itoa(s.IDs), "store_alerts", fmt.Sprintf("must be at least store_alerts, %d", s.Alerts), "")
	}
	setting.AtLeast(&fs, "store_dead_max_age", s.DeadMaxAge, time.Minute)
	return fs
}

// file returns the path by which a registry knows the store.
func (s Settings) file() (string, error) {
	if isMemory(s.Path) {
		return s.Path, nil
	}
	return dbfile.Canonical(s.Path)
}

// InMemory reports whether the settings ask for a store that a restart loses.
func (s Settings) InMemory() bool { return isMemory(s.Path) }

// Usable returns nil if a first start could create or use the file of the settings, and otherwise the error of that start. See dbfile.Usable.
func Usable(s Settings) error {
	if s.Path == "" || isMemory(s.Path) {
		return nil // if the default file cannot be created, the store is in memory
	}
	return dberr.Wrap("open", dbfile.Usable(s.Path))
}
