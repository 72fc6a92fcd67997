package rules

import (
	"errors"
	"strings"

	"github.com/tidwall/match"
)

var errEmptyGlob = errors.New("an empty glob matches nothing: * stands for any text, slashes included, and ? for one character")

// CheckGlob reports a glob that can match nothing.
func CheckGlob(glob string) error {
	if glob == "" {
		return errEmptyGlob
	}
	return nil
}

// GlobMatches reports whether a workload's name matches a glob: * stands for any text, slashes included, ? for one character, and \ takes
// the meaning from either.
func GlobMatches(glob, name string) bool { return match.Match(name, glob) }

// anyGlobMatches reports whether one of the globs matches the name.
func anyGlobMatches(globs []string, name string) bool {
	for _, g := range globs {
		if GlobMatches(g, name) {
			return true
		}
	}
	return false
}

// IsLiteral reports whether a glob matches exactly one text: itself.
func IsLiteral(glob string) bool { return glob != "" && !strings.ContainsAny(glob, `*?\`) }
