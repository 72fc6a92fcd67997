package setting

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestFaults holds the one wording of each complaint.
func TestFaults(t *testing.T) {
	t.Parallel()
	words := []string{"debug", "info"}
	for want, report := range map[string]func(*Faults){
		`name: must be set (as in "a")`:                                   func(fs *Faults) { fs.Required("name", `as in "a"`) },
		`burst "0": must be from 1 to 10`:                                 func(fs *Faults) { Between(fs, "burst", 0, 1, 10) },
		`burst "11": must be from 1 to 10 `:                               func(fs *Faults) { Between(fs, "burst", 11, 1, 10) },
		`wait "2h": must be from 1s to 1h`:                                func(fs *Faults) { Between(fs, "wait", 2*time.Hour, time.Second, time.Hour) },
		`wait "-5s": must not be negative`:                                func(fs *Faults) { AtLeast(fs, "wait", -5*time.Second, 0) },
		`wait "-5s": must not be negative `:                               func(fs *Faults) { AtMost(fs, "wait", -5*time.Second, time.Hour) },
		`wait "2h": must be at most 1h`:                                   func(fs *Faults) { AtMost(fs, "wait", 2*time.Hour, time.Hour) },
		`size "512KiB": must be at least 1MiB`:                            func(fs *Faults) { AtLeast(fs, "size", Size(512<<10), 1<<20) },
		`level "inof": must be one of debug, info (did you mean "info"?)`: func(fs *Faults) { fs.OneOf("level", "inof", words) },
		`by "inof": must be one of debug, field.PATH`:                     func(fs *Faults) { fs.Unknown("by", "inof", []string{"debug", "field.PATH"}) },
		`list: must have at most 2 entries, has 3`:                        func(fs *Faults) { fs.Length("list", 3, 2, "entries") },
		`url ••••: is wrong`:                                              func(fs *Faults) { fs.Add("url", Placeholder, "is wrong", "") },
		`"x": is wrong`:                                                   func(fs *Faults) { fs.Add("", "x", "is wrong", "") },
		`is wrong`:                                                        func(fs *Faults) { fs.Add("", "", "is wrong", "") },
		`key_file "x": must be set together with cert_file`:               func(fs *Faults) { fs.Needs("key_file", "x", "cert_file") },
		`a: must not be set together with b (one of them)`:                func(fs *Faults) { fs.Excludes("a", "", "b", "one of them") },
		`a: does not go with b`:                                           func(fs *Faults) { fs.Conflict("a", "", "b", "does not go with b", "") },
	} {
		var fs Faults
		report(&fs)
		for len(want) > 0 && want[len(want)-1] == ' ' { // the keys of a map differ
			want = want[:len(want)-1]
		}
		if len(fs) != 1 || fs[0].Error() != want {
			t.Errorf("%v, want %q", fs, want)
		}
	}
	var none Faults
	Between(&none, "a", 1, 1, 1)
	AtLeast(&none, "a", 0, 0)
	AtMost(&none, "a", time.Second, time.Second)
	none.OneOf("a", "info", words)
	none.Length("a", 2, 2, "entries")
	if len(none) > 0 || Join(none) != nil {
		t.Errorf("what is within its bounds is reported: %v", none)
	}
	in := In("limits.", []Fault{{Field: "a", With: "b"}, {Field: "c"}})
	if whole := In("limits.", []Fault{{Message: "x"}}); whole[0].Field != "limits" {
		t.Errorf("the fault of a whole table is %+v", whole)
	}
	if in[0].Field != "limits.a" || in[0].With != "limits.b" || in[1].Field != "limits.c" || in[1].With != "" {
		t.Errorf("the faults of a table are %+v", in)
	}
	if err := Join(in); err == nil || err.Error() != "limits.a: \nlimits.c: " {
		t.Errorf("joined: %v", err)
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for c := Invalid; c <= Unreadable; c++ {
		if seen[c.String()] || c.String() == "" {
			t.Errorf("code %d is called %q", c, c)
		}
		seen[c.String()] = true
	}
}

func TestSecretSource(t *testing.T) {
	t.Parallel()
	text := SecretText("s3cr3t-token")
	for _, c := range []struct {
		source SecretSource
		key    string
		fault  string
	}{
		{SecretSource{}, "url", ""},
		{text, "url", ""},
		{SecretSource{File: "x"}, "url_file", ""},
		{SecretSource{Env: "X"}, "url_env", ""},
		{SecretSource{Text: text.Text, File: "x"}, "url_file", "url_file: must not be set together with url (set one of url, url_file and url_env)"},
		{SecretSource{Text: text.Text, Env: "X"}, "url_env", "url_env: must not be set together with url (set one of url, url_file and url_env)"},
		{SecretSource{File: "x", Env: "X"}, "url_file", "url_env: must not be set together with url_file (set one of url, url_file and url_env)"},
	} {
		var fs Faults
		c.source.Check(&fs, "url")
		if got := c.source.Key("url"); got != c.key {
			t.Errorf("%+v is set by %s, want %s", c.source, got, c.key)
		}
		if err := Join(fs); (err == nil) != (c.fault == "") || err != nil && err.Error() != c.fault {
			t.Errorf("%+v: %v, want %q", c.source, err, c.fault)
		}
		if c.source.IsZero() != (c.source == SecretSource{}) {
			t.Errorf("%+v is zero: %v", c.source, c.source.IsZero())
		}
	}
}

func TestFaultsIn(t *testing.T) {
	t.Parallel()
	a, b, plain := Fault{Field: "a", Message: "x"}, Fault{Field: "b", Code: Taken}, errors.New("plain")
	var fs Faults
	if fs.Unreadable("a", plain); !errors.Is(Join(fs), plain) {
		t.Error("a file's error is not the cause")
	}
	for _, c := range []struct {
		err  error
		want []Fault
	}{
		{nil, nil},
		{a, []Fault{a}},
		{Join([]Fault{a, b}), []Fault{a, b}},
		{fmt.Errorf("trigger: %w", Join([]Fault{a, b})), []Fault{a, b}},
		{fmt.Errorf("trigger: %w", fmt.Errorf("y: %w", b)), []Fault{b}},
		{errors.Join(a, plain), []Fault{a, {Message: "plain"}}},
		{fmt.Errorf("trigger: %w", plain), []Fault{{Message: "trigger: plain"}}},
	} {
		if got := FaultsIn(c.err); !slices.Equal(got, c.want) {
			t.Errorf("%v holds %v, want %v", c.err, got, c.want)
		}
	}
}
