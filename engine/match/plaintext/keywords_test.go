package plaintext

import (
	"regexp"
	"strings"
	"testing"
)

func TestExpr(t *testing.T) {
	words := []string{`a.b`, `C:\dir`, `ключ`, `Kelvin`, ` x `, `{`}
	for _, anyCase := range []bool{false, true} {
		re := regexp.MustCompile(Expr(words, anyCase))
		for _, w := range words {
			if !re.MatchString("<" + w + ">") {
				t.Errorf("any case %v: %q is not found", anyCase, w)
			}
			if up := strings.ToUpper(w); up != w && re.MatchString(up) != anyCase {
				t.Errorf("any case %v: %q found %v", anyCase, up, !anyCase)
			}
		}
		if re.MatchString("aXb") {
			t.Error("a dot matches any byte")
		}
	}
	if !regexp.MustCompile(Expr([]string{"Kelvin"}, true)).MatchString("\u212aelvin") {
		t.Error("U+212A is no k in any case")
	}
	for _, text := range []string{"", "x", "\xff"} {
		if regexp.MustCompile(Expr(nil, false)).MatchString(text) {
			t.Errorf("no keywords match %q", text)
		}
	}
}
