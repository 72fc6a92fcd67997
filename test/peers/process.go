package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
)

// hostRules are the numbers of rules that the plugin is measured with.
var hostRules = []int{0, 1, 100, 1000}

// grepLines is how many lines filter_grep reads: it takes minutes for as many as the others.
const grepLines = 20_000

// process is a way to run Fluent Bit over a file.
type process struct {
	name   string
	config string
	plugin bool
	hits   int // that the plugin must count
	lines  int // that the file holds
	cpu    []float64
	rss    []float64
}

// measureProcesses runs Fluent Bit over a file of lines: with the output null, with the filter grep, with the plugin.
func measureProcesses(o options, out *results) error {
	binary, err := exec.LookPath("fluent-bit")
	if err != nil {
		fmt.Print("\nfluent-bit is not on PATH: whole processes are left out.\n")
		return nil
	}
	if o.plugin, err = filepath.Abs(o.plugin); err != nil {
		return err
	}
	if _, err := os.Stat(o.plugin); err != nil {
		return fmt.Errorf("the plugin: %w", err)
	}
	dir, err := os.MkdirTemp("", "fluentbit-trigger-peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	b := bench{options: o, binary: binary, dir: dir, receiver: receiver.URL}
	return b.run(out)
}

type bench struct {
	options
	binary, dir, receiver string
}

func (b *bench) run(out *results) error {
	all := b.corpus.rules(hostRules[len(hostRules)-1])
	lines, err := b.corpus.newLines(b.fileLines, all, b.corpus.rules(100))
	if err != nil {
		return err
	}
	few := lines[:min(len(lines), grepLines)]
	for name, some := range map[string][][]byte{"all.log": lines, "few.log": few, "one.log": lines[:1]} {
		if err := os.WriteFile(b.path(name), joined(some), 0o600); err != nil {
			return err
		}
	}
	null := &process{name: "null", config: b.config("all.log", "", "null", nil), lines: len(lines)}
	idle := &process{name: "null, one line", config: b.config("one.log", "", "null", nil)}
	nullFew := &process{name: "null, few lines", config: b.config("few.log", "", "null", nil), lines: len(few)}
	grep := &process{name: "filter_grep, 100 rules", config: b.config("few.log", b.grepFilter(100), "null", nil), lines: len(few)}
	if err := b.checkGrep(few); err != nil && !b.corpus.own {
		return fmt.Errorf("filter_grep: %w", err)
	} else if err != nil {
		fmt.Println("\nfilter_grep, whose expressions are Ruby's:", err)
	}
	processes := []*process{null, idle}
	var ours, starts []*process
	for _, n := range hostRules {
		if n > len(all) {
			break
		}
		hits, err := hitsOf(b.corpus.rules(n), lines)
		if err != nil {
			return err
		}
		rules := b.rules(n)
		ours = append(ours, &process{name: fmt.Sprintf("plugin, rules: %d", n), config: b.config("all.log", "", "trigger", rules), plugin: true, hits: hits, lines: len(lines)})
		one, err := hitsOf(b.corpus.rules(n), lines[:1])
		if err != nil {
			return err
		}
		starts = append(starts, &process{name: fmt.Sprintf("plugin, rules: %d, one line", n), config: b.config("one.log", "", "trigger", rules), plugin: true, hits: one, lines: 1})
	}
	processes = append(append(processes, ours...), starts...)
	if err := b.inTurns(b.runs, processes); err != nil {
		return err
	}
	if err := b.inTurns(min(b.runs, 3), []*process{nullFew, grep}); err != nil {
		return err
	}
	perLine := median(null.cpu) / float64(len(lines))
	out.host = perLine
	fmt.Printf("\nFluent Bit's tail of %s lines, user and system time; starting up is measured over one line:\n\n", figure(float64(len(lines))))
	fmt.Println("| | CPU s | × null | ns a line | of the start, ms | ns a line over null, start left out | RSS MB | over null |\n|---|---|---|---|---|---|---|---|")
	row := func(p, start *process) {
		cpu, base := median(p.cpu), median(null.cpu)
		begin, baseBegin := median(start.cpu), median(idle.cpu)
		fmt.Printf("| %s | %.3f | %.2f | %s | %.0f | %s | %.1f | %.1f |\n", p.name, cpu/1e9, cpu/base, figure(cpu/float64(p.lines)), begin/1e6,
			figure(((cpu-begin)-(base-baseBegin))/float64(p.lines)), median(p.rss), median(p.rss)-median(null.rss))
	}
	row(null, idle)
	for i := range ours {
		row(ours[i], starts[i])
	}
	over := (median(grep.cpu) - median(nullFew.cpu)) / float64(len(few))
	fmt.Printf("| %s | | %.0f | %s | | %s | %.1f | |\n", grep.name, (over+perLine)/perLine, figure(over+perLine), figure(over), median(grep.rss))
	return nil
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// config writes a configuration and returns its path.
func (b *bench) config(input, filter, output string, parameters []string) string {
	text := fmt.Sprintf("[SERVICE]\n    Flush 0.2\n    Grace 5\n    Log_Level info\n[INPUT]\n    Name tail\n    Path %s\n    Read_From_Head On\n    Exit_On_Eof On\n%s"+
		"[OUTPUT]\n    Name %s\n    Match *\n", b.path(input), filter, output)
	for _, p := range parameters {
		text += "    " + p + "\n"
	}
	files, _ := filepath.Glob(b.path("*.conf")) // the pattern is sound
	path := b.path(fmt.Sprintf("%d.conf", len(files)))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		panic(err)
	}
	return path
}

// rules writes the plugin's configuration and returns its parameters.
func (b *bench) rules(n int) []string {
	var text strings.Builder
	fmt.Fprintf(&text, "store = %q\n[egress]\nallow = [\"127.0.0.0/8\"]\n[[trigger]]\nname = \"peers\"\nurl = %q\n", b.path("store.db"), b.receiver)
	for i, e := range b.corpus.rules(n) {
		pattern, _ := json.Marshal(e) // a text of TOML, too
		fmt.Fprintf(&text, "[[rule]]\nname = \"rule-%d\"\npattern = %s\n", i, pattern)
		if i == n-1 {
			break
		}
	}
	path := b.path(fmt.Sprintf("rules-%d.toml", n))
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		panic(err)
	}
	return []string{"Config_File " + path}
}

