package chunk

import (
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/naming"
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

// addPath adds the names in the path of a container's log file:
//
//	/var/lib/docker/containers/<id>/<id>-json.log
//	/var/log/containers/<pod>_<namespace>_<container>-<id>.log
//	/var/log/pods/<namespace>_<pod>_<uid>/<container>/<n>.log
func (id *identity) addPath(path string) {
	var f naming.Facts
	f.ID = findID(path)
	parts := strings.Split(path, "/")
	if !parseKubernetesName(&f, parts[len(parts)-1]) && len(parts) >= 3 {
		folder := strings.Split(parts[len(parts)-3], "_")
		if len(folder) == 3 && folder[0] != "" && folder[1] != "" && parts[len(parts)-2] != "" {
			f.Namespace, f.Pod, f.PodContainer = folder[0], folder[1], parts[len(parts)-2]
		}
	}
	if !contradicts(id.tagged.ID, f.ID) {
		id.fill(&f)
	}
}

// fill sets the names that are not set to those of a log file.
func (id *identity) fill(f *naming.Facts) {
	set(&id.ID, f.ID)
	if id.Namespace == "" || id.Namespace == f.Namespace {
		set(&id.Namespace, f.Namespace)
		set(&id.Pod, f.Pod)
		set(&id.PodContainer, f.PodContainer)
	}
}

// addTag adds the names in a tag. Fluent Bit makes tags of paths by replacing slashes with dots.
func (id *identity) addTag(tag string) {
	if len(tag) > 8*maxName {
		return
	}
	f := &id.tagged
	f.ID = strings.Clone(findID(tag))
	file := tag
	if i := strings.LastIndex(file, "containers."); i >= 0 {
		file = file[i+len("containers."):]
	} else if i := strings.IndexByte(file, '_'); i >= 0 {
		// The prefix is not known: a pod's name may hold dots, but hardly ever does.
		file = file[strings.LastIndexByte(file[:i], '.')+1:]
	}
	if !parseKubernetesName(f, file) && len(tag) == shortIDLength && isHex(tag) { // the default tag of Docker's fluentd driver
		f.ID = strings.Clone(tag)
	}
}

// parseKubernetesName takes <pod>_<namespace>_<container>-<id>.log apart; the names outlive the text.
func parseKubernetesName(f *naming.Facts, file string) bool {
	pod, rest, ok := strings.Cut(file, "_")
	if !ok || pod == "" {
		return false
	}
	namespace, rest, ok := strings.Cut(rest, "_")
	if !ok || namespace == "" {
		return false
	}
	container, hash, ok := naming.CutLast(rest, '-')
	hash = strings.TrimSuffix(hash, ".log")
	if !ok || container == "" || len(hash) != fullIDLength || !isHex(hash) {
		return false
	}
	f.ID, f.Namespace, f.Pod, f.PodContainer = strings.Clone(hash), strings.Clone(namespace), strings.Clone(pod), strings.Clone(container)
	return true
}
