// Package kubernetes reads the examples for clusters with the types of Kubernetes and of fluent-operator, which know every field, and renders them with the
// code of fluent-operator and of Helm. It is a module of its own, so that these are no dependencies.
//
// FLUENTBIT_TRIGGER_CHART names the folder of the chart fluent/fluent-bit. Without it the values are rendered by nothing here, and only test/examples looks
// at them.
package kubernetes
