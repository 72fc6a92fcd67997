package docker

import (
	"net"
	"testing"
)

// TestAnEngineLeavesTheMachinesNetwork: an engine of a test's own does not remove the bridge of the machine's engine.
func TestAnEngineLeavesTheMachinesNetwork(t *testing.T) {
	if _, err := net.InterfaceByName("docker0"); err != nil {
		t.Skip("there is no docker0 here")
	}
	ownEngine(t)
	if _, err := net.InterfaceByName("docker0"); err != nil {
		t.Errorf("docker0 is gone: %v", err)
	}
}
