package cli

import (
	"io"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"docker-fluentbit": func() { os.Exit(Run(Process("test"), os.Args[1:])) }})
}

// execute runs a command line in the environment of this process, with writers of its own.
func execute(args []string, out, errOut io.Writer) int {
	env := Process("test")
	env.Out, env.Err = out, errOut
	return Run(env, args)
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
