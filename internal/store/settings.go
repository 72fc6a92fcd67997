package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// MemoryPath is the path that asks for a store in memory. MemoryPathOf gives each instance one of its own.
const MemoryPath = "memory"

// MemoryPathOf returns the path of the store in memory of one instance.
func MemoryPathOf(id string) string { return MemoryPath + ":" + id }

func isMemory(path string) bool { return path == MemoryPath || strings.HasPrefix(path, MemoryPath+":") }

// defaultFolder is where stores live when no path is set.
const defaultFolder = "/var/lib/fluentbit-trigger"

// Settings says where the store lives and what bounds it. Its keys stand at the top level of the configuration.
type Settings struct {
	// The file that keeps alerts until they are delivered. "memory" keeps them in memory only: a restart forgets them. Unset:
	// /var/lib/fluentbit-trigger/ID.db, where ID names the instance. When that
	// folder cannot be made, alerts are kept in memory, with a warning. A file named here that cannot be made stops the first start.
	Path string `toml:"store"`
	// How large the file may become. When it is nearly full, the log of past alerts and the oldest dead letters make room; after that,
	// new chunks are refused and wait in the host's own buffer.
	MaxSize setting.Size `toml:"store_max_size"`
	// How many alerts may wait for one trigger. Beyond that the oldest are dropped, counted, and told in an alert of kind system.
	MaxPending int `toml:"store_max_pending"`
	// How many dead letters are kept for one trigger. Beyond that the oldest are dropped and counted.
	MaxDead int `toml:"store_max_dead"`
	// How long dead letters are kept.
	DeadMaxAge time.Duration `toml:"store_dead_max_age"`
	// How many of the last alerts are kept to look at, delivered or not.
	Alerts int `toml:"store_alerts"`
	// How many alert ids are remembered, so that a line that comes twice alerts once. At least store_alerts.
	IDs int `toml:"store_ids"`
}

// DefaultSettings returns the settings in force when none are set. Path is left empty: see DefaultPath.
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

// DefaultPath returns the file of the instance id when no path is set. Characters that could leave the folder are replaced.
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
