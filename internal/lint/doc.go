// Package lint finds errors and doubtful settings of a configuration.
//
// Errors are the problems of internal/config: that rule, trigger or setting does not run. Warnings are about settings that run and are probably
// mistakes: rules that match everything or nothing, that cost much, that another rule makes superfluous, triggers that no alert reaches. Each kind of
// warning has a code, by which a flag or a comment switches it off. The fact that a warning states is certain, and only that it is a mistake is a
// guess; cases that cannot be decided are not reported.
//
// It reads TOML files, and the configurations of Fluent Bit with the outputs of this plugin in them.
package lint
