package docker_test

import (
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/docker/client"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
)

// TestTheFakeEngineIsLikeARealOne holds the fake engine to the table that test/docker holds real ones to.
func TestTheFakeEngineIsLikeARealOne(t *testing.T) {
	for _, version := range []string{"20.10.24", "28.5.2"} {
		t.Run(version, func(t *testing.T) {
			d := dockertest.Start(t)
			d.SetVersion(version)
			d.Misbehave(dockertest.Faults{OldSince: version < "24"})
			c, err := client.New(d.Host())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			dockertest.Semantics(t, d.Subject(c))
		})
	}
	for _, version := range []string{"4.3.1", "5.4.2"} {
		t.Run("Podman "+version, func(t *testing.T) {
			d := dockertest.Start(t)
			d.BePodman(version)
			c, err := client.New(d.Host())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			dockertest.Semantics(t, d.Subject(c))
		})
	}
}
