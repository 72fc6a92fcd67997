package chunktest

import (
	"strconv"
	"strings"
	"time"
)

// Line is one line, or one part of a line.
type Line struct {
	Time   int64  // nanoseconds since 1970; 0 stands for one millisecond after the line before
	Stream string // stdout or stderr; "" stands for stdout
	Text   string // without its line end
	// More says that the line goes on in the next one of the same stream. Shapes that have no partial lines ignore it.
	More bool
	// Extra keys of the record.
	Extra Map
}

// Lines makes lines of texts.
func Lines(texts ...string) []Line {
	lines := make([]Line, len(texts))
	for i, text := range texts {
		lines[i].Text = text
	}
	return lines
}

// The origin that the shapes give their lines unless a test names another.
const (
	ContainerID   = "4f1c9a0d2b7e6a5c8d3f1e0b9a8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c"
	ContainerName = "shop-api-1"
	FirstTime     = 1795370400_000000000 // 2026-11-22T18:00:00Z
)

// stamps sets the fields that a line does not contain.
func stamps(lines []Line, fn func(i int, l Line)) {
	at := int64(FirstTime)
	for i, l := range lines {
		if l.Time != 0 {
			at = l.Time
		}
		l.Time = at
		if l.Stream == "" {
			l.Stream = "stdout"
		}
		fn(i, l)
		at += 1e6
	}
}

func stamp(ns int64) string {
	return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000000Z07:00")
}

// Docker makes the chunk of the forward input that receives from Docker's fluentd log driver.
func Docker(lines ...Line) []byte {
	return DockerOf(ContainerID, ContainerName, "shop", "api", lines...)
}

// DockerOf is Docker for a container of a compose project; without one when service is empty.
func DockerOf(id, name, project, service string, lines ...Line) (chunk []byte) {
	ordinal := map[string]int{}
	stamps(lines, func(_ int, l Line) {
		record := WideMap{{"container_id", id}, {"container_name", "/" + name}, {"source", l.Stream}, {"log", l.Text}}
		if service != "" {
			record = append(record, Pair{"com.docker.compose.project", project}, Pair{"com.docker.compose.service", service})
		}
		if l.More || ordinal[l.Stream] > 0 {
			ordinal[l.Stream]++
			record = append(record, Pair{"partial_message", "true"}, Pair{"partial_id", "3f2a" + l.Stream},
				Pair{"partial_ordinal", strconv.Itoa(ordinal[l.Stream])}, Pair{"partial_last", map[bool]string{true: "false", false: "true"}[l.More]})
			if !l.More {
				ordinal[l.Stream] = 0
			}
		}
		chunk = Event(chunk, l.Time, WideMap{}, append(record, l.Extra...))
	})
	return chunk
}

// JSONFile makes the chunk of the tail input with the parser "docker" and path_key filename.
func JSONFile(lines ...Line) (chunk []byte) {
	stamps(lines, func(_ int, l Line) {
		if !l.More {
			l.Text += "\n"
		}
		record := WideMap{{"log", l.Text}, {"stream", l.Stream}, {"time", stamp(l.Time)},
			{"filename", "/var/lib/docker/containers/" + ContainerID + "/" + ContainerID + "-json.log"}}
		chunk = Event(chunk, l.Time, WideMap{}, append(record, l.Extra...))
	})
	return chunk
}

// CRITag is a tag that Fluent Bit makes of the path of a Kubernetes container's log.
const CRITag = "kube.var.log.containers.api-5b6d8f9c7d-x2x4k_shop_api-" + ContainerID + ".log"

// CRI makes the chunk of the tail input with the parser "cri", to be used with CRITag.
func CRI(lines ...Line) (chunk []byte) {
	stamps(lines, func(_ int, l Line) {
		tag := "F"
		if l.More {
			tag = "P"
		}
		record := WideMap{{"time", stamp(l.Time)}, {"stream", l.Stream}, {"logtag", tag}, {"message", l.Text}}
		chunk = Event(chunk, l.Time, WideMap{}, append(record, l.Extra...))
	})
	return chunk
}

