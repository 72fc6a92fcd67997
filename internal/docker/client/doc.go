// Package client is internal/docker's API on top of Docker's own Go client.
//
// It promises: the Docker module is used in client.go alone, so that a change of that module is a change of one file; errors that
// the follower tells apart have the names of internal/docker.
package client
