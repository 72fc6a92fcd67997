package setting

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Code is the kind of a Fault.
type Code int

// The codes.
const (
	Invalid    Code = iota // the value cannot be used, for a reason of its own
	Missing                // a setting that must be set is not set
	Unknown                // a key, a word or a name does not exist
	OutOfRange             // a number, a length or a time is beyond its bounds
	Conflict               // settings do not go together
	Taken                  // a name is in use
	Unreadable             // a file or a variable cannot be read
)

var codeNames = [...]string{
	Invalid: "invalid", Missing: "missing", Unknown: "unknown", OutOfRange: "out_of_range", Conflict: "conflict", Taken: "taken",
	Unreadable: "unreadable",
}

// String returns the code as an API answer writes it.
func (c Code) String() string { return codeNames[c] }

// Fault is one thing that is wrong with a setting.
type Fault struct {
	Field   string // the name in the configuration, such as "cooldown" or "where.level"
	Value   string // the refused value; Placeholder for a secret, "" where there is no value to show
	Code    Code
	Message string // the reason, with the bound: "must be from 1 to 10"
	Hint    string // how to mend it, or ""
	With    string // the field that a Conflict is with, or ""
	Cause   error  // the error behind it, for errors.Is; nil for none
}

// Unwrap returns the cause.
func (f Fault) Unwrap() error { return f.Cause }

// Error returns the fault on one line: field "value": message (hint).
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Field)
	if f.Value != "" {
		if f.Field != "" {
			b.WriteByte(' ')
		}
		if f.Value == Placeholder {
			b.WriteString(Placeholder)
		} else {
			b.WriteString(strconv.Quote(f.Value))
		}
	}
	if b.Len() > 0 { // a fault of the settings as a whole names no field
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	if f.Hint != "" {
		b.WriteString(" (" + f.Hint + ")")
	}
	return b.String()
}

// Join returns the faults as one error, and nil when there are none.
func Join(faults []Fault) error {
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// FaultsIn returns the faults that an error is made of, in their order, without the words that wrap them. An error without faults becomes one of
// no field.
func FaultsIn(err error) []Fault {
	switch e := err.(type) {
	case nil:
		return nil
	case Fault:
		return []Fault{e}
	case interface{ Unwrap() []error }:
		var all []Fault
		for _, one := range e.Unwrap() {
			all = append(all, FaultsIn(one)...)
		}
		return all
	}
	if inner := errors.Unwrap(err); inner != nil && errors.As(inner, &Fault{}) {
		return FaultsIn(inner)
	}
	return []Fault{{Message: err.Error()}}
}

// In returns the faults with a prefix before each field, such as "limits.". A fault of no field becomes one of "limits".
func In(prefix string, faults []Fault) []Fault {
	out := slices.Clone(faults)
	for i := range out {
		if out[i].Field == "" {
			out[i].Field = strings.TrimSuffix(prefix, ".")
			continue
		}
		out[i].Field = prefix + out[i].Field
		if out[i].With != "" {
			out[i].With = prefix + out[i].With
		}
	}
	return out
}

// Faults collects faults. Its methods, with Between, AtLeast and AtMost, hold the one wording of each complaint.
type Faults []Fault

// Add reports a value that cannot be used for a reason of its own.
func (fs *Faults) Add(field, value, message, hint string) {
	*fs = append(*fs, Fault{Field: field, Value: value, Message: message, Hint: hint})
}

// Required reports a setting that must be set.
func (fs *Faults) Required(field, hint string) {
	*fs = append(*fs, Fault{Field: field, Code: Missing, Message: "must be set", Hint: hint})
}

// Conflict reports a setting that does not go with another one. With is the other one's field, or "".
func (fs *Faults) Conflict(field, value, with, message, hint string) {
	*fs = append(*fs, Fault{Field: field, Value: value, Code: Conflict, Message: message, Hint: hint, With: with})
}

// Excludes reports a setting that must not be set beside another one.
func (fs *Faults) Excludes(field, value, other, hint string) {
	fs.Conflict(field, value, other, "must not be set together with "+other, hint)
}

// Needs reports a setting that must not be set without another one.
func (fs *Faults) Needs(field, value, other string) {
	fs.Conflict(field, value, other, "must be set together with "+other, "")
}

// OneOf reports a word that is not one of the words, and suggests the nearest.
func (fs *Faults) OneOf(field, value string, words []string) {
	if !slices.Contains(words, value) {
		fs.Unknown(field, value, words, words...)
	}
}

// Unknown reports a word. The message lists forms, which may name more than plain words, such as "capture.NAME"; the hint suggests the nearest
// of the words.
func (fs *Faults) Unknown(field, value string, forms []string, words ...string) {
	*fs = append(*fs, Fault{Field: field, Value: value, Code: Unknown, Message: "must be one of " + strings.Join(forms, ", "), Hint: DidYouMean(value, words)})
}

// OutOfRange reports a value beyond its bounds.
func (fs *Faults) OutOfRange(field, value, message, hint string) {
	*fs = append(*fs, Fault{Field: field, Value: value, Code: OutOfRange, Message: message, Hint: hint})
}

// Unreadable reports a file or a variable that cannot be read. The error names it, and does not hold its content.
func (fs *Faults) Unreadable(field string, err error) {
	*fs = append(*fs, Fault{Field: field, Code: Unreadable, Message: err.Error(), Cause: err})
}

// Length reports a list or a text that is longer than most; unit names its parts in the plural. The value is not shown.
func (fs *Faults) Length(field string, n, most int, unit string) {
	if n > most {
		fs.OutOfRange(field, "", fmt.Sprintf("must have at most %d %s, has %d", most, unit, n), "")
	}
}

// Bounded is a kind of value that has bounds.
type Bounded interface {
	int | int64 | Size | time.Duration
}

// Between reports a value below low or above high.
func Between[T Bounded](fs *Faults, field string, value, low, high T) {
	if value < low || value > high {
		fs.OutOfRange(field, show(value), "must be from "+show(low)+" to "+show(high), "")
	}
}

// AtLeast reports a value below low.
func AtLeast[T Bounded](fs *Faults, field string, value, low T) {
	switch {
	case value >= low:
	case low == 0:
		fs.OutOfRange(field, show(value), "must not be negative", "")
	default:
		fs.OutOfRange(field, show(value), "must be at least "+show(low), "")
	}
}

// AtMost reports a value that is negative or above high.
func AtMost[T Bounded](fs *Faults, field string, value, high T) {
	AtLeast(fs, field, value, 0)
	if value > high {
		fs.OutOfRange(field, show(value), "must be at most "+show(high), "")
	}
}

// show writes a value as configuration does.
func show[T Bounded](value T) string {
	if d, ok := any(value).(time.Duration); ok {
		return FormatDuration(d)
	}
	return fmt.Sprint(value)
}
