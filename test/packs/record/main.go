// Command record runs the programs of test/packs/testdata/NAME again and keeps what they print. Run it in the root of the repository:
//
//	go run ./test/packs/record [-case REGEXP] [-out FOLDER] NAME ...
//
// Each line of cases.txt is one of
//
//	setup: COMMAND
//	hit RULE CASE: COMMAND
//	joined RULE CASE: COMMAND
//	miss CASE: COMMAND
//	trace CASE: COMMAND
//
// The commands run in a copy of src/ in /srv/app, by sh, in the order of the file. A case that prints nothing, or whose runtime is missing,
// is an error, and its old output stays.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const testdata = "test/packs/testdata"

// app is where the programs run: its path is part of the traces.
const app = "/srv/app"

// limit is how long a command may take: it covers building the Go programs with the race detector.
const limit = 2 * time.Minute

func main() {
	only := flag.String("case", "", "record only the cases whose name matches")
	out := flag.String("out", testdata, "keep the output in NAME in this folder")
	flag.Parse()
	if err := run(*only, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(only, out string, names []string) error {
	expr, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range names {
		failed = append(failed, record(filepath.Join(testdata, name), filepath.Join(out, name), expr))
	}
	return errors.Join(failed...)
}

func record(folder, out string, only *regexp.Regexp) error {
	text, err := os.ReadFile(filepath.Join(folder, "cases.txt"))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(app); err != nil {
		return err
	}
	if err := os.CopyFS(app, os.DirFS(filepath.Join(folder, "src"))); err != nil {
		return err
	}
	defer os.RemoveAll(app)
	var failed []error
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		head, command, ok := strings.Cut(line, ": ")
		if !ok {
			return fmt.Errorf("%s/cases.txt:%d: no command", folder, n+1)
		}
		words := strings.Fields(head)
		name := words[len(words)-1]
		if head != "setup" && !only.MatchString(name) {
			continue
		}
		stdout, stderr, err := execute(command)
		switch {
		case head == "setup" && err != nil:
			return fmt.Errorf("%s/cases.txt:%d: %w\n%s", folder, n+1, err, stderr)
		case head == "setup":
			continue
		case len(stdout)+len(stderr) == 0:
			failed = append(failed, fmt.Errorf("%s/cases.txt:%d: %s printed nothing: %v", folder, n+1, name, err))
			continue
		case missing(err):
			failed = append(failed, fmt.Errorf("%s/cases.txt:%d: %s: %w\n%s", folder, n+1, name, err, stderr))
			continue
		}
		base := filepath.Join(append([]string{out}, words...)...)
		if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
			return err
		}
		for suffix, text := range map[string][]byte{".stdout": stdout, ".stderr": stderr} {
			if err := os.Remove(base + suffix); err != nil && !os.IsNotExist(err) {
				return err
			}
			if len(text) == 0 {
				continue
			}
			if err := os.WriteFile(base+suffix, text, 0o644); err != nil {
				return err
			}
		}
	}
	return errors.Join(failed...)
}

// missing reports whether the shell found no such command.
func missing(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 127
}

// execute runs a command in a process group of its own, which it ends with it.
func execute(command string) (stdout, stderr []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = app
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	err = cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what the command left running
	return out.Bytes(), errs.Bytes(), err
}
