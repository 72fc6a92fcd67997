package glob

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		glob, name string
		want       bool
	}{
		{"*", "shop/api", true}, {"*", "", true}, {"**", "a", true}, {"shop/*", "shop/api", true}, {"shop/*", "shop", false}, {"shop/*", "shop/a/b", true},
		{"*api*", "shop/api-2", true}, {"shop/a?i", "shop/api", true}, {"web", "web", true}, {"web", "web2", false}, {"web*", "web2", true}, {"web*", "web", true},
		{"", "", true}, {"", "a", false}, {"a", "", false}, {"?", "", false}, {"?", "é", true}, {"??", "é", false}, {"*é", "aéé", true}, {"*ab", "aab", true},
		{"a*b*c", "abbc", true}, {"a*b*c", "acb", false}, {"*a", "ab", false},
		{`\*`, "x", false}, {`\*`, "*", true}, {`\a`, "a", true}, {`\é`, "é", true}, {`a\`, "a", false}, {`a\`, `a\`, false}, {`\\`, `\`, true}, {"[a", "[a", true},
		{`*\*`, "ab*", true}, {`*\*`, "ab", false},
	} {
		if got := Match(c.glob, c.name); got != c.want {
			t.Errorf("glob %q on %q: %v, want %v", c.glob, c.name, got, c.want)
		}
	}
	if Check("") == nil || Check("*") != nil {
		t.Error("Check")
	}
	if !MatchAny([]string{"a", "b*"}, "bc") || MatchAny(nil, "a") {
		t.Error("MatchAny")
	}
	if !IsLiteral("shop/api") || IsLiteral("") || IsLiteral("a*") || IsLiteral("?") || IsLiteral(`\a`) {
		t.Error("IsLiteral")
	}
}

// TestManyStarsAreCheap would not end if a match tried every split of the name between the stars.
func TestManyStarsAreCheap(t *testing.T) {
	if Match(strings.Repeat("*a", 60)+"*b*", strings.Repeat("a", 2000)) {
		t.Error("matches")
	}
}

func TestMeet(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"shop/*", "*/api", true}, {"a?c", "a*", true}, {"", "*", true}, {"", "", true}, {`a\*`, "a?", true}, {`a\*`, "a*", true},
		{"shop/*", "ops/*", false}, {"a?", "a", false}, {"*x", "*y", false}, {"", "?", false}, {`a\*`, "ab", false}, {`a\`, "*", false},
	} {
		if got := Meet(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// expression is the regular expression for a glob: the reference for Match.
func expression(glob string) *regexp.Regexp {
	text, escaped := "", false
	for _, r := range glob {
		switch {
		case escaped:
			text, escaped = text+regexp.QuoteMeta(string(r)), false
		case r == '\\':
			escaped = true
		case r == '*':
			text += ".*"
		case r == '?':
			text += "."
		default:
			text += regexp.QuoteMeta(string(r))
		}
	}
	if escaped {
		text += "[^\\x00-\\x{10ffff}]" // nothing
	}
	return regexp.MustCompile(`(?s)\A` + text + `\z`)
}

// FuzzGlobs: Match agrees with a regular expression, two globs that match the same name meet, and Literal matches only its text.
func FuzzGlobs(f *testing.F) {
	f.Add("shop/*", "*/api", "shop/api")
	f.Add("a?c", "a*", "aéc")
	f.Add("", "*", "")
	f.Add(`*a*\*b?`, `\`, "aa*bé")
	f.Fuzz(func(t *testing.T, a, b, name string) {
		if len(a)+len(b) > 100 || len(name) > 200 || !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		if want := expression(a).MatchString(name); utf8.ValidString(name) && Match(a, name) != want {
			t.Errorf("glob %q on %q: %v", a, name, !want)
		}
		if Match(a, name) && Match(b, name) && !Meet(a, b) {
			t.Errorf("%q matches both %q and %q, which do not meet", name, a, b)
		}
		if Match(Literal(a), name) != (a == name) {
			t.Errorf("the literal %q on %q: %v", Literal(a), name, a != name)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, c := range []struct{ name, glob, text string }{
		{"prefix", "shop/*", "shop/api"}, {"suffix", "*/api", "shop/production/api"}, {"middle", "*api*", "shop/production/api-2"}, {"literal", "shop/api", "shop/api"},
		{"hostile", strings.Repeat("*a", 20) + "b", strings.Repeat("a", 200)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Match(c.glob, c.text)
			}
		})
	}
}
