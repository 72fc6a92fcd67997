// Package naming names containers and workloads.
//
// Decoders of records and the Docker reader collect Facts, each from its own source, and get the same names for the same container. Container is the
// name that people use, which outlives the container's id; Workload is the service or application to which the container belongs. A label may name only
// a workload within the compose project, swarm stack or Kubernetes namespace of its own container, unless the settings allow any.
package naming
