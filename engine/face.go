package engine

import (
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/engine/redact"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state"
)

// The rest of the program knows the engine by this package alone: its rooms are how it is built, and may change.
type (
	// Records and where they come from.

	// Record is a model.Record.
	Record = model.Record
	// Source is a model.Source.
	Source = model.Source
	// Container is a model.Container.
	Container = model.Container
	// Fields is a model.Fields.
	Fields = model.Fields
	// Attached is a model.Attached.
	Attached = model.Attached
	// Stream is a model.Stream.
	Stream = model.Stream
	// Severity is a model.Severity.
	Severity = model.Severity

	// Alert is a model.Alert.
	Alert = model.Alert
	// Kind is a model.Kind.
	Kind = model.Kind
	// Reason is a model.Reason.
	Reason = model.Reason
	// Fleet is a model.Fleet.
	Fleet = model.Fleet
	// FleetHit is a model.FleetHit.
	FleetHit = model.FleetHit
	// FleetRated is a model.FleetRated.
	FleetRated = model.FleetRated
	// FleetCompared is a model.FleetCompared.
	FleetCompared = model.FleetCompared
	// FleetLine is a model.FleetLine.
	FleetLine = model.FleetLine
	// FleetStep is a model.FleetStep.
	FleetStep = model.FleetStep
	// FleetFollow is a model.FleetFollow.
	FleetFollow = model.FleetFollow
	// FleetWait is a model.FleetWait.
	FleetWait = model.FleetWait
	// FleetSight is a model.FleetSight.
	FleetSight = model.FleetSight
	// RuleCounts is a model.RuleCounts.
	RuleCounts = model.RuleCounts
	// StateEntry is a model.StateEntry.
	StateEntry = model.StateEntry

	// Settings is a rules.Settings.
	Settings = rules.Settings
	// RuleSettings is a rules.RuleSettings.
	RuleSettings = rules.RuleSettings
	// Until is a rules.Until.
	Until = rules.Until
	// FirstSeen is a rules.FirstSeen.
	FirstSeen = rules.FirstSeen
	// Factor is a rate.Factor.
	Factor = rate.Factor
	// Ratio is a rate.Ratio.
	Ratio = rate.Ratio
	// DeploySettings is a rules.DeploySettings.
	DeploySettings = rules.DeploySettings
	// WorkloadSettings is a rules.WorkloadSettings.
	WorkloadSettings = rules.WorkloadSettings
	// Override is a rules.Override.
	Override = rules.Override
	// Limits is a rules.Limits.
	Limits = rules.Limits
	// Bucket is a rules.Bucket.
	Bucket = rules.Bucket
	// Context is a rules.Context.
	Context = rules.Context
	// Escalation is a rules.Escalation.
	Escalation = rules.Escalation
	// Redactor is a redact.Redactor.
	Redactor = redact.Redactor
	// RedactSettings is a redact.Settings.
	RedactSettings = redact.Settings
	// Matchers is a rules.Matchers.
	Matchers = rules.Matchers
	// InhibitSettings is a rules.InhibitSettings.
	InhibitSettings = rules.InhibitSettings
	// Silence is a rules.Silence.
	Silence = rules.Silence
	// SilenceSettings is a rules.SilenceSettings.
	SilenceSettings = rules.SilenceSettings
	// RuleError is a rules.RuleError.
	RuleError = rules.RuleError
	// Snapshot is a rules.Snapshot.
	Snapshot = rules.Snapshot
	// Resolved is a rules.Resolved.
	Resolved = rules.Resolved
	// Change is a rules.Change.
	Change = rules.Change
	// Check is a rules.Check.
	Check = rules.Check

	// Preview is a state.Preview.
	Preview = state.Preview
	// RatePreview is a state.RatePreview.
	RatePreview = state.RatePreview
	// RatioPreview is a state.RatioPreview.
	RatioPreview = state.RatioPreview
)

// The streams, severities, kinds and reasons of package model.
const (
	StreamUnknown = model.StreamUnknown
	Stdout        = model.Stdout
	Stderr        = model.Stderr

	SeverityUnknown  = model.SeverityUnknown
	SeverityDebug    = model.SeverityDebug
	SeverityInfo     = model.SeverityInfo
	SeverityWarning  = model.SeverityWarning
	SeverityError    = model.SeverityError
	SeverityCritical = model.SeverityCritical

	KindLog       = model.KindLog
	KindThreshold = model.KindThreshold
	KindAbsence   = model.KindAbsence
	KindResolved  = model.KindResolved
	KindRollup    = model.KindRollup
	KindContainer = model.KindContainer

	KindMissing = model.KindMissing
	KindDeploy  = model.KindDeploy
	NumKinds    = model.NumKinds

	ReasonCooldown  = model.ReasonCooldown
	ReasonRateLimit = model.ReasonRateLimit
	ReasonThreshold = model.ReasonThreshold
	ReasonSilence   = model.ReasonSilence
	ReasonInhibited = model.ReasonInhibited
	ReasonKnown     = model.ReasonKnown
	ReasonExpected  = model.ReasonExpected
	ReasonDryRun    = model.ReasonDryRun
	ReasonSequence  = model.ReasonSequence
	ReasonFleet     = model.ReasonFleet
	NumReasons      = model.NumReasons

	SourceContainer = model.SourceContainer
	EventField      = model.EventField
	ExitCodeField   = model.ExitCodeField
	SignalField     = model.SignalField
	OldNameField    = model.OldNameField
	RequestedField  = model.RequestedField
	RecoveredField  = model.RecoveredField
)

