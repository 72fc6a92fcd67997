package main

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
)

const (
	home    = "https://github.com/tinyforge/fluentbit-trigger"
	unknown = "NOASSERTION"
)

// The names are those of https://spdx.github.io/spdx-spec/v2.3/.
type (
	document struct {
		SPDXVersion   string         `json:"spdxVersion"`
		DataLicense   string         `json:"dataLicense"`
		SPDXID        string         `json:"SPDXID"`
		Name          string         `json:"name"`
		Namespace     string         `json:"documentNamespace"`
		CreationInfo  creationInfo   `json:"creationInfo"`
		Packages      []pkg          `json:"packages"`
		Relationships []relationship `json:"relationships"`
	}
	creationInfo struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	pkg struct {
		SPDXID           string        `json:"SPDXID"`
		Name             string        `json:"name"`
		Version          string        `json:"versionInfo"`
		FileName         string        `json:"packageFileName,omitempty"`
		Purpose          string        `json:"primaryPackagePurpose"`
		DownloadLocation string        `json:"downloadLocation"`
		FilesAnalyzed    bool          `json:"filesAnalyzed"`
		Checksums        []checksum    `json:"checksums,omitempty"`
		LicenseConcluded string        `json:"licenseConcluded"`
		LicenseDeclared  string        `json:"licenseDeclared"`
		Copyright        string        `json:"copyrightText"`
		ExternalRefs     []externalRef `json:"externalRefs,omitempty"`
	}
	checksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	externalRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	relationship struct {
		Element string `json:"spdxElementId"`
		Type    string `json:"relationshipType"`
		Related string `json:"relatedSpdxElement"`
	}
)

// describe returns the document of a release: its files, the modules in each, and Go's standard library as a module, which is how scanners look for its faults.
func describe(version string, created time.Time, artifacts []artifact) document {
	d := document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", Name: "fluentbit-trigger " + version,
		CreationInfo: creationInfo{Created: created.Format(time.RFC3339), Creators: []string{"Organization: fluentbit-trigger", "Tool: fluentbit-trigger-sbom"}},
	}
	seen := map[string]bool{}
	library := func(path, version string) string {
		locator := "pkg:golang/" + path + "@" + version
		id := "SPDXRef-" + notInAnID.ReplaceAllString(path+"-"+version, "-")
		if !seen[id] {
			seen[id] = true
			d.Packages = append(d.Packages, pkg{
				SPDXID: id, Name: path, Version: version, Purpose: "LIBRARY", DownloadLocation: unknown, LicenseConcluded: unknown, LicenseDeclared: unknown,
				Copyright: unknown, ExternalRefs: []externalRef{{"PACKAGE-MANAGER", "purl", locator}},
			})
		}
		return id
	}
	content := sha256.New()
	for _, a := range artifacts {
		id := "SPDXRef-file-" + notInAnID.ReplaceAllString(a.name, "-")
		purpose := "APPLICATION"
		if strings.HasSuffix(a.name, ".so") {
			purpose = "LIBRARY"
		}
		d.Packages = append(d.Packages, pkg{
			SPDXID: id, Name: a.name, Version: version, FileName: a.name, Purpose: purpose, DownloadLocation: home + "/releases",
			Checksums: []checksum{{"SHA256", a.sha256}}, LicenseConcluded: unknown, LicenseDeclared: "Apache-2.0", Copyright: unknown,
		})
		d.Relationships = append(d.Relationships, relationship{d.SPDXID, "DESCRIBES", id}, relationship{id, "DEPENDS_ON", library("stdlib", a.goVer)})
		for _, module := range a.modules {
			d.Relationships = append(d.Relationships, relationship{id, "DEPENDS_ON", library(module.Path, module.Version)})
		}
		content.Write([]byte(a.name + " " + a.sha256 + "\n"))
	}
	d.Namespace = home + "/spdx/" + version + "-" + hex.EncodeToString(content.Sum(nil)[:16])
	return d
}

var notInAnID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)
