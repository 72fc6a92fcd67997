package chunk

import (
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

const (
	fullIDLength  = 64
	shortIDLength = 12
)

// isHex reports whether s is lower-case hexadecimal digits only.
func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}

// containerID returns an id without the scheme that Kubernetes puts in front of it (containerd://…).
func containerID(s string) string {
	if _, id, ok := strings.Cut(s, "://"); ok {
		return id
	}
	return s
}

// findID returns the first run of exactly 64 hexadecimal digits in s, "" when there is none.
func findID(s string) string {
	for i := 0; i+fullIDLength <= len(s); {
		n := 0
		for i+n < len(s) && isHex(s[i+n:i+n+1]) {
			n++
		}
		if n == fullIDLength {
			return s[i : i+n]
		}
		i += n + 1
	}
	return ""
}

// takePath takes what the path of a container's log file tells:
//
//	/var/lib/docker/containers/<id>/<id>-json.log
//	/var/log/containers/<pod>_<namespace>_<container>-<id>.log
//	/var/log/pods/<namespace>_<pod>_<uid>/<container>/<n>.log
func (id *identity) takePath(path string) {
	set(&id.id, findID(path))
	parts := strings.Split(path, "/")
	if id.takeKubernetesName(parts[len(parts)-1]) || len(parts) < 3 {
		return
	}
	folder := strings.Split(parts[len(parts)-3], "_")
	if len(folder) == 3 && folder[0] != "" && folder[1] != "" && parts[len(parts)-2] != "" {
		set(&id.namespace, folder[0])
		set(&id.pod, folder[1])
		set(&id.kubeContainer, parts[len(parts)-2])
	}
}

// takeTag takes what a tag tells. Fluent Bit makes tags of paths by turning slashes into dots, and Docker's fluentd driver makes the short
// id the tag unless told otherwise.
func (id *identity) takeTag(tag string) {
	if len(tag) > 8*maxName {
		return
	}
	set(&id.id, strings.Clone(findID(tag)))
	if len(tag) == shortIDLength && isHex(tag) {
		set(&id.id, strings.Clone(tag))
	}
	file := tag
	if i := strings.LastIndex(file, "containers."); i >= 0 {
		file = file[i+len("containers."):]
	} else if i := strings.IndexByte(file, '_'); i >= 0 {
		// The prefix is not known: a pod's name may hold dots, but hardly ever does.
		file = file[strings.LastIndexByte(file[:i], '.')+1:]
	}
	id.takeKubernetesName(file)
}

// takeKubernetesName takes <pod>_<namespace>_<container>-<id>.log apart; the names outlive the text.
func (id *identity) takeKubernetesName(file string) bool {
	pod, rest, ok := strings.Cut(file, "_")
	if !ok || pod == "" {
		return false
	}
	namespace, rest, ok := strings.Cut(rest, "_")
	if !ok || namespace == "" {
		return false
	}
	container, hash, ok := cutLast(rest, '-')
	container, hash = strings.Clone(container), strings.TrimSuffix(hash, ".log")
	if !ok || container == "" || len(hash) != fullIDLength || !isHex(hash) {
		return false
	}
	set(&id.id, strings.Clone(hash))
	set(&id.namespace, strings.Clone(namespace))
	set(&id.pod, strings.Clone(pod))
	set(&id.kubeContainer, container)
	return true
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// The characters that Kubernetes makes random names of (k8s.io/apimachinery, util/rand).
const kubernetesAlphabet = "bcdfghjklmnpqrstvwxz2456789"

// podOwner returns a pod's name without what Kubernetes appended to that of its owner: the five random characters of every pod, and before
// them the hash of the replica set; or the number of a stateful set's pod.
func podOwner(pod string) string {
	rest, last, ok := cutLast(pod, '-')
	if !ok || rest == "" {
		return pod
	}
	if _, isNumber := engine.ParseDecimal([]byte(last)); isNumber {
		return rest
	}
	if len(last) != 5 || !isRandom(last) {
		return pod
	}
	if owner, hash, ok := cutLast(rest, '-'); ok && owner != "" && len(hash) >= 6 && len(hash) <= 10 && isRandom(hash) {
		return owner
	}
	return rest
}

func isRandom(s string) bool {
	for i := range len(s) {
		if strings.IndexByte(kubernetesAlphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}
