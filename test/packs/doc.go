// Package packs holds the rule packs of examples/rules to the output of real programs.
//
// testdata/NAME holds what programs of one language or server printed, byte for byte, and the programs themselves:
//
//	cases.txt           the programs and how they were run
//	src/                their source
//	hit/RULE/CASE.*     output with an error that RULE must find
//	joined/RULE/CASE.*  the same, where no single line shows that it is an error
//	miss/CASE.*         output in which no rule may find anything
//	trace/CASE.*        output of a language without a pack
//	hits.golden         which line hits which rule
//	traces.golden       the exceptions and frames that package trace reads
//
// CASE.stdout and CASE.stderr are the two streams of one run. Every file is tried line by line, as container engines hand lines over, and
// joined, as one record that Fluent Bit's multiline filter makes of a stack trace. testdata/README.md says which versions ran.
//
// "go run ./test/packs/record NAME ..." runs the programs again where their runtimes are installed. With
// FLUENTBIT_TRIGGER_PACKS=NAME,... a test does so and holds the packs to what they print now.
package packs
