// Package naming names containers and workloads.
//
// Decoders of records and the Docker reader gather Facts, each from its own source, and get the same names for the same container: Container is the
// name by which people know it, which outlives the container's id, and Workload is what it belongs to. A label may name a workload only within
// the compose project, swarm stack or Kubernetes namespace of its own container, unless any is allowed.
package naming
