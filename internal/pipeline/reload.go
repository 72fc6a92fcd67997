package pipeline

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/logging"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// ConfigError is a configuration that was refused.
type ConfigError struct{ Problems []config.Problem }

// Error names all problems, one a line.
func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Problems))
	for i := range e.Problems {
		lines[i] = e.Problems[i].Error()
	}
	return strings.Join(lines, "\n")
}

// firstSettings loads the configuration for the start.
func (p *Pipeline) firstSettings(o Options) (*config.Settings, error) {
	result := config.Load(o.Sources)
	p.loaded.Store(result)
	if len(result.Problems) == 0 {
		return &result.Settings, nil
	}
	if !o.Lenient {
		return nil, &ConfigError{result.Problems}
	}
	p.logProblems(result.Problems)
	if result.Unusable() && o.Previous != nil {
		p.log.Error("the configuration cannot be read: what ran before runs on")
		return o.Previous, nil
	}
	if o.Previous != nil {
		result.Keep(o.Previous)
	}
	return &result.Settings, nil
}

func (p *Pipeline) logProblems(problems []config.Problem) {
	for i := range problems {
		p.log.Error("configuration problem: " + problems[i].Error())
	}
}

// prepared is everything of a configuration that can fail, made before anything changes.
type prepared struct {
	settings *config.Settings
	snapshot *engine.Snapshot
	decoder  *chunk.Decoder // nil: the one in force fits
	triggers *triggers
}

func (n *prepared) close() {
	if n != nil && n.triggers != nil {
		n.triggers.close()
	}
}

// prepare compiles rules and builds clients. Triggers and rules that cannot be made are left out, and the error names them.
func (p *Pipeline) prepare(s *config.Settings) (*prepared, error) {
	n := &prepared{settings: s}
	var errs []error
	var err error
	if n.snapshot, err = p.engine.Compile(p.labels.AddTo(s)); err != nil {
		errs = append(errs, err)
		n.snapshot = p.engine.Snapshot()
	}
	for _, broken := range n.snapshot.Broken() {
		errs = append(errs, errors.New(broken.Error()))
	}
	if n.decoder, err = chunk.New(s.Records); err != nil {
		errs = append(errs, err)
	}
	n.triggers, err = newTriggers(s, p.now)
	return n, errors.Join(append(errs, err)...)
}

// apply puts a prepared configuration in force. It fails only when the pipeline has stopped, or the first time.
func (p *Pipeline) apply(n *prepared) (engine.Change, error) {
	p.applying.Lock()
	defer p.applying.Unlock()
	if level, err := logging.ParseLevel(n.settings.Verbosity); err == nil {
		p.level.Set(level)
	}
	if err := p.delivery.SetTriggers(n.triggers.delivery()); err != nil {
		n.close()
		return engine.Change{}, err
	}
	if clashing := p.store.Claim(n.triggers.revisions()); len(clashing) > 0 {
		p.log.Warn("another output shares the store, and its trigger of this name differs: until both are equal, either may send the other's alerts",
			"trigger", clashing[0], "store", p.store.Health().Path)
	}
	p.triggers.Store(n.triggers)
	p.silences.Configure(n.settings)
	change := p.engine.Apply(n.snapshot)
	if n.decoder != nil && p.decoderChanges(n.settings) {
		if old := p.decoder.Swap(n.decoder); old != nil {
			b := p.newBatch()
			b.run(func() { old.Drain(b.line) })
		}
	}
	if p.settings != nil {
		p.log.Info("configuration applied", "added", names(change.Added), "removed", names(change.Removed), "changed", names(change.Changed),
			"kept", len(change.Kept), "triggers", len(n.settings.Triggers))
	}
	p.warnOfSharedSecrets(n.settings)
	p.settings = n.settings
	return change, nil
}

// warnOfSharedSecrets logs each file of a secret that everyone on the machine may read: at the start, and when a reload brings it.
func (p *Pipeline) warnOfSharedSecrets(s *config.Settings) {
	before := map[string]bool{}
	for _, f := range secretFilesOf(p.settings) {
		before[f] = true
	}
	for _, f := range secretFilesOf(s) {
		if !before[f] && namedfile.OthersMayRead(f) {
			p.log.Warn("everyone on this machine may read a file of secrets: chmod o-r", "file", f)
		}
	}
}

