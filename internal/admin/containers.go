package admin

import (
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
)

// containers lists the containers of the engine. The cursor is the name of the last one, a slash, which is in no name, and its id.
func containers(c *call) (any, error) {
	if c.instance.Containers == nil {
		return nil, problem(http.StatusNotFound, "the plugin does not know which containers there are: /api/v1/workloads lists those that records came from")
	}
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	out, cursor := adminapi.ContainersResponse{Containers: []adminapi.Container{}}, c.query.Get("cursor")
	for _, f := range c.instance.Containers() {
		if cursor != "" && f.Name+"/"+f.ID <= cursor {
			continue
		}
		if len(out.Containers) == limit {
			last := out.Containers[limit-1]
			out.Next = last.Name + "/" + last.ID
			break
		}
		item := adminapi.Container{
			ID: f.ID, Name: f.Name, Image: f.Image, Workload: f.Workload, Engine: f.Engine, Followed: f.Followed, Reason: f.Reason, Lines: f.Lines, Hits: f.Hits, Joined: f.Joined,
			LastLine: utc(f.Last),
		}
		if f.Followed {
			item.State = f.State.String()
		}
		out.Containers = append(out.Containers, item)
	}
	return out, nil
}
