package rate

import "testing"

func TestFactorsAndRatiosAreWrittenAsTheyAreRead(t *testing.T) {
	for text, want := range map[string]Factor{"3x": 3000, "0.2x": 200, "1.125x": 1125, "1000x": 1_000_000, "0.001x": 1} {
		var f Factor
		if err := f.UnmarshalText([]byte(text)); err != nil || f != want || f.String() != text {
			t.Errorf("%q: %d, %q, %v", text, f, f, err)
		}
	}
	for text, want := range map[string]Ratio{">5%": {50_000, false}, ">=0.25%": {2500, true}, ">100%": {1_000_000, false}, ">0.0001%": {1, false}} {
		var r Ratio
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want || r.String() != text {
			t.Errorf("%q: %v, %v", text, r, err)
		}
	}
	if text := Factor(0).String() + (Ratio{}).String(); text != "" {
		t.Errorf("unset: %q", text)
	}
}

func TestFaultsSayTheForm(t *testing.T) {
	for text, want := range map[string]string{
		"3":       `must be a factor such as "3x" (a number and an x)`,
		"":        `must be a factor such as "3x" (a number and an x)`,
		"0x":      `must be a factor such as "3x" (above 0, at most 1000, with at most three digits behind the point)`,
		"1001x":   `must be a factor such as "3x" (above 0, at most 1000, with at most three digits behind the point)`,
		"1.0001x": `must be a factor such as "3x" (above 0, at most 1000, with at most three digits behind the point)`,
		"-1x":     `must be a factor such as "3x" (above 0, at most 1000, with at most three digits behind the point)`,
		"1e2x":    `must be a factor such as "3x" (above 0, at most 1000, with at most three digits behind the point)`,
		"x":       `must be a factor such as "3x" (above 0, at most 1000, with at most three digits behind the point)`,
	} {
		var f Factor
		if err := f.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"5%":     `must be a comparison with a percentage, such as ">5%" (with > or >= before it)`,
		">5":     `must be a comparison with a percentage, such as ">5%" (with % behind it)`,
		">0%":    `must be a comparison with a percentage, such as ">5%" (above 0, at most 100, with at most four digits behind the point)`,
		">101%":  `must be a comparison with a percentage, such as ">5%" (above 0, at most 100, with at most four digits behind the point)`,
		"<5%":    `must be a comparison with a percentage, such as ">5%" (a ratio that falls makes no hit: write the rule for the lines whose share rises)`,
		">.0.1%": `must be a comparison with a percentage, such as ">5%" (above 0, at most 100, with at most four digits behind the point)`,
	} {
		var r Ratio
		if err := r.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}
