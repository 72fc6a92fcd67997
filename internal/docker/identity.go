package docker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tidwall/match"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// Settings says which containers are followed.
type Settings struct {
	// Globs of the containers to follow; none: all. A glob is compared with the container's name, its image, its compose project, service and
	// project/service, and each of its labels as key=value; * stands for any text, slashes included, ? for one character.
	Containers []string `toml:"containers"`
	// Globs of containers to leave out, also of those that containers names.
	Exclude []string `toml:"exclude"`
}

// LabelSettings says what containers may bring along in their labels.
type LabelSettings struct {
	// Labels such as fluentbit-trigger.rule.NAME.pattern make rules for their container: any setting of a rule, in the form of flat parameters.
	// Who may start containers may then write rules. The standalone program alone looks at labels so.
	Rules bool `toml:"rules"`
}

// DefaultSettings returns the settings in force when none are set: all containers are followed.
func DefaultSettings() Settings { return Settings{} }

// Validate reports everything that is wrong with the settings.
func (s *Settings) Validate() error {
	var errs []error
	for _, list := range []struct {
		field string
		globs []string
	}{{"containers", s.Containers}, {"exclude", s.Exclude}} {
		for i, g := range list.globs {
			if g == "" {
				errs = append(errs, fmt.Errorf("%s entry %d is empty, which matches nothing: write * for any text", list.field, i+1))
			}
		}
	}
	return errors.Join(errs...)
}

// The labels that count.
const (
	labelEnable         = "fluentbit-trigger.enable"
	labelWorkload       = "fluentbit-trigger.workload"
	labelComposeProject = "com.docker.compose.project"
	labelComposeService = "com.docker.compose.service"
	labelSwarmService   = "com.docker.swarm.service.name"
)

// maxName bounds each name that is kept of a container.
const maxName = 512

// workload names what a container belongs to: its label, else its compose project and service, its swarm service, its name.
func workload(c *Container) string {
	project, service := c.Labels[labelComposeProject], c.Labels[labelComposeService]
	name := c.Name
	switch {
	case c.Labels[labelWorkload] != "":
		name = c.Labels[labelWorkload]
	case service != "" && project != "":
		name = project + "/" + service
	case service != "":
		name = service
	case c.Labels[labelSwarmService] != "":
		name = c.Labels[labelSwarmService]
	case name == "":
		name = c.ID
	}
	return bounded(name)
}

func bounded(s string) string { return s[:min(len(s), maxName)] }

// source describes a container as the engine knows it.
func source(c *Container, host string) *engine.Source {
	return &engine.Source{
		Kind: "log", Workload: workload(c), Host: host,
		Container: engine.Container{ID: c.ID, Name: bounded(c.Name), Image: bounded(c.Image)},
	}
}

// wants reports whether a container is followed. own is the id of the container that this program runs in, or its first twelve digits.
func (s *Settings) wants(c *Container, own string) bool {
	if len(own) >= 12 && strings.HasPrefix(c.ID, own) {
		return false
	}
	return enabled(c.Labels) && (len(s.Containers) == 0 || anyMatches(s.Containers, c)) && !anyMatches(s.Exclude, c)
}

// enabled reports whether a container's labels leave it in.
func enabled(labels map[string]string) bool {
	on, err := strconv.ParseBool(strings.ToLower(labels[labelEnable]))
	return err != nil || on
}

// anyMatches reports whether one of the globs matches one of the container's names.
func anyMatches(globs []string, c *Container) bool {
	if len(globs) == 0 {
		return false
	}
	project, service := c.Labels[labelComposeProject], c.Labels[labelComposeService]
	names := []string{c.Name, c.Image, project, service}
	if project != "" && service != "" {
		names = append(names, project+"/"+service)
	}
	for k, v := range c.Labels {
		names = append(names, k+"="+v)
	}
	for _, g := range globs {
		for _, name := range names {
			if name != "" && match.Match(name, g) {
				return true
			}
		}
	}
	return false
}
