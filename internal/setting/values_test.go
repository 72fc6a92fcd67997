package setting

import (
	"strings"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"5m": 5 * time.Minute, "0s": 0, "1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "250ms": 250 * time.Millisecond,
		" 1h ": time.Hour, "1w": 7 * 24 * time.Hour, "2w3d12h": 17*24*time.Hour + 12*time.Hour, "0.5w": 84 * time.Hour, "1w30m": 7*24*time.Hour + 30*time.Minute,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q is %s (%v), want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "5", "0", "-1s", "+1s", "5 m", "w", "1d1w", "1 w", "-1w", "1w1w", "15300w", "d", "1d1d", "1d-5h", "-1d", "NaNd", "Infd", "1_0d", "0x1d", "1e3d", "106751d23h59m", "106752d", "9999999h",
		"1d 2h", "1d5",
	} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is accepted as %s", text, got)
		}
	}
	for text, hint := range map[string]string{
		"5": "a bare number has no unit", "5 m": "without a space, in lower case", "5M": "without a space, in lower case", "3 minutes": `the unit of minutes is "m"`, "2days": `the unit of days is "d"`, "x": "",
	} {
		if _, err := ParseDuration(text); err == nil || err.(*ParseError).Hint != hint {
			t.Errorf("%q gives %v, want the hint %q", text, err, hint)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 5 * time.Minute: "5m", 90 * time.Second: "1m30s", 24 * time.Hour: "24h", 30 * 24 * time.Hour: "30d", 49 * time.Hour: "49h", time.Hour + 30*time.Minute: "1h30m", 10 * time.Second: "10s",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%d is written %q, want %q", d, got, want)
		}
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Errorf("%s is read back as %s, %v", d, got, err)
		}
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Rate{
		"30/m": {Count: 30, Per: time.Minute}, "5/10s": {Count: 5, Per: 10 * time.Second}, "0/s": {Count: 0, Per: time.Second},
		"1/1d": {Count: 1, Per: 24 * time.Hour}, " 2 / h ": {Count: 2, Per: time.Hour}, "7/d": {Count: 7, Per: 24 * time.Hour},
	} {
		var got Rate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
		var back Rate
		if err := back.UnmarshalText([]byte(got.String())); err != nil || back != want {
			t.Errorf("%s is read back as %v, %v", got, back, err)
		}
	}
	for _, text := range []string{"", "30", "/m", "30/", "x/m", "1.5/m", "-1/m", "1/-m", "1/0s", "1/x", "99999999999/s", "1/m/s"} {
		var got Rate
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted as %v", text, got)
		}
	}
	if text := (Rate{}).String(); text != "" {
		t.Errorf("no rate is written %q", text)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	var size Size
	for text, want := range map[string]Size{"256M": 256 << 20, "1g": 1 << 30, "64 KiB": 64 << 10, "2MB": 2 << 20, "4096": 4096, "10b": 10} {
		if err := size.UnmarshalText([]byte(text)); err != nil || size != want {
			t.Errorf("%q gives %d, %v; want %d", text, size, err, want)
		}
	}
	for _, text := range []string{"", "M", "-1", "1.5G", "1ib", "9999999999T", "5 X"} {
		if err := size.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q gives %d, want an error", text, size)
		}
	}
	if text := Size(256 << 20).String(); text != "256MiB" {
		t.Errorf("String gives %q", text)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"pattern", "keywords", "cooldown", "cooldown_by", "any", "all", "none", "name", "url", "url_env"}
	for text, want := range map[string]string{
		"patern": "pattern", "Pattern": "pattern", "cool_down": "cooldown", "cooldownby": "cooldown_by", "nmae": "name", "al": "all",
		"zzz": "", "timeout": "", "": "", strings.Repeat("x", 100): "", "uri": "url",
	} {
		if got := Nearest(text, words); got != want {
			t.Errorf("the nearest to %q is %q, want %q", text, got, want)
		}
	}
	if got := DidYouMean("patern", words); got != `did you mean "pattern"?` {
		t.Errorf("the hint is %q", got)
	}
	if got := DidYouMean("zzz", words); got != "" {
		t.Errorf("the hint is %q, want none", got)
	}
}
