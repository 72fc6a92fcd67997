// Package examples has the rule packs of the folder rules in the program, so that an installed one can write them.
package examples

import (
	"embed"
	"path"
	"strings"
)

// The tests of the packs are left out: they are for those who change a pack.
//
//go:embed rules/dotnet.toml rules/go.toml rules/java.toml rules/kernel.toml rules/kubernetes.toml rules/mysql.toml rules/nginx.toml rules/nodejs.toml
//go:embed rules/perl.toml rules/pgbackrest.toml rules/php.toml rules/postgresql.toml rules/python.toml rules/redis.toml rules/ruby.toml rules/rust.toml
//go:embed rules/severity.toml rules/ssh.toml
var packs embed.FS

// Pack is a rule pack: its name, which is that of its file, and its document.
type Pack struct{ Name, Text string }

// Packs returns the rule packs by name.
func Packs() []Pack {
	entries, err := packs.ReadDir("rules")
	if err != nil {
		panic(err) // the folder is a part of the program
	}
	all := make([]Pack, len(entries))
	for i, entry := range entries {
		text, err := packs.ReadFile(path.Join("rules", entry.Name()))
		if err != nil {
			panic(err)
		}
		all[i] = Pack{strings.TrimSuffix(entry.Name(), ".toml"), string(text)}
	}
	return all
}
