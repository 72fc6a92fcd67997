// Package chunk turns the chunks that Fluent Bit hands over into records for the engine.
//
// A Decoder walks the bytes once, where they lie, and promises:
//
//   - Every line is handed on once, in order, in one piece: parts of a line are joined for each origin and stream.
//   - Whatever the input, it neither panics nor hangs, and the work is linear in its length. An event that cannot be read is counted, and
//     reading goes on at the next one.
//   - Memory is bounded: origins by number, unfinished lines to 1 MiB each, 64 MiB and 10,000 in all, and to ten seconds. What is dropped or
//     cut for that is counted, and a line that was cut says so (Record.Truncated).
//   - A record that nobody keeps costs no allocation, and no lock unless its origin is new to the chunk or has an unfinished line.
//
// # Events
//
// An event is [[time, metadata], body] or, before Fluent Bit 2.1, [time, body]; the time is Fluent Bit's extension or a number of seconds.
// Group markers (seconds 0xffffffff and 0xfffffffe) are no lines: the resource that the first one carries tells where the lines of the group
// come from. The line is the first of Settings.LogKeys that holds a text, or the body itself when it is one; a record with neither is one
// line of JSON, so that rules on fields apply to it too. The line end goes, and so do terminal sequences unless Settings.KeepANSI is set, in fields
// too (internal/safetext).
//
// Records whose tag is among Settings.EventTags are those of the input docker_events, which makes one of whatever it reads at once. Each line of
// them that docker.ParseEvent knows is handed on as an event of a container, and any other as a line.
//
// # Where a record comes from
//
// For each name, what stands further up wins. What the record says goes before the path of its file, and that before the tag.
//
//	container id      CONTAINER_ID_FULL; container_id, CONTAINER_ID; kubernetes.docker_id; container.id (OTLP resource);
//	                  64 hexadecimal digits in a path of Settings.PathKeys, in the tag; a tag of 12 hexadecimal digits
//	container name    container_name, CONTAINER_NAME (without the slash); container.name; kubernetes.container_name, k8s.container.name;
//	                  <pod>_<namespace>_<container>-<id>.log in path or tag; /var/log/pods/<namespace>_<pod>_<uid>/<container>/<n>.log
//	image             container_image, image_name, IMAGE_NAME; kubernetes.container_image; container.image.name and container.image.tag(s)
//	host              _HOSTNAME, hostname; kubernetes.host; host.name, k8s.node.name; host beside pri (syslog); Settings.Host
//	workload       1. label fluentbit-trigger.workload
//	               2. com.docker.compose.project and .service: project/service
//	               3. com.docker.swarm.service.name
//	               4. Kubernetes: namespace/app, app being the label app.kubernetes.io/name, app or k8s-app, else the OTLP owner
//	                  (k8s.deployment.name, …), the container's name, the pod's name without its random end
//	               5. _SYSTEMD_UNIT, unless a container is known: then it is that of the container engine
//	               6. OTLP service.namespace/service.name
//	               7. the container's name
//	               8. ident beside pri (syslog), SYSLOG_IDENTIFIER
//	               9. the tag, or "unknown"
//
// Labels are found as keys of the record, also in the upper-case form of Docker's journald driver, in a map labels or container_labels, among
// the labels and annotations of Kubernetes and among the attributes of an OTLP resource. Lines of a container whose label
// fluentbit-trigger.enable is false are left out and counted.
//
// Values that differ from line to line must not make each line an origin of its own. So host and ident count beside pri only, a path only
// when it holds ".log", and a map of labels only when it holds one that matters.
//
// # Severity and stream
//
// Severity is the first that is known of: OTLP's severity_number, its severity_text; PRIORITY (journald); pri mod 8 (syslog); one of
// Settings.LevelKeys. Docker's journald driver writes PRIORITY 3 for stderr and 6 for stdout, whatever the line says: for its records PRIORITY
// is the stream, and no severity. Otherwise the stream is stream, or source when it says stdout or stderr.
package chunk
