// Package config turns text into settings: TOML files, one inline TOML document and the flat parameters of a classic fluent-bit.conf.
//
// It promises:
//   - Strictness. An unknown key, a wrong type, a bare number as a duration, an unknown word, a name given twice and a reference to what
//     does not exist are problems; nothing is guessed or passed over.
//   - Whole reports. All problems of all sources (the first thousand) are reported together, each with its file, line, column, rule, field,
//     value and, where there is a likely one, the word that was meant.
//   - That a problem hurts only its own part: the settings of a Result hold everything else, ready to run.
//   - Secrecy. No problem shows a secret, the value of an unknown key or a line of the source.
//
// The settings structs, their defaults and their checks belong to the packages that use them. This package alone parses.
package config

//go:generate go run ./internal/gendoc
