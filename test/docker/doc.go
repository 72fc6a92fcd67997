// Package docker tests docker-fluentbit against the Docker engine of this machine, where there is one.
package docker
