package command

import (
	"bytes"
	"strings"
	"testing"
)

// TestSettingsOnStandardInputAreNotCutOff: settings that are too long are an error, not a shorter document.
func TestSettingsOnStandardInputAreNotCutOff(t *testing.T) {
	rule := "[[rule]]\nname = \"a\"\npattern = \"x\"\n"
	for _, test := range []struct{ text, want string }{
		{rule, ""},
		{rule + strings.Repeat("#\n", maxSettingsFile/2), "standard input is longer than 16777216 bytes"},
	} {
		list, err := RuleKind.ReadSettings(&Env{In: bytes.NewReader([]byte(test.text))}, "-")
		if test.want == "" && (err != nil || len(list) != 1 || list[0]["name"] != "a") {
			t.Errorf("%v, %v", list, err)
		}
		if test.want != "" && (err == nil || err.Error() != test.want || list != nil) {
			t.Errorf("%v, %v; want %s", list, err, test.want)
		}
	}
}
