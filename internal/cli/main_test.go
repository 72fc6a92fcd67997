package cli

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"docker-fluentbit": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }})
}

// TestScripts runs the command line as people do. Beside the usual commands, scripts have those of bench.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[benchKey{}] = &bench{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"api":      apiCommand,
			"asked":    askedCommand,
			"receiver": receiverCommand,
			"arrived":  arrivedCommand,
			"plugin":   pluginCommand,
			"until":    untilCommand,
			"exit":     exitCommand,
			"expand":   expandCommand,
		},
	})
}
