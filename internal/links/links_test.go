package links

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	now    = time.Date(2026, 11, 30, 14, 5, 0, 0, time.UTC)
	sample = Claim{
		Alert: "al_000g40r40m30e209185gr38e1w", Key: "0f1e2d3c4b5a69788796a5b4c3d2e1f0", Rule: "go-panic", Length: time.Hour, Expires: now.Add(24 * time.Hour),
	}
)

func open(t testing.TB, path, instance string) *Keys {
	t.Helper()
	k, err := Open(path, instance)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func token(t testing.TB, k *Keys, c Claim) string {
	t.Helper()
	text, err := k.Make(&c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestALinkIsReadAsItWasMade(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "ops.db.links"), "ops")
	fleet := sample
	fleet.Fleet, fleet.Rule = true, strings.Repeat("ä", 64)
	for _, c := range []Claim{sample, fleet} {
		text := token(t, k, c)
		if got, err := k.Read(text, now); err != nil || got != c {
			t.Errorf("%+v, %v", got, err)
		}
		if again := token(t, k, c); again != text {
			t.Error("the same claim has two links")
		}
		if got, err := k.Read(text, c.Expires); !errors.Is(err, ErrExpired) || got != c {
			t.Errorf("at its end: %+v, %v", got, err)
		}
		if len(text) > 300 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			t.Errorf("%d characters: %s", len(text), text)
		}
	}
	other := sample
	other.Expires = now.Add(time.Hour)
	if other.SilenceID() != sample.SilenceID() {
		t.Error("two links of one alert create two silences")
	}
	if other.Alert = "al_other"; other.SilenceID() == sample.SilenceID() {
		t.Error("links of two alerts create one silence")
	}
}

func TestNoLinkWithoutAnIncident(t *testing.T) {
	k := open(t, "", "ops")
	for name, change := range map[string]func(*Claim){
		"no key": func(c *Claim) { c.Key = "" }, "a key of another form": func(c *Claim) { c.Key = "xyz" }, "no rule": func(c *Claim) { c.Rule = "" },
		"a long rule": func(c *Claim) { c.Rule = strings.Repeat("r", 257) }, "a long id": func(c *Claim) { c.Alert = strings.Repeat("a", 65) },
		"no time": func(c *Claim) { c.Length = time.Second }, "too long": func(c *Claim) { c.Length = 100 * 24 * time.Hour },
		"a far end": func(c *Claim) { c.Expires = time.Unix(1<<33, 0) }, "an end before 1970": func(c *Claim) { c.Expires = time.Time{} },
	} {
		c := sample
		if change(&c); true {
			if text, err := k.Make(&c); err == nil {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
}

// TestKeysOfOthers accept nothing: those of another instance with the same file, of another file, of a key that was replaced or whose file was removed.
func TestKeysOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ops.db.links")
	k := open(t, path, "ops")
	text := token(t, k, sample)
	if _, err := open(t, path, "ops").Read(text, now); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	refused := func(name string, k *Keys) {
		t.Helper()
		if got, err := k.Read(text, now); !errors.Is(err, ErrInvalid) || got != (Claim{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	refused("another instance", open(t, path, "shop"))
	refused("another file", open(t, path+"2", "ops"))
	refused("in memory", open(t, "", "ops"))
	beside := open(t, path, "ops")
	if err := k.Rotate(); err != nil {
		t.Fatal(err)
	}
	refused("replaced", k)
	refused("replaced by another", beside)
	text = token(t, beside, sample)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refused("removed", k)
	if err := os.WriteFile(path, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	text = token(t, k, sample)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	refused("others could read it", open(t, path, "ops"))
}

// TestWithoutAPlace keeps the key in memory.
func TestWithoutAPlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	k, err := Open(Path(filepath.Join(dir, "ops.db")), "ops")
	if err == nil || !strings.Contains(err.Error(), "end with the process") {
		t.Fatalf("%v", err)
	}
	text := token(t, k, sample)
	if _, err := k.Read(text, now); err != nil {
		t.Errorf("%v", err)
	}
}

// TestRotateOnADiskThatRefuses: what was leaked ends, also where the new key cannot be written or the file of the former one cannot even be removed.
func TestRotateOnADiskThatRefuses(t *testing.T) {
	refused := func(string) error { return fs.ErrPermission }
	for name, remove := range map[string]func(string) error{"the file can be removed": os.Remove, "nothing can": refused} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ops.db.links")
			k := open(t, path, "ops")
			leaked := token(t, k, sample)
			k.write, k.remove = func(string, string) error { return fs.ErrPermission }, remove
			if err := k.Rotate(); !errors.Is(err, fs.ErrPermission) {
				t.Fatalf("%v", err)
			}
			for range 2 {
				if _, err := k.Read(leaked, now); !errors.Is(err, ErrInvalid) {
					t.Errorf("a link of the former key: %v", err)
				}
			}
			if _, err := k.Read(token(t, k, sample), now); err != nil {
				t.Errorf("a link of the new key: %v", err)
			}
		})
	}
}

func TestMask(t *testing.T) {
	text := token(t, open(t, "", "ops"), sample)
	got := Mask(`bad button "https://alerts.example.com/silence#`+text+`", and `+text+".", "••••")
	if want := `bad button "https://alerts.example.com/silence#••••", and ••••.`; got != want {
		t.Errorf("%s", got)
	}
}

// FuzzRead changes, cuts and forges links. None is accepted but those that the key made, until they expire.
func FuzzRead(f *testing.F) {
	k, err := Open("", "ops")
	if err != nil {
		f.Fatal(err)
	}
	other, err := Open("", "ops")
	if err != nil {
		f.Fatal(err)
	}
	expired := sample
	expired.Expires = now
	good := token(f, k, sample)
	for _, text := range []string{good, token(f, other, sample), token(f, k, expired), good[:len(good)-1], good + "A", good + "\n", good + "=", "", prefix,
		strings.ToLower(good), prefix + base64.RawURLEncoding.EncodeToString(make([]byte, 60)), strings.Replace(good, prefix, "ftl2_", 1)} {
		f.Add(text, 0, byte(0))
	}
	f.Add(good, 10, byte(1))
	f.Fuzz(func(t *testing.T, text string, at int, flip byte) {
		if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, prefix)); err == nil && len(raw) > 0 && flip != 0 {
			raw[max(at, -at-1)%len(raw)] ^= flip
			text = prefix + base64.RawURLEncoding.EncodeToString(raw)
		}
		c, err := k.Read(text, now)
		switch {
		case err == nil && (text != good || c != sample):
			t.Fatalf("accepted %q as %+v", text, c)
		case errors.Is(err, ErrExpired) && (text != token(t, k, expired) || c != expired):
			t.Fatalf("read %q as %+v", text, c)
		case errors.Is(err, ErrInvalid) && c != (Claim{}):
			t.Fatalf("a refused link says %+v", c)
		}
	})
}
