package artifacts

import (
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dist returns the folder that make dist wrote, and skips the test elsewhere.
func dist(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("FLUENTBIT_TRIGGER_DIST")
	if folder == "" {
		t.Skip("FLUENTBIT_TRIGGER_DIST does not name a folder of make dist")
	}
	return folder
}

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

func TestDistPluginsLoadWithAnOldCLibrary(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(dist(t), "out_trigger-linux-*.so"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no plugin in %s (%v)", dist(t), err)
	}
	for _, path := range paths {
		loadsWithAnOldCLibrary(t, path)
		object, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		arch := strings.TrimSuffix(path[strings.LastIndex(path, "-")+1:], ".so")
		if object.Type != elf.ET_DYN || object.Machine != machines[arch] {
			t.Errorf("%s is %s for %s", path, object.Type, object.Machine)
		}
		if symbols, err := object.DynamicSymbols(); err != nil || !slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == "FLBPluginRegister" }) {
			t.Errorf("%s does not export FLBPluginRegister (%v)", path, err)
		}
		object.Close()
	}
}

func TestDistProgramsAreStatic(t *testing.T) {
	for arch, machine := range machines {
		object, err := elf.Open(filepath.Join(dist(t), "docker-fluentbit-linux-"+arch))
		if err != nil {
			t.Fatal(err)
		}
		dynamic := slices.ContainsFunc(object.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC })
		if object.Machine != machine || dynamic {
			t.Errorf("docker-fluentbit for %s is for %s, and dynamic is %v", arch, object.Machine, dynamic)
		}
		object.Close()
	}
	for arch, cpu := range map[string]macho.Cpu{"amd64": macho.CpuAmd64, "arm64": macho.CpuArm64} {
		object, err := macho.Open(filepath.Join(dist(t), "docker-fluentbit-darwin-"+arch))
		if err != nil {
			t.Fatal(err)
		}
		if object.Cpu != cpu {
			t.Errorf("docker-fluentbit for darwin on %s is for %s", arch, object.Cpu)
		}
		object.Close()
	}
}

// TestDistSumsAreOfAllFiles reads SHA256SUMS: each other file of the folder has its line, and no line is without a file.
func TestDistSumsAreOfAllFiles(t *testing.T) {
	folder := dist(t)
	text, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok {
			t.Fatalf("a line of SHA256SUMS is %q", line)
		}
		sums[name] = sum
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() == "SHA256SUMS" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); sums[entry.Name()] != hex.EncodeToString(sum[:]) {
			t.Errorf("SHA256SUMS has %q for %s", sums[entry.Name()], entry.Name())
		}
		delete(sums, entry.Name())
	}
	for name := range sums {
		t.Errorf("SHA256SUMS names %s, which is not there", name)
	}
}

// TestDistBillOfMaterials compares the SPDX document with the files: each program and plugin with its checksum, and every module that is built into it.
func TestDistBillOfMaterials(t *testing.T) {
	folder := dist(t)
	text, err := os.ReadFile(filepath.Join(folder, "fluentbit-trigger.spdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		SPDXVersion string `json:"spdxVersion"`
		Packages    []struct {
			ID        string `json:"SPDXID"`
			FileName  string `json:"packageFileName"`
			Checksums []struct{ ChecksumValue string }
			Refs      []struct{ ReferenceLocator string } `json:"externalRefs"`
		}
		Relationships []struct {
			From string `json:"spdxElementId"`
			Type string `json:"relationshipType"`
			To   string `json:"relatedSpdxElement"`
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if document.SPDXVersion != "SPDX-2.3" {
		t.Errorf("version %q", document.SPDXVersion)
	}
	locators, files := map[string]string{}, map[string]string{} // of ids
	for _, p := range document.Packages {
		if len(p.Refs) == 1 {
			locators[p.ID] = p.Refs[0].ReferenceLocator
			continue
		}
		files[p.ID] = p.FileName
		content, err := os.ReadFile(filepath.Join(folder, p.FileName))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); len(p.Checksums) != 1 || p.Checksums[0].ChecksumValue != hex.EncodeToString(sum[:]) {
			t.Errorf("%s has checksums %v", p.FileName, p.Checksums)
		}
	}
	described := map[string][]string{}
	for _, r := range document.Relationships {
		if r.Type == "DEPENDS_ON" {
			described[files[r.From]] = append(described[files[r.From]], locators[r.To])
		}
	}
	plugins, err := filepath.Glob(filepath.Join(folder, "out_trigger-*.so"))
	if err != nil {
		t.Fatal(err)
	}
	programs, err := filepath.Glob(filepath.Join(folder, "docker-fluentbit-*-*64"))
	if err != nil || len(programs) != 4 {
		t.Fatalf("programs: %q (%v)", programs, err)
	}
	for _, path := range append(plugins, programs...) {
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"pkg:golang/stdlib@" + strings.TrimPrefix(info.GoVersion, "go")}
		for _, module := range info.Deps {
			want = append(want, "pkg:golang/"+module.Path+"@"+module.Version)
		}
		slices.Sort(want)
		got := described[filepath.Base(path)]
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s is described with\n%q, and has\n%q", filepath.Base(path), got, want)
		}
	}
}
