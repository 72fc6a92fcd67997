package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
)

// As a plugin of the Docker CLI, this program is called as "docker-fluentbit [FLAGS OF DOCKER] fluentbit ARGUMENT…", and once with metadataWord alone.
const (
	pluginWord   = "fluentbit"
	metadataWord = "docker-cli-plugin-metadata"

	// Docker puts its own name here.
	pluginVariable = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND"
	// Docker closes this socket when a signal ends it.
	pluginSocketVariable = "DOCKER_CLI_PLUGIN_SOCKET"
)

// metadata describes the plugin to Docker. The case of the keys is Docker's.
type metadata struct {
	SchemaVersion, Vendor, Version, ShortDescription, URL string
}

func printMetadata(env *command.Env) error {
	return json.NewEncoder(env.Out).Encode(metadata{
		SchemaVersion: "0.1.0", Vendor: "tinyforge", Version: env.Version,
		ShortDescription: "Alerts straight from container logs", URL: "https://github.com/tinyforge/fluentbit-trigger",
	})
}

// dockerFlags are the flags of the Docker CLI that may come before the plugin's name.
type dockerFlags struct {
	host, context, config string
	tls                   []string // those that were given, as "--tlscert=…"
}

// fromDocker splits a command line of the Docker CLI. For one that Docker did not make, ok is false and rest is args.
func fromDocker(args []string, getenv func(string) string) (rest []string, flags dockerFlags, ok bool, err error) {
	// Docker asks for completions with a word before its own.
	if len(args) > 1 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) && args[1] == pluginWord {
		return append(args[:1:1], args[2:]...), flags, true, nil
	}
	if getenv(pluginVariable) == "" && (len(args) == 0 || args[0] != pluginWord) {
		return args, flags, false, nil
	}
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == pluginWord {
			return args[i+1:], flags, true, nil
		}
		name, value, whole := strings.Cut(word, "=")
		take := func() error {
			if !whole {
				if i++; i == len(args) {
					return fmt.Errorf("docker: %s needs a value", name)
				}
				value = args[i]
			}
			return nil
		}
		switch name {
		case "-H", "--host":
			err = take()
			flags.host = value
		case "-c", "--context":
			err = take()
			flags.context = value
		case "--config":
			err = take()
			flags.config = value
		case "-l", "--log-level":
			err = take()
		case "-D", "--debug":
		case "--tls", "--tlsverify":
			if value != "false" {
				flags.tls = append(flags.tls, name)
			}
		case "--tlscacert", "--tlscert", "--tlskey":
			err = take()
			flags.tls = append(flags.tls, name)
		default: // not Docker's way of calling: an own command of a program that inherited the variable
			return args, dockerFlags{}, false, nil
		}
		if err != nil {
			return nil, flags, true, err
		}
	}
	return args, dockerFlags{}, false, nil
}

// apply sets the variables that have the same meaning.
func (f *dockerFlags) apply(setenv func(key, value string) error) error {
	if len(f.tls) > 0 {
		return fmt.Errorf("docker %s: plugins cannot use it: set DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or use a context", f.tls[0])
	}
	if f.host != "" && f.context != "" {
		return errors.New("docker: --host and --context cannot be used together")
	}
	for _, v := range [][2]string{{"DOCKER_CONFIG", f.config}, {"DOCKER_HOST", f.host}, {"DOCKER_CONTEXT", f.context}} {
		if v[1] == "" {
			continue
		}
		if err := setenv(v[0], v[1]); err != nil {
			return err
		}
	}
	if f.context != "" { // the flag goes before the variable
		return setenv("DOCKER_HOST", "")
	}
	return nil
}

// endWithDocker ends this process by SIGTERM when the Docker CLI that started it ends: Docker catches the signal and closes a socket.
func endWithDocker(env *command.Env) {
	address := env.Getenv(pluginSocketVariable)
	if address == "" {
		return
	}
	conn, err := net.Dial("unix", address)
	if err != nil {
		return // a Docker CLI that has gone already
	}
	go func() {
		_, _ = io.Copy(io.Discard, conn) // until it is closed, one way or the other
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	}()
}
