// Package compose tries what docker-fluentbit/ ships for Docker on the engine of this machine: the Dockerfile's targets, the stack of compose.yaml, the
// Docker CLI plugin, and the way of numbered lines through the fluentd log driver and the plugin in Fluent Bit, across restarts of Fluent Bit.
//
// No registry is asked. Where an image that the Dockerfile builds on is missing, one is made under its name from what is installed here: Debian's own
// packages and Go for the build, busybox, and the fluent-bit on PATH with its libraries. What the tests made is removed again.
package compose
