// Package lint finds what is wrong with a configuration and what is doubtful about it.
//
// Errors are the problems of internal/config: what they are about does not run. Warnings are about what runs and is probably not meant: rules
// that match everything or nothing, that cost much, that another rule makes superfluous, triggers that no alert reaches. Each kind of warning has
// a code, by which a flag or a comment switches it off. A warning is certain in what it says, and only its being a mistake is a guess; what
// cannot be decided is not told.
//
// It reads TOML files, and the configurations of Fluent Bit with the outputs of this plugin in them.
package lint
