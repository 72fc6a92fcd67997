package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

type options struct {
	cpu, rounds, lines, runs, fileLines int
	check                               int
	rules                               string
	only, plot, title, re2              string
	plugin, floor                       string
	ruleFolder, lineFolder              string
	corpus                              *corpus
	serve                               bool
	cli                                 string   // of the latency
	ways                                []string // likewise
	seconds                             int      // of each way
}

func main() {
	var o options
	flag.IntVar(&o.cpu, "cpu", -1, "the processor to run on; -1: the last one")
	flag.IntVar(&o.rounds, "rounds", 7, "rounds of the matchers and decoders")
	flag.IntVar(&o.lines, "lines", 8000, "lines that the matchers go over")
	flag.IntVar(&o.check, "check", 800_000, "tries of a regexp that the plain loop has, which all must agree with, for each set of rules")
	flag.StringVar(&o.rules, "rules", "1,10,100,100L,1000,1000L,2000", "numbers of rules; L leaves out those without fixed text")
	flag.IntVar(&o.runs, "runs", 5, "runs of each whole process")
	flag.IntVar(&o.fileLines, "file-lines", 400_000, "lines that a whole process reads")
	flag.StringVar(&o.only, "only", "match,decode,process", "what to measure; latency alone, since that is of all processors")
	flag.StringVar(&o.plot, "plot", "", "file for the plot (SVG)")
	flag.StringVar(&o.title, "title", "Processor time for one line, by number of rules", "title of the plot")
	flag.StringVar(&o.re2, "re2-cgo", "", "this program, built with the tag re2_cgo")
	flag.StringVar(&o.plugin, "plugin", "../../bin/out_trigger.so", "the plugin")
	flag.StringVar(&o.floor, "floor", "", "the plugin of the folder floor")
	flag.StringVar(&o.ruleFolder, "rule-folder", "", "a folder of files *.txt with a regular expression a line, instead of rules that are made up")
	flag.StringVar(&o.lineFolder, "line-folder", "", "a folder of logs, instead of lines that are made up")
	flag.StringVar(&o.cli, "program", "../../bin/docker-fluentbit", "the command line")
	ways := flag.String("ways", "tail,forward,run", "the ways whose latency is measured")
	flag.IntVar(&o.seconds, "seconds", 25, "how long lines are written for each of them")
	flag.BoolVar(&o.serve, "serve", false, "be the RE2 matcher of another run, over standard input and output")
	flag.Parse()
	o.ways = strings.Split(*ways, ",")
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.serve {
		return serveRE2(os.Stdin, os.Stdout)
	}
	if o.only == "latency" {
		fmt.Println(machine())
		return measureLatency(o)
	}
	if err := pin(o.cpu); err != nil {
		return err
	}
	fmt.Println(machine())
	corpus, err := newCorpus(o.ruleFolder, o.lineFolder)
	if err != nil {
		return err
	}
	o.corpus = corpus
	results := &results{title: o.title}
	for _, part := range strings.Split(o.only, ",") {
		switch part {
		case "match":
			err = measureMatchers(o, results)
		case "decode":
			err = measureDecoders(o)
		case "process":
			err = measureProcesses(o, results)
		default:
			err = fmt.Errorf("-only %q: must be one of match, decode, process, or latency alone", part)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	if plot := results.svg(); o.plot != "" && plot != "" {
		return os.WriteFile(o.plot, []byte(plot), 0o644)
	}
	return nil
}

// pinned is set in the environment of a process that runs on one processor already.
const pinned = "PEERS_PINNED"

// pin puts the program on one processor. It starts itself again, so that the Go runtime counts one processor from the beginning.
func pin(cpu int) error {
	if os.Getenv(pinned) != "" {
		return nil
	}
	var allowed, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return fmt.Errorf("processors: %w", err)
	}
	if cpu < 0 {
		for i := range len(allowed) * 64 {
			if allowed.IsSet(i) {
				cpu = i
			}
		}
	}
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("processor %d: %w", cpu, err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// The call changed the thread that it ran on, and exec goes on with the program on that thread.
	return syscall.Exec(self, os.Args, append(os.Environ(), pinned+"="+strconv.Itoa(cpu)))
}
