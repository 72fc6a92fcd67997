package naming

import "strings"

// kubernetesAlphabet holds the characters of Kubernetes' random names (k8s.io/apimachinery, util/rand).
const kubernetesAlphabet = "bcdfghjklmnpqrstvwxz2456789"

// The kinds of owners to whose names Kubernetes appends parts.
const (
	kindReplicaSet = "ReplicaSet"
	kindJob        = "Job"
	kindNode       = "Node"
)

// SetOwner sets the owner from an owner reference of the pod. For a replica set it is the deployment, and for the job of a cron job the cron job.
func (f *Facts) SetOwner(kind, name string) {
	switch kind {
	case kindNode:
		return // the owner of a static pod is its node
	case kindReplicaSet:
		if owner, hash, ok := CutLast(name, '-'); ok && owner != "" && isTemplateHash(hash) {
			name = owner
		}
	case kindJob:
		name = cronJob(name)
	}
	f.Owner = name
}

// SetPodLabel sets the owner from a label of the pod. The caller handles labels that name the application.
func (f *Facts) SetPodLabel(key, value string) {
	switch key {
	case "pod-template-hash":
		f.TemplateHash = value
	case "job-name", "batch.kubernetes.io/job-name":
		if f.Owner == "" && value != "" {
			f.Owner = cronJob(value)
		}
	}
}

// podOwner returns the name of the pod's owner: from a source that names it, or else the pod's name without the parts that Kubernetes appends to the
// owner's name: the node of a static pod, the random end of other pods, the hash of a replica set, the time of a job, the number in a stateful
// set. For a pod without an owner it returns the pod's name.
func (f *Facts) podOwner() string {
	if f.Owner != "" {
		return f.Owner
	}
	if owner, ok := strings.CutSuffix(f.Pod, "-"+f.Node); ok && f.Node != "" && owner != "" {
		return owner
	}
	rest, last, ok := CutLast(f.Pod, '-')
	if !ok || rest == "" {
		return f.Pod
	}
	if f.TemplateHash != "" {
		if owner, ok := strings.CutSuffix(rest, "-"+f.TemplateHash); ok && owner != "" {
			return owner
		}
	}
	if isDigits(last) {
		return rest
	}
	if len(last) != 5 || !isRandom(last) {
		return f.Pod
	}
	if owner, hash, ok := CutLast(rest, '-'); ok && owner != "" && isTemplateHash(hash) {
		return owner
	}
	return cronJob(rest)
}

// cronJob returns the name of a job without the time that the cron job appended: minutes since 1970, or seconds before Kubernetes 1.21.
func cronJob(job string) string {
	if owner, at, ok := CutLast(job, '-'); ok && owner != "" && len(at) >= 8 && len(at) <= 10 && isDigits(at) {
		return owner
	}
	return job
}

func isTemplateHash(s string) bool { return len(s) >= 6 && len(s) <= 10 && isRandom(s) }

func isRandom(s string) bool {
	for i := range len(s) {
		if strings.IndexByte(kubernetesAlphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}
