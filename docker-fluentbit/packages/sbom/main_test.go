package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDocumentIsWholeAndTheSameEachTime(t *testing.T) {
	created := time.Unix(1_800_000_000, 0).UTC()
	artifacts := []artifact{
		{name: "out_trigger-linux-amd64.so", sha256: "aa", goVer: "1.26.8", modules: []debug.Module{{Path: "example.com/a_b/v2", Version: "v2.0.0+incompatible"}, {Path: "example.com/c", Version: "v1.0.0"}}},
		{name: "docker-fluentbit-darwin-arm64", sha256: "bb", goVer: "1.26.8", modules: []debug.Module{{Path: "example.com/c", Version: "v1.0.0"}}},
	}
	d := describe("v1.2.3", created, artifacts)
	id := regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`)
	elements := map[string]pkg{d.SPDXID: {}}
	for _, p := range d.Packages {
		if _, twice := elements[p.SPDXID]; twice || !id.MatchString(p.SPDXID) {
			t.Errorf("the id %q is there twice, or no id", p.SPDXID)
		}
		elements[p.SPDXID] = p
	}
	if len(d.Packages) != 2+3 { // files, and modules with the standard library
		t.Errorf("%d packages", len(d.Packages))
	}
	described, depends := []string{}, map[string][]string{}
	for _, r := range d.Relationships {
		from, ok := elements[r.Element]
		to, also := elements[r.Related]
		if !ok || !also {
			t.Errorf("%v names what is not there", r)
		}
		switch r.Type {
		case "DESCRIBES":
			described = append(described, to.Name+" "+to.Checksums[0].Value)
		case "DEPENDS_ON":
			depends[from.Name] = append(depends[from.Name], to.ExternalRefs[0].Locator)
		default:
			t.Errorf("relationship %v", r)
		}
	}
	if want := []string{"out_trigger-linux-amd64.so aa", "docker-fluentbit-darwin-arm64 bb"}; !slices.Equal(described, want) {
		t.Errorf("described: %q, want %q", described, want)
	}
	want := []string{"pkg:golang/stdlib@1.26.8", "pkg:golang/example.com/a_b/v2@v2.0.0+incompatible", "pkg:golang/example.com/c@v1.0.0"}
	if got := depends["out_trigger-linux-amd64.so"]; !slices.Equal(got, want) {
		t.Errorf("the plugin depends on %q, want %q", got, want)
	}
	first, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(describe("v1.2.3", created, artifacts)); err != nil || string(again) != string(first) {
		t.Errorf("described again it is another document (%v)", err)
	}
	artifacts[0].sha256 = "cc"
	if other := describe("v1.2.3", created, artifacts); other.Namespace == d.Namespace {
		t.Errorf("another release has the same namespace %s", d.Namespace)
	}
}

// TestFaultsAreReported asks for documents that would be wrong: of a program without modules, as this test is one, and of no known time.
func TestFaultsAreReported(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "spdx.json")
	for _, c := range []struct{ epoch, version, want string }{
		{"1800000000", "v1.2.3", "names no modules"}, {"", "v1.2.3", "SOURCE_DATE_EPOCH"}, {"1800000000", "", "-version"},
	} {
		t.Setenv("SOURCE_DATE_EPOCH", c.epoch)
		if err := write(c.version, out, "", []string{self}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("version %q at %q: %v, want %s", c.version, c.epoch, err, c.want)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a document was written")
	}
}

func TestLicensesAreThoseOfTheModule(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not on PATH")
	}
	version, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "github.com/BurntSushi/toml").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := licenses([]debug.Module{{Path: "github.com/BurntSushi/toml", Version: strings.TrimSpace(string(version))}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"======== Go: LICENSE ========", "======== github.com/BurntSushi/toml v", "TOML authors", "Permission is hereby granted"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
