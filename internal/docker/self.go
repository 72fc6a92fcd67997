package docker

import (
	"os"
	"regexp"
)

var (
	mountedFrom = regexp.MustCompile(`/containers/([0-9a-f]{64})/`)
	shortID     = regexp.MustCompile(`^[0-9a-f]{12}$`)
)

// OwnContainer returns the id of the container that this program runs in, or its first twelve digits; "" outside of containers. Engines mount
// files of the container's own folder, such as /etc/hostname, into each container, and name the machine after the id.
func OwnContainer() string {
	if _, err := os.Stat("/.dockerenv"); err != nil {
		if _, err := os.Stat("/run/.containerenv"); err != nil {
			return ""
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if m := mountedFrom.FindSubmatch(mounts); err == nil && m != nil {
		return string(m[1])
	}
	if name, err := os.Hostname(); err == nil && shortID.MatchString(name) {
		return name
	}
	return ""
}
