package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/tinyforge/fluentbit-trigger/internal/config/tomlindex"
)

// trickyDocuments hold everything that makes it hard to find a key again.
var trickyDocuments = []string{
	"",
	"a = 1",
	"a = 1 # b = 2\n# c = 3\r\n\td\t=\t4\r\n",
	"a.b.c = 1\na.b.d = 2\n[x]\ny.z = 3",
	`"a b" = 1` + "\n" + `'c.d'."e\u00e9\t" = 2` + "\n" + `"" = 3`,
	"s = \"\"\"\nfake = 1\n[fake]\n\\\"\"\" still\"\"\"\"\"\nt = 2",
	"s = '''\nfake = 1 ''''\nt = '''x'''''\nu = ''\nv = \"\"",
	`s = "a\\" # x = "y` + "\n" + `t = "\" = 1"`,
	"a = [ # comment ]\n  \"x\", 'y]',\n  [1, 2, ], # [\n]\nb = {x = 1, y.z = {w = [ {q = 1}, {q = 2} ]}}\nc = 1",
	"[[rule]]\nname = 'a'\n[rule.where]\nx = 'y'\n[[rule]]\nname = 'b'\n[[rule.sub]]\nk = 1\n[[rule.sub]]\nk = 2\n[last]\n",
	"[a.b.c]\nx = 1\n[a]\ny = 2\n[a.b]\nz = 3",
	"[ a . 'b' ]\nx . y = 1\n[[ c.d ]]\nz=1",
	"d = 1979-05-27 07:32:32\ne = 1979-05-27T07:32:32Z\nf = [1979-05-27 07:32:32, 07:32:00]\ng = inf\nh = 1",
	"a = {\n  x = 1, # one\n  y = 2,\n}\nb = 1",
	"a = {}\nb = []\nc = [[], [[]]]\nd = 1",
	"\ufeffa = 1\nb = 2",
	"\ufeff\ufeffa = 1",
	"[x]\n[x.y]\n[[z]]\n[[z]]\n",
	"[[w]]\n[w.a.b]\nc = 1\n[[w]]\na.b.d = 1\n",
	"é = 1",
	"a = [}\nb = {]",
	`"\x41" = 1` + "\n" + `"\e\\\"\U0001F600" = 2`,
}

// TestIndexAgreesWithDecoder holds the index against the decoder's own list of keys: the same keys, in the same order.
func TestIndexAgreesWithDecoder(t *testing.T) {
	docs := slices.Clone(trickyDocuments)
	for _, file := range append(fixtures(t, "testdata/*.toml"), fixtures(t, "../../examples/*.toml")...) {
		docs = append(docs, readString(t, file))
	}
	for _, doc := range docs {
		checkIndex(t, doc)
	}
}

// FuzzIndex holds the property of TestIndexAgreesWithDecoder for any document that the decoder accepts, and never panics on others.
func FuzzIndex(f *testing.F) {
	for _, doc := range trickyDocuments {
		f.Add(doc)
	}
	for _, file := range fixtures(f, "testdata/*.toml") {
		f.Add(readString(f, file))
	}
	f.Fuzz(func(t *testing.T, doc string) { checkIndex(t, doc) })
}

func checkIndex(t *testing.T, doc string) {
	t.Helper()
	doc = trimMark(doc)
	if firstInvalid(doc) >= 0 {
		return
	}
	root, tooDeep := tomlindex.Index(doc)
	if tooDeep >= 0 {
		return
	}
	var values map[string]any
	if decode(doc, &values) != nil {
		return
	}
	meta, err := toml.Decode(doc, &values)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, k := range meta.Keys() {
		want = append(want, strings.Join(k, "\x00"))
	}
	type found struct {
		at  int
		key string
	}
	var all []found
	var walk func(p *tomlindex.Place, path []string)
	walk = func(p *tomlindex.Place, path []string) {
		if p.Key >= 0 && len(path) > 0 {
			all = append(all, found{p.Key, strings.Join(path, "\x00")})
		}
		for name, c := range p.Table {
			walk(c, append(slices.Clone(path), name))
		}
		for _, c := range p.Items {
			walk(c, path)
		}
	}
	walk(root, nil)
	slices.SortStableFunc(all, func(a, b found) int { return a.at - b.at })
	var got []string
	for _, f := range all {
		got = append(got, f.key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the index of %q has the keys\n%q, the decoder\n%q", doc, got, want)
	}
}
