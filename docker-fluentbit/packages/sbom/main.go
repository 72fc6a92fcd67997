// Package main describes the files of a release, from the build information that Go puts into each: its modules as an SPDX 2.3 document, and with -licenses
// the texts of their licenses. Equal files give equal documents: the time is SOURCE_DATE_EPOCH, and nothing is random.
//
//	sbom -version v0.1.0 -o dist/fluentbit-trigger.spdx.json -licenses bin/THIRD_PARTY_LICENSES dist/out_trigger-linux-amd64.so …
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("sbom: ")
	version := flag.String("version", "", "the version of the release")
	out := flag.String("o", "", "where to write the SPDX document")
	texts := flag.String("licenses", "", "where to write the licenses of the modules")
	flag.Parse()
	if err := write(*version, *out, *texts, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func write(version, out, texts string, paths []string) error {
	if version == "" || out == "" || len(paths) == 0 {
		return errors.New("-version, -o and the files of the release are required")
	}
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	var artifacts []artifact
	for _, path := range paths {
		a, err := read(path)
		if err != nil {
			return err
		}
		artifacts = append(artifacts, a)
	}
	encoded, err := json.MarshalIndent(describe(version, time.Unix(seconds, 0).UTC(), artifacts), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, append(encoded, '\n'), 0o644); err != nil {
		return err
	}
	if texts == "" {
		return nil
	}
	text, err := licenses(modulesOf(artifacts))
	if err != nil {
		return err
	}
	return os.WriteFile(texts, text, 0o644)
}

// artifact is a file of the release.
type artifact struct {
	name    string
	sha256  string
	goVer   string // such as 1.26.8
	modules []debug.Module
}

func read(path string) (artifact, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return artifact{}, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return artifact{}, err
	}
	sum := sha256.Sum256(content)
	a := artifact{name: filepath.Base(path), sha256: hex.EncodeToString(sum[:]), goVer: strings.TrimPrefix(info.GoVersion, "go")}
	for _, module := range info.Deps {
		for module.Replace != nil {
			module = module.Replace
		}
		a.modules = append(a.modules, *module)
	}
	if len(a.modules) == 0 {
		return artifact{}, fmt.Errorf("%s names no modules that it was built from", path)
	}
	return a, nil
}

// modulesOf returns each module once, in the order of their paths.
func modulesOf(artifacts []artifact) []debug.Module {
	all := map[string]debug.Module{}
	for _, a := range artifacts {
		for _, module := range a.modules {
			all[module.Path+"@"+module.Version] = module
		}
	}
	var ordered []debug.Module
	for _, key := range slices.Sorted(maps.Keys(all)) {
		ordered = append(ordered, all[key])
	}
	return ordered
}