// grepFilter keeps the lines that one of the rules matches. Onigmo writes named groups without the P.
func (b *bench) grepFilter(n int) string {
	var text strings.Builder
	text.WriteString("[FILTER]\n    Name grep\n    Match *\n    Logical_Op or\n")
	for _, e := range b.corpus.rules(n) {
		fmt.Fprintf(&text, "    Regex log (?:%s)\n", strings.ReplaceAll(e, "(?P<", "(?<"))
	}
	return text.String()
}

// checkGrep holds the lines that filter_grep keeps against those that the rules match.
func (b *bench) checkGrep(lines [][]byte) error {
	config := b.config("few.log", b.grepFilter(100), "file", []string{"Path " + b.dir, "File kept", "Format plain"})
	if _, _, err := b.start(&process{config: config}); err != nil {
		return err
	}
	text, err := os.ReadFile(b.path("kept"))
	if err != nil {
		return err
	}
	set, err := match.Compile(b.corpus.rules(100), match.Options{})
	if err != nil {
		return err
	}
	want, m := 0, set.NewMatcher()
	for _, l := range lines {
		if len(m.Match(l, nil, nil)) > 0 {
			want++
		}
	}
	if kept := bytes.Count(text, []byte{'\n'}); kept != want {
		return fmt.Errorf("kept %d lines, and %d match", kept, want)
	}
	return nil
}

// hitsOf counts the pairs of a line and a rule that matches it.
func hitsOf(exprs []string, lines [][]byte) (int, error) {
	m, err := newOurs(match.Options{})(exprs, lines)
	if err != nil {
		return 0, err
	}
	return len(pairs(m)), nil
}

func (b *bench) inTurns(runs int, processes []*process) error {
	for range runs {
		for _, p := range processes {
			cpu, rss, err := b.start(p)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			p.cpu = append(p.cpu, float64(cpu))
			p.rss = append(p.rss, rss/(1<<20))
		}
	}
	return nil
}

// start runs Fluent Bit to the end of its file and returns what it used: user and system time, and the most memory in bytes that was resident.
func (b *bench) start(p *process) (cpu time.Duration, rss float64, err error) {
	stores, _ := filepath.Glob(b.path("store.db*")) // the pattern is sound
	for _, f := range stores {
		if err := os.Remove(f); err != nil {
			return 0, 0, err
		}
	}
	args := []string{"-c", p.config}
	if p.plugin {
		args = append(args, "-e", b.plugin)
	}
	cmd := exec.Command(b.binary, args...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	peak := watchPeak(cmd.Process.Pid)
	err = cmd.Wait()
	rss = peak()
	if err == nil && p.plugin {
		err = checkTotals(log.Bytes(), p)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%w\n%s", err, log.Bytes())
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), rss, nil
}

// watchPeak reads the largest resident size of a process again and again; the figure of wait4 is of no use, since it counts what the process
// was a copy of before it became Fluent Bit. The function that it returns ends that and returns the last one in bytes.
func watchPeak(pid int) func() float64 {
	done, result := make(chan struct{}), make(chan float64)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		var last float64
		for {
			select {
			case <-tick.C:
				status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // gone when the process has ended
				if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok {
					if kb, err := strconv.ParseFloat(strings.Fields(after)[0], 64); err == nil {
						last = kb * 1024
					}
				}
			case <-done:
				result <- last
				return
			}
		}
	}()
	return func() float64 {
		close(done)
		return <-result
	}
}

// checkTotals holds what the plugin says at its end against what it must have seen.
func checkTotals(log []byte, p *process) error {
	for s := bufio.NewScanner(bytes.NewReader(log)); s.Scan(); {
		_, totals, ok := strings.Cut(s.Text(), "] stopped ")
		if !ok || !strings.Contains(s.Text(), "[output:trigger:") {
			continue
		}
		values := map[string]int{}
		for _, word := range strings.Fields(totals) {
			key, value, _ := strings.Cut(word, "=")
			values[key], _ = strconv.Atoi(value) // 0 for what is no number
		}
		if values["lines"] != p.lines || values["hits"] != p.hits {
			return fmt.Errorf("%d lines and %d hits, want %d and %d", values["lines"], values["hits"], p.lines, p.hits)
		}
		return nil
	}
	return errors.New("the plugin did not say that it stopped")
}