// FleetKey returns the cooldown_by, and the by, of a rule of a fleet that sets none.
func FleetKey() []string { return rules.FleetKey() }

// SeverityNames lists the words that configuration accepts for a severity, least grave first.
func SeverityNames() []string { return model.SeverityNames() }

// KindNames lists the words of the kinds, in the order of their values.
func KindNames() []string { return model.KindNames() }

// ParseLevel reads a severity from the text of a level field: see model.ParseLevel.
func ParseLevel(text []byte) Severity { return model.ParseLevel(text) }

// LevelNumber reads a severity from the number of a level field: see model.LevelNumber.
func LevelNumber(n int64) Severity { return model.LevelNumber(n) }

// SyslogSeverity maps the severities of RFC 5424.
func SyslogSeverity(n int64) Severity { return model.SyslogSeverity(n) }

// ParseDecimal reads a non-negative decimal number of at most nine digits.
func ParseDecimal(text []byte) (n int64, ok bool) { return model.ParseDecimal(text) }

// AppendFloat appends a number in the form that numbers have in fields: see model.AppendFloat.
func AppendFloat(dst []byte, f float64, bits int) []byte { return model.AppendFloat(dst, f, bits) }

// EventFields lists the fields of a container event.
func EventFields() []string { return model.EventFields() }

// EventNames lists the container events, as Docker names them: see model.EventNames.
func EventNames() []string { return model.EventNames() }

// Roughly writes a length of time in ns with at most two units.
func Roughly(ns int64) string { return model.Roughly(ns) }

// EventTime returns when a record that arrived at a time happened: see model.EventTime.
func EventTime(recorded, arrived int64) int64 { return model.EventTime(recorded, arrived) }

// DefaultRule returns the settings of a rule that sets none.
func DefaultRule() RuleSettings { return rules.DefaultRule() }

// DefaultLimits returns the limits in force when none are set.
func DefaultLimits() Limits { return rules.DefaultLimits() }

// DefaultRedact returns the settings of masks when none are set.
func DefaultRedact() RedactSettings { return redact.DefaultSettings() }

// NextImageWord is the end of a silence that the next image ends, as the configuration writes it.
const NextImageWord = rules.NextImageWord

// MaxNextImage is how long a silence lasts that waits for an image which does not come.
const MaxNextImage = rules.MaxNextImage

// The words of a rule's scope.
const (
	ScopeNode  = rules.ScopeNode
	ScopeFleet = rules.ScopeFleet
)

// ScopeNames lists the words that a rule's scope accepts.
func ScopeNames() []string { return rules.ScopeNames() }

// FirstSeenImage is the first_seen of a rule that goes by the images of a workload.
const FirstSeenImage = rules.FirstSeenImage

// DefaultDeploy returns the settings of comparisons when none are set.
func DefaultDeploy() DeploySettings { return rules.DefaultDeploy() }

// NewRedactor returns the redactor of settings, which counts nothing; nil when they mask nothing.
func NewRedactor(s RedactSettings) (*Redactor, error) {
	return redact.New(s, func(string) *atomic.Int64 { return &atomic.Int64{} })
}

// DefaultInhibit returns the settings of an inhibition that sets none.
func DefaultInhibit() InhibitSettings { return rules.DefaultInhibit() }

// StreamNames lists the words that a rule's stream accepts.
func StreamNames() []string { return rules.StreamNames() }

// AbsentFromNames lists the words that a rule's absent_from accepts.
func AbsentFromNames() []string { return rules.AbsentFromNames() }

// CooldownByNames lists the words that a rule's cooldown_by accepts beside capture.NAME and field.PATH.
func CooldownByNames() []string { return rules.CooldownByNames() }

// EqualNames lists the words that the equal of an inhibition accepts.
func EqualNames() []string { return rules.EqualNames() }

// ConfiguredSilence reports whether an id is that of a silence of the configuration.
func ConfiguredSilence(id string) bool { return rules.ConfiguredSilence(id) }

// Effective returns the rules that apply to a workload: see rules.Effective.
func Effective(s *Settings, workload string) []Resolved { return rules.Effective(s, workload) }
