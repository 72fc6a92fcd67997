// Package setting has the values that settings are made of, and the faults that their checks report. It imports nothing of this module, so that
// every package can own its settings and their checks.
//
// A check returns []Fault. A Fault names the field, its value, a Code and the reason; where the setting was written follows from the field, and
// wording, HTTP status and exit code follow from the Code. No Fault holds a secret.
package setting
