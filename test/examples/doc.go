// Package examples holds what the repository ships for copying to its word: every Fluent Bit configuration in examples/, those inside the
// compose file and the Kubernetes manifest included, runs in the real Fluent Bit until its alert arrives; every rule file is executed over
// lines; every block of the documents that shows a file is that file, and every other one is loaded.
//
// Without Fluent Bit on PATH the configurations are still loaded, and what was not run is said.
package examples
