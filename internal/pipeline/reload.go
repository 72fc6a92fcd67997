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
	"github.com/tinyforge/fluentbit-trigger/internal/heartbeat"
	"github.com/tinyforge/fluentbit-trigger/internal/logging"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/fleetnode"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
)

// ConfigError is a configuration with problems that was not applied.
type ConfigError struct{ Problems []config.Problem }

// Error lists all problems, one per line.
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
	// Stored first, because errors of the start take their positions from it.
	p.loaded.Store(result)
	if len(result.Problems) == 0 {
		return &result.Settings, nil
	}
	if !o.Lenient {
		return nil, &ConfigError{result.Problems}
	}
	p.logProblems(result.Problems)
	if result.Unusable() && o.Previous != nil {
		p.log.Error("cannot read the configuration: continuing with the previous one")
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

// prepared is a configuration with all its parts that can fail to build, built before anything changes.
type prepared struct {
	settings *config.Settings
	snapshot *engine.Snapshot
	decoder  *chunk.Decoder // nil: keep the one in force
	triggers *triggers
	beats    *client.Client      // sends the heartbeat; nil: there is none
	fleet    *fleetnode.Prepared // nil: keep the one in force
}

func (n *prepared) close() {
	if n != nil && n.triggers != nil {
		n.triggers.close()
	}
	if n != nil && n.beats != nil {
		n.beats.Close()
	}
	if n != nil {
		n.fleet.Close()
	}
}

// prepare compiles rules and builds clients. It leaves out invalid triggers and rules; the error names them.
func (p *Pipeline) prepare(s *config.Settings) (*prepared, error) {
	n := &prepared{settings: s}
	var errs []error
	var err error
	if n.snapshot, err = p.engine.Compile(p.labels.AddTo(s)); err != nil {
		errs = append(errs, err)
		// The rules in force stay, which is better than none.
		n.snapshot = p.engine.Snapshot()
	}
	for _, broken := range n.snapshot.Broken() {
		errs = append(errs, errors.New(broken.Error()))
	}
	if n.decoder, err = chunk.New(s.Records); err != nil {
		errs = append(errs, err)
	}
	if n.triggers, err = newTriggers(s, p.now, &p.outside, &p.links); err != nil {
		errs = append(errs, err)
	}
	if n.beats, err = heartbeat.NewSender(&s.Heartbeat, client.Deps{Egress: s.Egress, Now: p.now, UserAgent: userAgent}); err != nil {
		errs = append(errs, &heartbeatError{err})
	}
	if n.fleet, err = p.fleet.Prepare(s.Fleet, s.Egress); err != nil {
		errs = append(errs, &fleetError{err})
		n.fleet = nil
	}
	return n, errors.Join(errs...)
}

// apply puts a prepared configuration in force. It fails only after Stop, or in New.
func (p *Pipeline) apply(n *prepared) (engine.Change, error) {
	p.applying.Lock()
	defer p.applying.Unlock()
	if level, err := logging.ParseLevel(n.settings.Verbosity); err == nil {
		p.level.Set(level)
	}
	p.openLinks(n.settings.Admin.Public())
	// The first step that changes anything, because only it can fail, and a failed reload must change nothing.
	if err := p.delivery.SetTriggers(n.triggers.delivery()); err != nil {
		n.close()
		return engine.Change{}, err
	}
	if clashing := p.store.Claim(n.triggers.revisions()); len(clashing) > 0 {
		p.log.Warn("another output uses the same store and has a different trigger of this name: either may send the other's alerts until both are equal",
			"trigger", clashing[0], "store", p.store.Health().Path)
	}
	// Triggers and silences come before the rules, so that the first alert of a new rule finds both.
	p.triggers.Store(n.triggers)
	p.setHeartbeat(n)
	p.silences.Configure(n.settings)
	change := p.engine.Apply(n.snapshot)
	if n.fleet != nil {
		p.fleet.Apply(p.ctx, n.fleet, n.triggers.digest(n.settings))
	}
	// After the rules: the lines that wait in the old decoder are evaluated with the new ones.
	if n.decoder != nil && p.decoderChanges(n.settings) {
		p.replaceDecoder(n.decoder)
	}
	if p.settings != nil {
		p.log.Info("configuration applied", "added", names(change.Added), "removed", names(change.Removed), "changed", names(change.Changed),
			"kept", len(change.Kept), "triggers", len(n.settings.Triggers))
	}
	p.warnOfSharedSecrets(n.settings)
	// Last, because the two checks above compare with the settings before.
	p.settings = n.settings
	return change, nil
}

// warnOfSharedSecrets logs each new secret file that every user of the machine may read.
func (p *Pipeline) warnOfSharedSecrets(s *config.Settings) {
	before := map[string]bool{}
	for _, f := range secretFilesOf(p.settings) {
		before[f] = true
	}
	for _, f := range secretFilesOf(s) {
		if !before[f] && namedfile.OthersMayRead(f) {
			p.log.Warn("every user of this machine can read a secret file: run chmod o-r", "file", f)
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
	for _, f := range s.Fleet.SecretFiles() {
		files = append(files, f.Path)
	}
	for _, f := range s.Heartbeat.SecretFiles() {
		files = append(files, f.Path)
	}
	for _, f := range s.Admin.SecretFiles() {
		files = append(files, f[1])
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// decoderChanges reports whether the decoder's settings differ from those in force. A decoder that stays keeps its partial lines.
func (p *Pipeline) decoderChanges(s *config.Settings) bool {
	return p.settings == nil || !reflect.DeepEqual(p.settings.Records, s.Records)
}

// maxNamed bounds the rules that a log line names.
const maxNamed = 10

func names(ids []string) string {
	if len(ids) > maxNamed {
		return strings.Join(ids[:maxNamed], ",") + fmt.Sprintf(",… (%d)", len(ids))
	}
	return strings.Join(ids, ",")
}

// watchLoop reloads the configuration when its files change, until the pipeline stops.
func (p *Pipeline) watchLoop() {
	defer guard.Recover(p.log, &p.counters.panics, "watching the configuration's files")
	p.watcher.Run(p.watching, func() { p.reload() })
}

// ReloadReport is the result of a reload.
type ReloadReport struct {
	// Applied is false if the previous configuration stays in force, unchanged.
	Applied bool
	Change  engine.Change
	// Problems are those of the sources. LeftOut names the rules and triggers that could not be built, or is nil.
	Problems []config.Problem
	LeftOut  error
	// Restart lists the changed settings that apply only after a restart.
	Restart []config.Problem
	// Before and After are the configurations before and after the reload. They must not be modified.
	Before, After *config.Result
}

// Reload reloads the configuration now.
func (p *Pipeline) Reload() ReloadReport { return p.reload() }

// reload reloads the configuration and applies its valid parts. If a source cannot be read, nothing changes.
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

// applyLoaded applies the valid parts of a loaded configuration. The caller holds p.reloading.
func (p *Pipeline) applyLoaded(result *config.Result) (report ReloadReport) {
	p.logProblems(result.Problems)
	report.Problems = result.Problems
	if result.Unusable() {
		p.log.Error("cannot read the configuration: continuing with the previous one")
		return report
	}
	before := p.Settings()
	result.Keep(before)
	n, err := p.prepare(&result.Settings)
	if err != nil {
		p.log.Error("skipping invalid parts of the configuration", "error", err)
		report.LeftOut = err
	}
	settle := p.prepareAdmin(result, before)
	defer func() { settle(report.Applied) }() // also after a panic
	report.Problems = result.Problems
	if report.Change, err = p.apply(n); err != nil {
		p.log.Error("cannot apply the configuration", "error", err)
		report.LeftOut = errors.Join(report.LeftOut, err)
		return report
	}
	p.loaded.Store(result)
	report.Applied = true
	return report
}

// PrepareAdmin prepares new [admin] settings before they are in force. On an error, which becomes a problem of the reload, the previous settings stay.
// settle is called with whether the settings are in force.
type PrepareAdmin func(*config.Settings) (settle func(applied bool), err error)

// OnReload sets the function that each reload calls, until the pipeline stops. It must not reload.
func (p *Pipeline) OnReload(fn PrepareAdmin) {
	p.applying.Lock()
	defer p.applying.Unlock()
	p.onReload = fn
}

// prepareAdmin prepares the admin listener for a loaded configuration. If that fails, it adds a problem and keeps the previous [admin] settings.
func (p *Pipeline) prepareAdmin(result *config.Result, before *config.Settings) (settle func(applied bool)) {
	// Released before fn is called, which may ask for the settings in force.
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
	// Watched, so that the settings apply as soon as the files can be read.
	p.adminFiles.Store(&[]string{set.TokenFile, set.CertFile, set.KeyFile})
	problems := result.Unavailable("admin.", err)
	for _, problem := range problems {
		p.log.Error("keeping the previous [admin] settings: " + problem.Error())
	}
	result.Problems = append(result.Problems, problems...)
	result.Settings.Admin = before.Admin
	return func(bool) {}
}

// Loaded returns the result of the last load: the settings with their positions, and the problems. It must not be modified.
func (p *Pipeline) Loaded() *config.Result { return p.loaded.Load() }

// secretFiles returns the secret files to watch: those of the triggers in force, and those of [admin] settings that could not be applied.
func (p *Pipeline) secretFiles() (files []string) {
	if t := p.triggers.Load(); t != nil {
		files = append(files, t.files...)
	}
	if h := p.health.files.Load(); h != nil {
		files = append(files, *h...)
	}
	if s := p.loaded.Load(); s != nil {
		files = append(files, s.Settings.Fleet.Files()...)
	}
	if tried := p.adminFiles.Load(); tried != nil {
		files = append(files, *tried...)
	}
	return slices.DeleteFunc(files, func(name string) bool { return name == "" })
}
