package run

import (
	"fmt"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// maxIdle bounds how many containers the warning names.
const maxIdle = 10

// idleWarnings warns when containers run and none of them is followed.
func idleWarnings(m *docker.Manager, p *pipeline.Pipeline) []pipeline.Warning {
	names, idle := m.Idle()
	if !idle {
		return nil
	}
	why := "labels or [docker] exclude leave out all of them"
	if wanted := p.Settings().Docker.Containers; len(wanted) > 0 {
		why = fmt.Sprintf("[docker] containers = [%s] matches none", strings.Join(quotedAll(wanted[:min(len(wanted), maxIdle)]), ", "))
		for _, glob := range wanted {
			if hint := setting.DidYouMean(glob, names); hint != "" {
				why += ", " + hint
				break
			}
		}
	}
	return []pipeline.Warning{{
		Code: pipeline.WarningNoContainer, Message: "no container is followed, so no line is looked at: " + why + " (there are " + strings.Join(names[:min(len(names), maxIdle)], ", ") + ")",
	}}
}

func quotedAll(list []string) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = fmt.Sprintf("%q", list[i])
	}
	return out
}
