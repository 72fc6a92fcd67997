// Package pluginhost drives the plugin host of test/host, a program in C that does to a Fluent Bit output plugin what Fluent Bit does. It
// builds the host with gcc, starts it, and sends it commands over a pipe, one answer for each. What the commands are is said in
// test/host/host.c.
package pluginhost
