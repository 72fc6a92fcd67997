// Package e2e runs the real shared object in a host, from a log line to a webhook that arrives. Every scenario runs in the plugin host of
// test/host, and in fluent-bit where that is on PATH. Without gcc nothing can be built, and the tests are skipped with that reason.
package e2e