func secretFilesOf(s *config.Settings) (files []string) {
	if s == nil {
		return nil
	}
	for i := range s.Triggers {
		for _, f := range s.Triggers[i].SecretFiles() {
			files = append(files, f.Path)
		}
	}
	for _, f := range s.Admin.SecretFiles() {
		files = append(files, f[1])
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// decoderChanges reports whether the settings of the decoder differ from those in force. A decoder that is kept keeps the partial lines
// that it holds.
func (p *Pipeline) decoderChanges(s *config.Settings) bool {
	return p.settings == nil || !reflect.DeepEqual(p.settings.Records, s.Records)
}

// maxNamed bounds how many rules a log line names.
const maxNamed = 10

func names(ids []string) string {
	if len(ids) > maxNamed {
		return strings.Join(ids[:maxNamed], ",") + fmt.Sprintf(",… (%d)", len(ids))
	}
	return strings.Join(ids, ",")
}

// watchLoop reloads when the configuration's files change, until the pipeline stops.
func (p *Pipeline) watchLoop() {
	defer guard.Recover(p.log, &p.counters.panics, "watching the configuration's files")
	p.watcher.Run(p.watching, func() { p.reload() })
}

// ReloadReport tells what a reload did.
type ReloadReport struct {
	// Applied is false when what ran before runs on, unchanged.
	Applied bool
	Change  engine.Change
	// Problems are those of the sources, LeftOut the rules and triggers that could not be made, or nil.
	Problems []config.Problem
	LeftOut  error
	// Restart names the settings that differ from those in force until a restart.
	Restart []config.Problem
	// Before and After are what was loaded, and is. They are not to be modified.
	Before, After *config.Result
}

// Reload reads the configuration anew, now.
func (p *Pipeline) Reload() ReloadReport { return p.reload() }

// reload reads the configuration anew and puts what is usable of it in force. When some source cannot be read at all, nothing changes.
func (p *Pipeline) reload() (report ReloadReport) {
	defer guard.Recover(p.log, &p.counters.panics, "reloading the configuration")
	p.reloading.Lock()
	defer p.reloading.Unlock()
	before := p.Loaded()
	report = p.applyLoaded(p.loadWith(p.runtime.objects()))
	report.Before, report.After = before, p.Loaded()
	if report.Applied {
		report.Restart = p.restartOnly.Changed(report.After, p.storePath)
		for i := range report.Restart {
			p.log.Warn(report.Restart[i].Error())
		}
	}
	return report
}

// applyLoaded puts what is usable of a loaded configuration in force. The caller holds p.reloading.
func (p *Pipeline) applyLoaded(result *config.Result) (report ReloadReport) {
	p.logProblems(result.Problems)
	report.Problems = result.Problems
	if result.Unusable() {
		p.log.Error("the configuration cannot be read: what runs, runs on")
		return report
	}
	before := p.Settings()
	result.Keep(before)
	n, err := p.prepare(&result.Settings)
	if err != nil {
		p.log.Error("a part of the configuration is left out", "error", err)
		report.LeftOut = err
	}
	settle := p.prepareAdmin(result, before)
	defer func() { settle(report.Applied) }() // also after a panic
	report.Problems = result.Problems
	if report.Change, err = p.apply(n); err != nil {
		p.log.Error("the configuration was not applied", "error", err)
		report.LeftOut = errors.Join(report.LeftOut, err)
		return report
	}
	p.loaded.Store(result)
	report.Applied = true
	return report
}

// PrepareAdmin tries all that can fail with settings of [admin], before they are in force; an error is a problem of the reload, and the settings
// before stay. settle ends it, with whether they are in force.
type PrepareAdmin func(*config.Settings) (settle func(applied bool), err error)

// OnReload has fn called at each reload, until the pipeline stops. fn must not reload.
func (p *Pipeline) OnReload(fn PrepareAdmin) {
	p.applying.Lock()
	defer p.applying.Unlock()
	p.onReload = fn
}

// prepareAdmin prepares the administration for a loaded configuration. What it cannot have is among the problems, and what there was before stays.
func (p *Pipeline) prepareAdmin(result *config.Result, before *config.Settings) (settle func(applied bool)) {
	p.applying.Lock()
	fn := p.onReload
	p.applying.Unlock()
	if fn == nil {
		return func(bool) {}
	}
	settle, err := fn(&result.Settings)
	if err == nil {
		p.adminFiles.Store(nil)
		return settle
	}
	set := &result.Settings.Admin
	p.adminFiles.Store(&[]string{set.TokenFile, set.CertFile, set.KeyFile})
	problems := result.Unavailable("admin.", err)
	for _, problem := range problems {
		p.log.Error("the administration stays as it was: " + problem.Error())
	}
	result.Problems = append(result.Problems, problems...)
	result.Settings.Admin = before.Admin
	return func(bool) {}
}

// Loaded returns what the last load made of the sources: the settings with their places, and the problems. It is not to be modified.
func (p *Pipeline) Loaded() *config.Result { return p.loaded.Load() }

// secretFiles returns the files of secrets that are watched: those of the triggers in force, and those that the administration waits for.
func (p *Pipeline) secretFiles() (files []string) {
	if t := p.triggers.Load(); t != nil {
		files = append(files, t.files...)
	}
	if tried := p.adminFiles.Load(); tried != nil {
		files = append(files, *tried...)
	}
	return slices.DeleteFunc(files, func(name string) bool { return name == "" })
}
