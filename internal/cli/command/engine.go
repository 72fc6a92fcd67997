package command

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tinyforge/fluentbit-trigger/internal/docker/client"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// EngineAt returns a client of the engine at host; without a host, of the engine of the Docker context in use.
func (env *Env) EngineAt(host string) (*client.Client, error) {
	if host == "" {
		e, err := contextEndpoint(env.Getenv)
		if err == nil {
			err = e.apply(env.Setenv)
		}
		if err != nil {
			return nil, err
		}
		host = e.host
	}
	return client.New(host)
}

// endpoint is the engine of a Docker context.
type endpoint struct {
	host     string // "" for the usual one
	certPath string // a folder with ca.pem, cert.pem and key.pem, "" without TLS
	verify   bool
}

// contextEndpoint returns the engine of the Docker context in use: DOCKER_CONTEXT's, else the one that "docker context use" wrote into Docker's
// configuration. DOCKER_HOST goes before both, as it does for the Docker CLI; then, and for the context "default", the result is empty.
func contextEndpoint(getenv func(string) string) (endpoint, error) {
	if getenv("DOCKER_HOST") != "" {
		return endpoint{}, nil
	}
	dir := getenv("DOCKER_CONFIG")
	if dir == "" {
		home := getenv("HOME")
		if home == "" {
			return endpoint{}, nil
		}
		dir = filepath.Join(home, ".docker")
	}
	name := getenv("DOCKER_CONTEXT")
	if name == "" {
		var settings struct {
			CurrentContext string `json:"currentContext"`
		}
		text, err := namedfile.Read(filepath.Join(dir, "config.json"), maxDockerFile)
		if err == nil && json.Unmarshal(text, &settings) == nil { // one that cannot be read is not needed
			name = settings.CurrentContext
		}
	}
	if name == "" || name == "default" {
		return endpoint{}, nil
	}
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	text, err := namedfile.Read(filepath.Join(dir, "contexts", "meta", id, "meta.json"), maxDockerFile)
	if errors.Is(err, fs.ErrNotExist) {
		return endpoint{}, fmt.Errorf("docker context %q: not found in %s", name, dir)
	}
	if err != nil {
		return endpoint{}, fmt.Errorf("docker context %q: %w", name, err)
	}
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		return endpoint{}, fmt.Errorf("docker context %q: meta.json: %w", name, err)
	}
	docker, ok := meta.Endpoints["docker"]
	if !ok || docker.Host == "" {
		return endpoint{}, fmt.Errorf("docker context %q: has no engine", name)
	}
	e := endpoint{host: docker.Host, verify: !docker.SkipTLSVerify}
	certs := filepath.Join(dir, "contexts", "tls", id, "docker")
	if _, err := os.Stat(filepath.Join(certs, "cert.pem")); err == nil {
		e.certPath = certs
	}
	return e, nil
}

// apply sets the variables that have the same meaning.
func (e *endpoint) apply(setenv func(key, value string) error) error {
	if e.certPath == "" {
		return nil
	}
	verify := ""
	if e.verify {
		verify = "1"
	}
	return errors.Join(setenv("DOCKER_CERT_PATH", e.certPath), setenv("DOCKER_TLS_VERIFY", verify))
}
