// Package reliability holds tests of what docs/reliability.md promises, with the plugin in its host, the command line and real files: faults
// of the store, secrets, and a real Alertmanager. The drill that kills the host is in test/e2e, flat memory in internal/delivery.
package reliability
