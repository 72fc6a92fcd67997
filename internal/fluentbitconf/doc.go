// Package fluentbitconf reads the configurations of Fluent Bit, classic and YAML, as far as outputs need it: sections with their keys and
// values, includes, variables, and the place of each in the files. It judges nothing but the form.
//
// It follows what Fluent Bit does rather than what its documentation says: a key ends at the first space, quotes belong to the value, a variable
// that is not set reads as empty. It reads files and nothing else; where variables come from is handed in.
package fluentbitconf
