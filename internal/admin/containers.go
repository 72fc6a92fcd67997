package admin

import (
	"net/http"
	"time"
)

type containersResponse struct {
	Containers []containerStatus `json:"containers"` // by name
	Next       string            `json:"next"`
}

// containerStatus is a container that the engine lists.
type containerStatus struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"` // as the engine has it
	Image    string     `json:"image,omitempty"`
	Workload string     `json:"workload,omitempty"`
	Engine   string     `json:"engine_state"` // the engine's word for it, such as running
	Followed bool       `json:"followed"`
	State    string     `json:"state,omitempty"`  // of what follows it, such as live
	Reason   string     `json:"reason,omitempty"` // why it is not followed, or why its log cannot be read just now
	Lines    int64      `json:"lines"`            // since the instance was started
	Hits     int64      `json:"hits"`
	Last     *time.Time `json:"last_line,omitempty"`
}

// containers lists the containers of the engine. The cursor is the name of the last one, a slash, which is in no name, and its id.
func containers(c *call) (any, error) {
	if c.instance.Containers == nil {
		return nil, problem(http.StatusNotFound, "the plugin does not know which containers there are: /api/v1/workloads lists those that records came from")
	}
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	out, cursor := containersResponse{Containers: []containerStatus{}}, c.query.Get("cursor")
	for _, f := range c.instance.Containers() {
		if cursor != "" && f.Name+"/"+f.ID <= cursor {
			continue
		}
		if len(out.Containers) == limit {
			last := out.Containers[limit-1]
			out.Next = last.Name + "/" + last.ID
			break
		}
		item := containerStatus{
			ID: f.ID, Name: f.Name, Image: f.Image, Workload: f.Workload, Engine: f.Engine, Followed: f.Followed, Reason: f.Reason, Lines: f.Lines, Hits: f.Hits,
			Last: timeOrNil(f.Last),
		}
		if f.Followed {
			item.State = f.State.String()
		}
		out.Containers = append(out.Containers, item)
	}
	return out, nil
}
