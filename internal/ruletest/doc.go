// Package ruletest runs the tests of rules: TOML files beside the rules (*.test.toml) that say which lines come when, and which alerts and
// suppressions they make.
//
// It promises that a test runs what production runs: the rules are loaded by internal/config, evaluated by engine with time as an argument, and
// turned into events and payloads by the code that does so for the network. The result of a test depends on nothing but its files: no clock, no
// network, no state, and each test begins with an engine that remembers nothing.
package ruletest
