package compose

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

// The programs go and make of the stand-in for Go's image: they put what was built here to where the real ones would.
const (
	stubGo = `#!/bin/sh -e
case "$1" in
mod) ;;
build)
	while [ $# -gt 0 ]; do
		if [ "$1" = -o ]; then out=$2; fi
		shift
	done
	mkdir -p "${out%/*}"
	cp "/prebuilt/${out##*/}" "$out" ;;
*) exit 2 ;;
esac
`
	stubMake = `#!/bin/sh -e
[ "$1" = build ]
mkdir -p bin
cp /prebuilt/out_trigger.so /prebuilt/docker-fluentbit bin/
`
)

var from = regexp.MustCompile(`(?m)^FROM (\S+[:/]\S+)`)

// TestStack runs the steps of the Dockerfile for every target, tries what is in the images, and runs the stack of compose.yaml with them. It compiles on this
// machine and once, where TestImages compiles in the image of Go: the bases of the Dockerfile are replaced by stand-ins.
func TestStack(t *testing.T) {
	needEngine(t)
	compose := need(t, "docker-compose", "the stack was not started")
	busybox := need(t, "busybox", "install busybox-static for a stand-in of its image")
	fluentBit := need(t, "fluent-bit", "no stand-in for its image can be made")
	name, dir := label(), t.TempDir()
	plugin, err := pluginhost.BuildPlugin(dir, "")
	if errors.Is(err, pluginhost.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	golang := busyboxTree(t, busybox, "mkdir")
	golang["/prebuilt/out_trigger.so"] = plugin
	for binary, folder := range map[string]string{"docker-fluentbit": "./docker-fluentbit", "receiver": "./test/receiver/cmd/receiver"} {
		path := filepath.Join(dir, binary)
		cmd := exec.Command("go", "build", "-ldflags", "-X main.version="+version, "-o", path, folder)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", folder, err, out)
		}
		golang["/prebuilt/"+binary] = path
	}
	for program, text := range map[string]string{"go": stubGo, "make": stubMake} {
		path := filepath.Join(dir, "stub-"+program)
		write(t, path, text)
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		golang["/bin/"+program] = path
	}
	static := staticTree(t)
	bases := map[string]func(as string){
		"golang":                            func(as string) { golang.image(t, as, "ENV PATH=/bin") },
		"busybox":                           func(as string) { busyboxTree(t, busybox).image(t, as) },
		"gcr.io/distroless/static-debian12": func(as string) { static.image(t, as, "USER 65532", "WORKDIR /home/nonroot") },
		"fluent/fluent-bit":                 func(as string) { fluentBitTree(t, fluentBit).image(t, as) },
	}
	made := map[string]string{}
	text := from.ReplaceAllStringFunc(read(t, "docker-fluentbit/Dockerfile"), func(line string) string {
		base, _, _ := strings.Cut(strings.TrimPrefix(line, "FROM "), ":")
		if bases[base] == nil {
			t.Fatalf("no stand-in is known for %q", line)
		}
		if made[base] == "" {
			made[base] = name + ":base-" + filepath.Base(base)
			bases[base](made[base])
		}
		return "FROM " + made[base]
	})
	if len(made) != len(bases) {
		t.Fatalf("stand-ins were made for %v alone", made)
	}
	dockerfile := filepath.Join(dir, "Dockerfile")
	write(t, dockerfile, text)
	image := func(target string) string { return name + ":" + target }
	buildImages(t, dockerfile, image)
	tryImages(t, compose, name, image)
}
