// Package client is internal/docker's API on top of Docker's own Go client.
//
// It promises: errors that internal/docker handles have its names; no password of a host appears in an error.
package client
