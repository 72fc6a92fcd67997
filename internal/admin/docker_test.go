package admin

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// TestEveryCounterOfTheDockerReaderIsReported gives each counter a value of its own, and finds each in the metrics and in the stats.
func TestEveryCounterOfTheDockerReaderIsReported(t *testing.T) {
	s := docker.Stats{Notices: map[docker.NoticeKind]int64{}}
	s.States[docker.Live] = 700
	next := int64(701)
	own := func() int64 { next++; return next }
	for _, kind := range docker.NoticeKinds() {
		s.Notices[kind] = own()
	}
	var want []string // values
	fields := reflect.ValueOf(&s).Elem()
	for i := range fields.NumField() {
		switch f, name := fields.Field(i), fields.Type().Field(i).Name; {
		case f.Kind() != reflect.Int64 || name == "Lines" || name == "Events": // those are lines_total and container_events_total when they are evaluated
		case name == "Gaps":
			f.SetInt(s.Notices[docker.NoticeGap])
		case name == "Panics":
			f.SetInt(own())
		default:
			f.SetInt(own())
			want = append(want, fmt.Sprint(f.Int()))
		}
	}
	b := newBench(t, "")
	b.standalone(s)
	metrics := b.want(http.StatusOK, "GET", "/metrics", nil).text
	stats := b.want(http.StatusOK, "GET", "/api/v1/stats", nil).text
	for _, value := range want {
		if !strings.Contains(metrics, `{id="t"} `+value+"\n") || !strings.Contains(stats, ":"+value) {
			t.Errorf("the counter of %s is not reported", value)
		}
	}
	for _, kind := range docker.NoticeKinds() {
		if line := fmt.Sprintf("fluentbit_trigger_docker_notices_total{id=\"t\",kind=%q} %d\n", kind, s.Notices[kind]); !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
		if pair := fmt.Sprintf("%q:%d", kind, s.Notices[kind]); !strings.Contains(stats, pair) {
			t.Errorf("the stats lack %s", pair)
		}
	}
	for _, line := range []string{
		`tails{id="t",state="live"} 700`, fmt.Sprintf(`panics_total{id="t"} %d`, s.Panics), fmt.Sprintf(`dropped_total{id="t",what="gaps"} %d`, s.Gaps),
	} {
		if !strings.Contains(metrics, "fluentbit_trigger_"+line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
	if strings.Contains(metrics, `what="unreadable"`) {
		t.Error("a log that is not to be read counts as dropped")
	}
	checkMetrics(t, metrics)
}
