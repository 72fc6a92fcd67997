package docker

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/naming"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Settings selects the containers to follow.
type Settings struct {
	// Globs of the containers to follow; none: all. A glob is compared with the container's name, its image, its compose project, service and
	// project/service, and each of its labels as key=value; * stands for any text, slashes included, ? for one character.
	Containers []string `toml:"containers"`
	// Globs of containers to leave out, also of those that containers names.
	Exclude []string `toml:"exclude"`
	// AnyWorkload lets a container's label name any workload, as labels.workload says.
	AnyWorkload bool `toml:"-"`
	// Join joins the lines of a stack trace to one record, as records.join says.
	Join bool `toml:"-"`
}

// LabelSettings limits the settings that containers may have in their labels.
type LabelSettings struct {
	// Labels such as fluentbit-trigger.rule.NAME.pattern make rules for their container: any setting of a rule, in the form of flat parameters.
	// Who may start containers may then write rules. The standalone program alone looks at labels so.
	Rules bool `toml:"rules"`
	// The workloads that the label, or in Kubernetes the annotation, fluentbit-trigger.workload may name: those of the container's own compose
	// project, swarm stack or Kubernetes namespace (own), or every one (any). With any, whoever may label a container can make it speak, and cool
	// down, as another one's workload.
	Workload string `toml:"workload"`
}

// The values of LabelSettings.Workload.
const (
	WorkloadOwn = "own"
	WorkloadAny = "any"
)

// DefaultLabelSettings returns the default settings.
func DefaultLabelSettings() LabelSettings { return LabelSettings{Workload: WorkloadOwn} }

// DefaultSettings returns the default settings: all containers are followed, and stack traces are joined.
func DefaultSettings() Settings { return Settings{Join: true} }

// Validate returns everything that is wrong with the settings.
func (s *Settings) Validate() []setting.Fault {
	var fs setting.Faults
	for _, list := range []struct {
		field string
		globs []string
	}{{"containers", s.Containers}, {"exclude", s.Exclude}} {
		for i, g := range list.globs {
			if g == "" {
				fs.Add(list.field, "", fmt.Sprintf("entry %d must not be empty: it would match nothing", i+1), "* matches any text")
			}
		}
	}
	return fs
}

// Validate returns everything that is wrong with the settings.
func (s *LabelSettings) Validate() []setting.Fault {
	var fs setting.Faults
	fs.OneOf("workload", s.Workload, []string{WorkloadOwn, WorkloadAny})
	return fs
}

// facts returns the names of a container.
func facts(c *Container) *naming.Facts {
	f := &naming.Facts{ID: c.ID, Name: c.Name, Tag: c.ID} // the fallback without a name
	for key, value := range c.Labels {
		f.SetLabel(key, value)
	}
	return f
}

// source returns the source of a container's records. refused is true if a label names a workload of another project.
func source(c *Container, host string, anyWorkload bool) (s *engine.Source, refused bool) {
	f := facts(c)
	workload, refused := f.Workload(anyWorkload)
	return &engine.Source{
		Kind: "log", Workload: workload, Host: host,
		Container: engine.Container{ID: c.ID, Name: f.Container(), Image: bounded(c.Image), ImageID: bounded(c.ImageID)},
	}, refused
}

func bounded(s string) string { return s[:min(len(s), naming.MaxName)] }

// Follows reports whether a container is followed. own is the id of the container that this program runs in, or its first twelve digits.
func (s *Settings) Follows(c *Container, own string) bool {
	return s.whyNotFollowed(c, own) == ""
}

// enabled reports whether a container's labels enable it.
func enabled(labels map[string]string) bool {
	on, err := strconv.ParseBool(strings.ToLower(labels[naming.LabelEnable]))
	return err != nil || on
}

// matching returns the first of the globs that matches one of the container's names; "" if no glob matches.
func matching(globs []string, c *Container) string {
	if len(globs) == 0 {
		return ""
	}
	project, service := c.Labels[naming.LabelComposeProject], c.Labels[naming.LabelComposeService]
	names := []string{c.Name, c.Image, project, service}
	if project != "" && service != "" {
		names = append(names, project+"/"+service)
	}
	for k, v := range c.Labels {
		names = append(names, k+"="+v)
	}
	for _, g := range globs {
		for _, name := range names {
			if name != "" && glob.Match(g, name) {
				return g
			}
		}
	}
	return ""
}

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
