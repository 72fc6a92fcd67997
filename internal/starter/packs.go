package starter

import (
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/examples"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// basicPack is the pack for any container: lines that programs themselves call errors.
const basicPack = "severity"

// images are the words in the names of images for which a pack is chosen. A name is split at everything but letters and digits.
var images = map[string][]string{
	"dotnet":     {"dotnet", "aspnet"},
	"go":         {"golang"},
	"java":       {"java", "openjdk", "temurin", "corretto", "tomcat", "jetty", "spring", "kafka", "elasticsearch", "opensearch", "keycloak", "jenkins"},
	"mysql":      {"mysql", "mariadb", "percona"},
	"nginx":      {"nginx", "openresty"},
	"nodejs":     {"node", "nodejs", "bun", "deno"},
	"perl":       {"perl"},
	"pgbackrest": {"pgbackrest"},
	"php":        {"php", "wordpress", "nextcloud", "drupal", "joomla"},
	"postgresql": {"postgres", "postgresql", "postgis", "pgvector", "timescaledb", "patroni", "spilo"},
	"python":     {"python", "django", "flask", "airflow", "celery", "gunicorn"},
	"redis":      {"redis", "valkey"},
	"ruby":       {"ruby", "rails", "sidekiq", "puma", "discourse"},
	"rust":       {"rust"},
	"ssh":        {"ssh", "sshd", "openssh"},
}

// PackNames returns the names of the packs.
func PackNames() []string {
	var names []string
	for _, p := range examples.Packs() {
		names = append(names, p.Name)
	}
	return names
}

// CheckPacks reports names that no pack has.
func CheckPacks(names []string) error {
	var fs setting.Faults
	for _, name := range names {
		fs.OneOf("packs", name, PackNames())
	}
	return setting.Join(fs)
}

// packsOfImage returns the packs for an image, by its name alone: what it is tagged with, and the registry that it is from, say nothing about it.
func packsOfImage(image string) []string {
	image, _, _ = strings.Cut(image, "@")
	parts := strings.Split(image, "/")
	if len(parts) > 1 && strings.ContainsAny(parts[0], ".:") || parts[0] == "localhost" {
		parts = parts[1:]
	}
	if len(parts) == 0 {
		return nil
	}
	parts[len(parts)-1], _, _ = strings.Cut(parts[len(parts)-1], ":")
	words := strings.FieldsFunc(strings.ToLower(strings.Join(parts, "/")), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	var found []string
	for _, name := range PackNames() {
		if slices.ContainsFunc(words, func(word string) bool { return slices.Contains(images[name], word) }) {
			found = append(found, name)
		}
	}
	return found
}
