package artifacts

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

type workflow struct {
	Permissions map[string]string
	Jobs        map[string]job
}

type job struct {
	Needs       []string
	Permissions map[string]string
	Strategy    struct{ Matrix map[string]any }
	Steps       []step
}

type step struct {
	Name, Uses, Run string
	With            map[string]any
}

// scripts returns the text of all its steps.
func (j *job) scripts() string {
	var b strings.Builder
	for _, step := range j.Steps {
		b.WriteString(step.Run + "\n")
	}
	return b.String()
}

// workflows returns those of the repository by name, with their texts.
func workflows(t *testing.T) (root string, parsed map[string]workflow, texts map[string]string) {
	t.Helper()
	root, err := pluginhost.Root()
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil || len(paths) < 2 {
		t.Fatalf("workflows: %q (%v)", paths, err)
	}
	parsed, texts = map[string]workflow{}, map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var w workflow
		if err := yaml.Unmarshal(text, &w); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		parsed[filepath.Base(path)], texts[filepath.Base(path)] = w, string(text)
	}
	return root, parsed, texts
}

// TestWorkflowsPinActions: a tag of an action can be moved, a commit cannot. The version stands beside it for readers and for dependabot.
func TestWorkflowsPinActions(t *testing.T) {
	_, _, texts := workflows(t)
	uses, pinned := regexp.MustCompile(`(?m)^\s*-?\s*uses:.*$`), regexp.MustCompile(`uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for name, text := range texts {
		lines := uses.FindAllString(text, -1)
		if len(lines) == 0 {
			t.Errorf("%s uses no action, or the test does not see them", name)
		}
		for _, line := range lines {
			if !pinned.MatchString(line) {
				t.Errorf("%s: %s is not pinned to a commit with its version", name, strings.TrimSpace(line))
			}
		}
	}
}

// TestWorkflowsNameWhatIsThere compares what the steps run with the repository: files, targets of the Makefile and of the Dockerfile, other jobs.
func TestWorkflowsNameWhatIsThere(t *testing.T) {
	root, parsed, _ := workflows(t)
	makefile, dockerfile := read(t, filepath.Join(root, "Makefile")), read(t, filepath.Join(root, "docker-fluentbit/Dockerfile"))
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var top []string
	for _, entry := range entries {
		if entry.IsDir() && !slices.Contains([]string{".git", "bin", "dist", "demo"}, entry.Name()) {
			top = append(top, regexp.QuoteMeta(entry.Name()))
		}
	}
	file := regexp.MustCompile(`(?:^|[\s"'=/])((?:` + strings.Join(top, "|") + `)/[\w./-]*\w)`)
	target, stage := regexp.MustCompile(`\bmake (?:-C \S+ )?((?:[a-z-]+ ?)+)`), regexp.MustCompile(`(?:--target|\bpush) ([a-z][\w-]*)`)
	loop := regexp.MustCompile(`for target in ([^;]+);`)
	found := 0
	for name, w := range parsed {
		for id, j := range w.Jobs {
			for _, need := range j.Needs {
				if _, ok := w.Jobs[need]; !ok {
					t.Errorf("%s: %s needs the job %s, which is not there", name, id, need)
				}
			}
			script := j.scripts()
			for _, m := range file.FindAllStringSubmatch(script, -1) {
				found++
				if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
					t.Errorf("%s: %s names %s: %v", name, id, m[1], err)
				}
			}
			for _, m := range target.FindAllStringSubmatch(script, -1) {
				for _, word := range strings.Fields(m[1]) {
					found++
					if !regexp.MustCompile(`(?m)^`+word+`:`).MatchString(makefile) && word != "bin" {
						t.Errorf("%s: %s runs make %s, which the Makefile lacks", name, id, word)
					}
				}
			}
			var stages []string
			for _, m := range stage.FindAllStringSubmatch(script, -1) {
				stages = append(stages, m[1])
			}
			for _, m := range loop.FindAllStringSubmatch(script, -1) {
				stages = append(stages, strings.Fields(m[1])...)
			}
			for _, word := range stages {
				found++
				if !strings.Contains(dockerfile, " AS "+word+"\n") {
					t.Errorf("%s: %s builds %s, which the Dockerfile lacks", name, id, word)
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d names were found: the test does not see the steps", found)
	}
}

// TestReleaseSignsWithoutRunningOurCode: whoever may write to a module must not be able to sign a release with it.
func TestReleaseSignsWithoutRunningOurCode(t *testing.T) {
	_, parsed, _ := workflows(t)
	release := parsed["release.yml"]
	if len(release.Permissions) > 0 {
		t.Errorf("every job has the rights %v", release.Permissions)
	}
	signing := 0
	for id, j := range release.Jobs {
		if len(j.Permissions) == 0 {
			t.Errorf("%s names no permissions", id)
		}
		if j.Permissions["id-token"] != "write" {
			continue
		}
		signing++
		for _, word := range []string{"make ", "go run", "go build", "buildx build", "docker run", ".ci/"} {
			if strings.Contains(j.scripts(), word) {
				t.Errorf("%s may sign, and runs %q", id, word)
			}
		}
		if slices.ContainsFunc(j.Steps, func(s step) bool { return strings.HasPrefix(s.Uses, "actions/checkout@") }) {
			t.Errorf("%s may sign, and checks the repository out", id)
		}
	}
	if signing == 0 {
		t.Error("no job signs")
	}
	pushed := map[string]bool{}
	images := release.Jobs["images"]
	for _, m := range regexp.MustCompile(`(?m)^push \S+ (\S+)$`).FindAllStringSubmatch(images.scripts(), -1) {
		pushed[m[1]] = true
	}
	joined := map[string]bool{}
	names, _ := release.Jobs["indexes"].Strategy.Matrix["image"].([]any)
	for _, name := range names {
		image, _ := name.(string)
		joined[image] = true
	}
	if len(pushed) != 3 || !maps.Equal(pushed, joined) {
		t.Errorf("images are pushed as %v, and joined as %v", pushed, joined)
	}
}

// TestCIHasTheBaseToCompareWith: a clone of one commit has no other whose benchmarks the gate could compare with, and it would let everything pass.
func TestCIHasTheBaseToCompareWith(t *testing.T) {
	root, parsed, _ := workflows(t)
	if !regexp.MustCompile(`(?m)^ci:.*(?:\n\t.*)*bench-gate`).MatchString(read(t, filepath.Join(root, "Makefile"))) {
		t.Fatal("make ci does not run the gate")
	}
	for id, j := range parsed["ci.yml"].Jobs {
		if !strings.Contains(j.scripts(), ".ci/run") {
			continue
		}
		for _, s := range j.Steps {
			if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["fetch-depth"] == 0 {
				return
			}
		}
		t.Errorf("%s checks one commit out", id)
	}
}

// TestWorkflowScriptsAreBash has bash read the steps, which are run by it and by nothing here.
func TestWorkflowScriptsAreBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not on PATH")
	}
	_, parsed, _ := workflows(t)
	expression := regexp.MustCompile(`\$\{\{.*?\}\}`)
	for name, w := range parsed {
		for id, j := range w.Jobs {
			for i, step := range j.Steps {
				cmd := exec.Command("bash", "-n")
				cmd.Stdin = strings.NewReader(expression.ReplaceAllString(step.Run, "value"))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: step %d of %s: %v\n%s", name, i+1, id, err, out)
				}
				// An expression in a script is code of whoever chose the text, such as the name of a branch.
				for _, e := range expression.FindAllString(step.Run, -1) {
					if !strings.Contains(e, "matrix.") && !strings.Contains(e, "github.sha") {
						t.Errorf("%s: step %d of %s runs %s as code", name, i+1, id, e)
					}
				}
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
