// Package ruletest runs the tests of rules: TOML files beside the rules (*.test.toml) that say which lines come when, and which alerts and
// suppressions they make.
//
// A test runs the production code: internal/config loads the rules, engine evaluates them with time as an argument, and the code that serves the
// network makes alerts and payloads. The result of a test depends only on its files: it uses no clock, no
// network and no state, and each test begins with an empty engine.
package ruletest
