package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/metrics"
)

func TestReferencesAreCurrent(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]byte{"api.md": api(admin.Operations()), "metrics.md": metricTable(metrics.List())} {
		got, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("docs/%s is not current: run go generate ./internal/admin", name)
		}
	}
}
