// Command peers holds the matcher, the decoder and the whole plugin against others that do the same work, and prints Markdown tables. It is a
// module of its own, so that what it compares with is no dependency of the project.
//
// It promises figures that can be compared: everything runs on one processor, in turns (A B C A B C …), is measured by the processor time of
// the process, and is printed as the median over the rounds. And it promises that like is compared with like: before anything is timed, the
// rules that each matcher finds are compared with those of a plain loop over regexp, and a difference ends the program.
//
// Folders (-rule-folder, -line-folder) hold rules and logs of others: a regular expression a line in files *.txt, and lines of logs in any files. Rules are
// mixed by a fixed seed, so that the first hundred are of all files; the lines of the files are mixed in short runs; and where more lines are asked for than
// there are, they come again with other long numbers, so that branch prediction does not learn them.
//
// Latency is measured apart (-only latency), on all processors: lines are written one by one to a file, to Fluent Bit's input forward and to containers, each
// of them alerts, and the time counts from the write to the arrival of the webhook. Every line must arrive, once. Fluent Bit's own output http sends the same
// chunks beside the plugin, which shows how much of the time is Fluent Bit's.
//
// Hyperscan needs the build tag hyperscan and libhyperscan-dev; RE2 as C++ a second binary of this program, built with the tag re2_cgo; whole processes and
// latency need fluent-bit on PATH; the latency of docker-fluentbit run a Docker engine and busybox; the loop over Python's re needs python3. What is missing
// is left out, with a line that says so.
package main
