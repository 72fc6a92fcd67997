package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
)

// hostRules are the numbers of rules that the plugin is measured with.
var hostRules = []int{0, 10, 100, 1000}

// grepTries bounds how often filter_grep tries an expression in one run: it takes minutes for as many lines as the others.
const grepTries = 400_000

// process is a way to run Fluent Bit over a file.
type process struct {
	name   string
	config string
	load   string // the shared object
	plugin bool   // it is ours, and says what it counted
	hits   int    // that it must count
	lines  int    // that the file holds
	cpu    []float64
	rss    []float64 // the most, in MB
	anon   []float64 // the same without pages of files, which the kernel can drop
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
	if o.floor != "" {
		if o.floor, err = filepath.Abs(o.floor); err != nil {
			return err
		}
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

// twin is a way to run Fluent Bit over all its lines, and over one: starting up.
type twin struct{ whole, start *process }

func (b *bench) run(out *results) error {
	all := b.corpus.rules(hostRules[len(hostRules)-1])
	lines, err := b.corpus.newLines(b.fileLines, all, b.corpus.rules(100))
	if err != nil {
		return err
	}
	for name, some := range map[string][][]byte{"all.log": lines, "one.log": lines[:1]} {
		if err := os.WriteFile(b.path(name), joined(some), 0o600); err != nil {
			return err
		}
	}
	null := twin{
		&process{name: "null", config: b.config("all.log", "", "null", nil), lines: len(lines)},
		&process{config: b.config("one.log", "", "null", nil), lines: 1},
	}
	ours := append([]twin{null}, b.floors(len(lines))...)
	var greps []twin
	for _, n := range hostRules {
		if n > len(all) {
			break
		}
		t, err := b.plugged(n, lines)
		if err != nil {
			return err
		}
		ours = append(ours, t)
		if n == 0 {
			continue
		}
		if t, err = b.grep(n, lines[:min(len(lines), grepTries/n)]); err != nil {
			return err
		}
		greps = append(greps, t)
	}
	if err := b.inTurns(b.runs, append(wholes(ours), starts(ours)...)); err != nil {
		return err
	}
	if err := b.inTurns(min(b.runs, 3), append(wholes(greps), starts(greps)...)); err != nil {
		return err
	}
	out.host = median(null.whole.cpu) / float64(len(lines))
	b.report(lines, null, append(ours, greps...))
	return nil
}

// floors is Fluent Bit with plugins that do nothing: see the folder floor. Without it they are left out.
func (b *bench) floors(lines int) (out []twin) {
	if b.floor == "" {
		return nil
	}
	for _, f := range []struct{ name, read string }{{"a plugin that does nothing", "off"}, {"a plugin that reads every byte once", "on"}} {
		out = append(out, twin{
			&process{name: f.name, config: b.config("all.log", "", "floor", []string{"Read " + f.read}), load: b.floor, lines: lines},
			&process{config: b.config("one.log", "", "floor", []string{"Read " + f.read}), load: b.floor, lines: 1},
		})
	}
	return out
}

// plugged is Fluent Bit with the plugin and n rules.
func (b *bench) plugged(n int, lines [][]byte) (twin, error) {
	hits, err := hitsOf(b.corpus.rules(n), lines)
	if err != nil {
		return twin{}, err
	}
	one, err := hitsOf(b.corpus.rules(n), lines[:1])
	if err != nil {
		return twin{}, err
	}
	rules := b.rules(n)
	return twin{
		&process{name: fmt.Sprintf("plugin, rules: %d", n), config: b.config("all.log", "", "trigger", rules), load: b.plugin, plugin: true, hits: hits, lines: len(lines)},
		&process{config: b.config("one.log", "", "trigger", rules), load: b.plugin, plugin: true, hits: one, lines: 1},
	}, nil
}

// grep is Fluent Bit with its filter grep and n rules.
func (b *bench) grep(n int, lines [][]byte) (twin, error) {
	filter, err := b.grepFilter(n)
	if err != nil {
		return twin{}, err
	}
	file := fmt.Sprintf("grep-%d.log", n)
	if err := os.WriteFile(b.path(file), joined(lines), 0o600); err != nil {
		return twin{}, err
	}
	if err := b.checkGrep(n, file, filter, lines); err != nil && !b.corpus.own {
		return twin{}, fmt.Errorf("filter_grep: %w", err)
	} else if err != nil {
		fmt.Printf("\nfilter_grep, whose %d expressions are Ruby's: %v\n", n, err)
	}
	return twin{
		&process{name: fmt.Sprintf("filter_grep, rules: %d", n), config: b.config(file, filter, "null", nil), lines: len(lines)},
		&process{config: b.config("one.log", filter, "null", nil), lines: 1},
	}, nil
}

func wholes(twins []twin) (out []*process) {
	for _, t := range twins {
		out = append(out, t.whole)
	}
	return out
}

func starts(twins []twin) (out []*process) {
	for _, t := range twins {
		out = append(out, t.start)
	}
	return out
}

// report prints a row for each way. Those that read fewer lines are scaled.
func (b *bench) report(lines [][]byte, null twin, all []twin) {
	size := 0
	distinct := map[string]bool{}
	for _, l := range lines {
		size += len(l)
		distinct[string(l)] = true
	}
	n := float64(len(lines))
	fmt.Printf("\nFluent Bit's tail of %s lines, %s of which differ, of %.0f bytes on average; user and system time, medians of %d in turns; starting up is "+
		"measured over one line:\n\n", figure(n), figure(float64(len(distinct))), float64(size)/n, b.runs)
	fmt.Println("| | CPU s | × null | × null, start left out | ns a line over null, start left out | start over null, ms | RSS over null, MB | of it anonymous | hits in 1,000 lines |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	begin0, rss0, anon0 := median(null.start.cpu), median(null.whole.rss), median(null.whole.anon)
	line0 := (median(null.whole.cpu) - begin0) / n
	for _, t := range all {
		begin := median(t.start.cpu)
		line := (median(t.whole.cpu) - begin) / float64(t.whole.lines)
		cpu := begin + line*n
		name, hits := t.whole.name, "–"
		rss, anon := fmt.Sprintf("%.1f", median(t.whole.rss)-rss0), fmt.Sprintf("%.1f", median(t.whole.anon)-anon0)
		if t.whole.lines < len(lines) {
			name, rss, anon = fmt.Sprintf("%s (%s lines, scaled)", name, figure(float64(t.whole.lines))), "–", "–"
		}
		if t.whole.plugin {
			hits = fmt.Sprintf("%.1f", 1000*float64(t.whole.hits)/n)
		}
		fmt.Printf("| %s | %.3f | %.2f | %.2f | %s | %.0f | %s | %s | %s |\n", name, cpu/1e9, cpu/median(null.whole.cpu), line/line0, figure(line-line0),
			(begin-begin0)/1e6, rss, anon, hits)
	}
	fmt.Printf("\nnull: start %.0f ms, RSS %.1f MB, %s ns a line without the start.\n", begin0/1e6, rss0, figure(line0))
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

// onigmoRefuses finds the expression that filter_grep does not take in what Fluent Bit prints before it ends.
var onigmoRefuses = regexp.MustCompile(`could not compile regex pattern '(.*)'`)

// grepFilter keeps the lines that one of the rules matches, except those that Fluent Bit refuses.
func (b *bench) grepFilter(n int) (string, error) {
	refused := map[string]bool{}
	for {
		var text strings.Builder
		text.WriteString("[FILTER]\n    Name grep\n    Match *\n    Logical_Op or\n")
		for _, e := range b.corpus.rules(n) {
			if e = onigmo(e); !refused[e] {
				fmt.Fprintf(&text, "    Regex log %s\n", e)
			}
		}
		_, _, err := b.start(&process{config: b.config("one.log", text.String(), "null", nil)})
		if err == nil {
			if len(refused) > 0 {
				fmt.Printf("\nfilter_grep refused %d of the %d rules and did without them.\n", len(refused), n)
			}
			return text.String(), nil
		}
		found := onigmoRefuses.FindStringSubmatch(err.Error())
		if found == nil || refused[found[1]] {
			return "", err
		}
		refused[found[1]] = true
	}
}

var inlineFlags = regexp.MustCompile(`\(\?([ims]*)(-[ims]+)?([:)])`)

// onigmo writes an expression as Onigmo, Ruby's, has it: named groups without the P, the flag m for a point that matches line ends, and none for ^ and $
// at line ends, of which a line has none. The group around it keeps blanks at its ends.
func onigmo(expr string) string {
	expr = inlineFlags.ReplaceAllStringFunc(strings.ReplaceAll(expr, "(?P<", "(?<"), func(flags string) string {
		flags = strings.ReplaceAll(strings.ReplaceAll(flags, "m", ""), "s", "m")
		if flags == "(?)" {
			return ""
		}
		return flags
	})
	return "(?:" + expr + ")"
}

// checkGrep holds the lines that filter_grep keeps against those that the rules match.
func (b *bench) checkGrep(n int, file, filter string, lines [][]byte) error {
	kept := fmt.Sprintf("kept-%d", n)
	config := b.config(file, filter, "file", []string{"Path " + b.dir, "File " + kept, "Format plain"})
	if _, _, err := b.start(&process{config: config}); err != nil {
		return err
	}
	text, err := os.ReadFile(b.path(kept))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // there is none when nothing was kept
		return err
	}
	set, err := match.Compile(b.corpus.rules(n), match.Options{})
	if err != nil {
		return err
	}
	want, m := 0, set.NewMatcher()
	for _, l := range lines {
		if len(m.Match(l, nil, nil)) > 0 {
			want++
		}
	}
	if got := bytes.Count(text, []byte{'\n'}); got != want {
		return fmt.Errorf("kept %d lines, and %d match", got, want)
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
			cpu, memory, err := b.start(p)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			p.cpu = append(p.cpu, float64(cpu))
			p.rss = append(p.rss, memory.resident/1024)
			p.anon = append(p.anon, memory.anonymous/1024)
		}
	}
	return nil
}

// start runs Fluent Bit to the end of its file and returns what it used: user and system time, and the most memory in bytes that was resident.
func (b *bench) start(p *process) (cpu time.Duration, memory peaks, err error) {
	stores, _ := filepath.Glob(b.path("store.db*")) // the pattern is sound
	for _, f := range stores {
		if err := os.Remove(f); err != nil {
			return 0, peaks{}, err
		}
	}
	args := []string{"-c", p.config}
	if p.load != "" {
		args = append(args, "-e", p.load)
	}
	cmd := exec.Command(b.binary, args...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return 0, peaks{}, err
	}
	peak := watchPeak(cmd.Process.Pid)
	err = cmd.Wait()
	memory = peak()
	if err == nil && p.plugin {
		err = checkTotals(log.Bytes(), p)
	}
	if err != nil {
		return 0, peaks{}, fmt.Errorf("%w\n%s", err, log.Bytes())
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), memory, nil
}

// peaks are the most memory of a process, in KiB: VmHWM and RssAnon of proc(5).
type peaks struct{ resident, anonymous float64 }

// watchPeak reads the memory of a process again and again; the figure of wait4 is of no use, since it counts what the process was a copy of before it
// became Fluent Bit. The function that it returns ends that and returns the most.
func watchPeak(pid int) func() peaks {
	done, result := make(chan struct{}), make(chan peaks)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		var most peaks
		for {
			select {
			case <-tick.C:
				status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // gone when the process has ended
				most.resident = max(most.resident, kibibytes(status, "VmHWM:"))
				most.anonymous = max(most.anonymous, kibibytes(status, "RssAnon:"))
			case <-done:
				result <- most
				return
			}
		}
	}()
	return func() peaks {
		close(done)
		return <-result
	}
}

// kibibytes returns a number of a process's status, 0 if there is none.
func kibibytes(status []byte, name string) float64 {
	_, after, _ := strings.Cut(string(status), name)
	number, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, _ := strconv.ParseFloat(number, 64) // 0 for what is no number
	return n
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
