package admin

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// TestContainersArePaged lists what the reader of logs knows, page by page; the plugin knows none.
func TestContainersArePaged(t *testing.T) {
	b := newBench(t, "")
	b.want(http.StatusNotFound, "GET", "/api/v1/containers", nil)
	at := time.Unix(1795000000, 0)
	b.instance.Containers = func() []docker.FollowStatus {
		return []docker.FollowStatus{
			{ID: "1", Name: "a", Followed: true, State: docker.Live, Workload: "shop/a", Lines: 3, Hits: 2, Last: at, Engine: "running"},
			{ID: "2", Name: "a", Reason: "disabled by its label fluentbit-trigger.enable"},
			{ID: "3", Name: "b\x1b[2J", Reason: "its log driver does not store logs: none", State: docker.Unreadable},
		}
	}
	var all []map[string]any
	pages, cursor := 0, ""
	for pages < 5 {
		pages++
		answer := b.get("/api/v1/containers?limit=2&cursor=" + url.QueryEscape(cursor))
		all = append(all, listOf(answer, "containers")...)
		if cursor, _ = answer["next"].(string); cursor == "" {
			break
		}
	}
	if len(all) != 3 || pages != 2 {
		t.Fatalf("%d containers on %d pages", len(all), pages)
	}
	first, last := all[0], all[2]
	if first["followed"] != true || first["state"] != "live" || first["lines"] != 3.0 || first["hits"] != 2.0 || first["last_line"] != "2026-11-18T11:06:40Z" || first["engine_state"] != "running" {
		t.Errorf("%v", first)
	}
	if last["followed"] != false || last["reason"] != "its log driver does not store logs: none" || last["state"] != nil || last["last_line"] != nil {
		t.Errorf("%v", last)
	}
}
