package replay

import (
	"encoding/json"
	"math/rand"
	"testing"
	"unicode/utf8"
)

// FuzzUnescape: for each string that encoding/json accepts, unescape returns the same text.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{`a\nb`, `\u00e4\ud83d\ude00`, `\ud83d`, `\ud83dx`, `\"\\\/\b\f\r\t`, `\x`, `\`, `\u12`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !utf8.Valid(raw) { // encoding/json replaces it; the line keeps its bytes
			return
		}
		var want string
		err := json.Unmarshal([]byte(`"`+string(raw)+`"`), &want)
		got, ok := unescape(append([]byte(nil), raw...))
		if err == nil && (!ok || string(got) != want) {
			t.Fatalf("%q: %q %t, want %q", raw, got, ok, want)
		}
	})
}

func TestUnescapeOfAnyTextIsTheText(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 20_000 {
		text := make([]rune, rng.Intn(20))
		for i := range text {
			text[i] = []rune("aä\"\\\n\t\u2028\U0001F600\x01")[rng.Intn(9)]
		}
		quoted, err := json.Marshal(string(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := unescape(quoted[1 : len(quoted)-1]); !ok || string(got) != string(text) {
			t.Fatalf("%s: %q %t", quoted, got, ok)
		}
	}
}
