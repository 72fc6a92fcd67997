// Package chunk turns Fluent Bit's chunks into records for the engine.
//
// A Decoder walks the bytes once, where they lie, and promises:
//
//   - Every line is emitted once, in order, in one piece: parts of a line are joined for each origin and stream.
//   - Whatever the input, it neither panics nor hangs, and the work is linear in its length. An event that cannot be read is counted, and
//     reading goes on at the next one.
//   - Memory is bounded: origins by number, unfinished lines to 1 MiB each, 64 MiB and 10,000 in all, and to ten seconds. What is dropped or
//     cut for that is counted, and a line that was cut says so (Record.Truncated).
//   - A record that nobody keeps costs no allocation, and no lock unless its origin is new to the chunk or has an unfinished line.
//
// # Events
//
// An event is [[time, metadata], body] or, before Fluent Bit 2.1, [time, body]; the time is Fluent Bit's extension or a number of seconds.
// Group markers (seconds 0xffffffff and 0xfffffffe) are not lines: the resource in the first one is the origin of the group's lines.
// The line is the first of Settings.LogKeys that holds a text, or the body itself when it is one; a record with neither is one
// line of JSON, so that rules on fields apply to it too, and an OTLP record without a body that of its event name and attributes. The line end
// goes, and so do terminal sequences unless Settings.KeepANSI is set, in fields too (internal/safetext).
//
// Records whose tag is among Settings.EventTags come from the input docker_events, which makes a record of each read. Each of their lines that
// docker.ParseEvent accepts is emitted as a container event, and any other as a line.
//
// # Where a record comes from
//
// The strongest originator of a record decides, and of its keys the last: the resource of an OTLP group, Fluent Bit's kubernetes filter,
// journald, whoever else wrote keys at the top of the record (docs/decisions/0020). Then comes the path of its file, and then the tag, which also
// unmasks a kubernetes map or an id that is not its own. For each name, the source further left wins.
//
//	container id      CONTAINER_ID_FULL; container_id, CONTAINER_ID, _container_id; kubernetes.docker_id; container.id (OTLP resource);
//	                  64 hexadecimal digits in a path of Settings.PathKeys, in the tag; a tag of 12 hexadecimal digits; container.id (ECS)
//	container name    of container_name, CONTAINER_NAME, _container_name, container.name, kubernetes.container_name, k8s.container.name,
//	                  <pod>_<namespace>_<container>-<id>.log in path or tag, /var/log/pods/<namespace>_<pod>_<uid>/<container>/<n>.log, and
//	                  pod, project, service and number: see naming.Facts.Container
//	image             container_image, image_name, _image_name, IMAGE_NAME; kubernetes.container_image; container.image.name and .tag(s)
//	image's digest    kubernetes.container_hash; container.image.id
//	host              _HOSTNAME; kubernetes.host; host.name, k8s.node.name; hostname, HOSTNAME; host beside pri (syslog) or short_message
//	                  (GELF); Settings.Host
//	workload          see naming.Facts.Workload. The application of a pod is its label app.kubernetes.io/name, app or k8s-app. A systemd unit
//	                  counts unless a container is known: then it is that of the container engine.
//
// Labels are found as keys at the top of a record, also in the forms of Docker's journald and gelf drivers, in a map labels, container_labels or
// attrs, among the labels and annotations of Kubernetes and among the attributes of an OTLP resource. Lines of a container whose label
// fluentbit-trigger.enable is false are left out and counted.
//
// Values that differ from line to line must not make each line an origin of its own. So host and ident count beside pri only, a path only
// when it holds ".log", and a map of labels only when it holds one that matters.
//
// # Severity and stream
//
// Severity is the first that is known of: OTLP's severity_number, its severity_text; PRIORITY (journald); pri mod 8 (syslog); one of
// Settings.LevelKeys; the member level of a map log (ECS). Docker's journald driver writes PRIORITY 3 for stderr and 6 for stdout, and its gelf
// driver such levels, whatever the line says: for their records that is the stream, and no severity. Otherwise the stream is stream, or source when
// it says stdout or stderr, or OTLP's attribute log.iostream.
package chunk