// Kubernetes makes the chunk of the tail input with multiline.parser cri behind the kubernetes filter.
func Kubernetes(lines ...Line) (chunk []byte) {
	pod := Map{
		{"pod_name", "api-5b6d8f9c7d-x2x4k"}, {"namespace_name", "shop"}, {"pod_id", "f8e2b4a0-1c3d-4e5f-8a9b-0c1d2e3f4a5b"},
		{"labels", Map{{"app.kubernetes.io/name", "api"}, {"app.kubernetes.io/part-of", "shop"}, {"pod-template-hash", "5b6d8f9c7d"}, {"tier", "backend"}}},
		{"annotations", Map{{"prometheus.io/scrape", "true"}, {"prometheus.io/port", "9090"}, {"team", "payments"}}},
		{"host", "node-1"}, {"pod_ip", "10.1.2.3"}, {"container_name", "api"}, {"docker_id", ContainerID},
		{"container_hash", "registry.local/api@sha256:" + strings.Repeat("ab", 32)}, {"container_image", "registry.local/shop/api:1.4.2"},
	}
	stamps(lines, func(_ int, l Line) {
		record := WideMap{{"time", stamp(l.Time)}, {"stream", l.Stream}, {"_p", "F"}, {"log", l.Text}, {"kubernetes", pod}}
		chunk = Event(chunk, l.Time, WideMap{}, append(record, l.Extra...))
	})
	return chunk
}

// OTLP makes the chunk of the opentelemetry input: one group.
func OTLP(lines ...Line) []byte {
	chunk := GroupStart(nil, Map{{"service.name", "checkout"}, {"service.namespace", "shop"}, {"container.id", ContainerID}, {"host.name", "node-1"}})
	stamps(lines, func(_ int, l Line) {
		metadata := WideMap{{"otlp", WideMap{{"severity_number", 9}, {"severity_text", "INFO"}, {"attributes", WideMap{{"http.method", "GET"}}}}}}
		chunk = Event(chunk, l.Time, metadata, append(WideMap{{"log", l.Text}}, l.Extra...))
	})
	return GroupEnd(chunk)
}

// Syslog makes the chunk of the syslog input with the parser "syslog-rfc5424".
func Syslog(lines ...Line) (chunk []byte) {
	stamps(lines, func(_ int, l Line) {
		record := WideMap{{"pri", "30"}, {"time", stamp(l.Time)}, {"host", "host1"}, {"ident", "app"}, {"pid", "123"}, {"msgid", "ID47"},
			{"extradata", "-"}, {"message", l.Text}}
		chunk = Event(chunk, l.Time, WideMap{}, append(record, l.Extra...))
	})
	return chunk
}

// Journald makes the chunk of the systemd input that reads what Docker's journald log driver wrote.
func Journald(lines ...Line) (chunk []byte) {
	stamps(lines, func(_ int, l Line) {
		priority := "6"
		if l.Stream == "stderr" {
			priority = "3"
		}
		record := WideMap{{"MESSAGE", l.Text}, {"PRIORITY", priority}, {"_SYSTEMD_UNIT", "docker.service"}, {"CONTAINER_ID", ContainerID[:12]},
			{"CONTAINER_ID_FULL", ContainerID}, {"CONTAINER_NAME", ContainerName}, {"CONTAINER_TAG", ContainerID[:12]}, {"_HOSTNAME", "node-1"},
			{"SYSLOG_IDENTIFIER", ContainerID[:12]}}
		if l.More {
			record = append(record, Pair{"CONTAINER_PARTIAL_MESSAGE", "true"})
		}
		chunk = Event(chunk, l.Time, WideMap{}, append(record, l.Extra...))
	})
	return chunk
}

// Shape is one of the shapes above, for tests and benchmarks over all of them.
type Shape struct {
	Name string
	Tag  string
	Make func(lines ...Line) []byte
}

// Shapes returns all shapes.
func Shapes() []Shape {
	return []Shape{
		{"docker", "docker.shop-api-1", Docker}, {"jsonfile", "docker.file", JSONFile}, {"cri", CRITag, CRI}, {"kubernetes", CRITag, Kubernetes},
		{"otlp", "otlp", OTLP}, {"syslog", "syslog", Syslog}, {"journald", "journal", Journald},
	}
}
