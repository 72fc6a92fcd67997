package artifacts

import (
	"crypto/sha256"
	"debug/elf"
	"debug/macho"
	"encoding/hex"
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
