package compose

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/clitest"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// publishedImage is the image of the standalone program, as documents and examples name it.
const publishedImage = "ghcr.io/tinyforge/docker-fluentbit"

const dockerSocket = "/var/run/docker.sock"

// standaloneImage makes a stand-in of the standalone image under a name, and removes it after the test.
func standaloneImage(t *testing.T, name string) {
	t.Helper()
	busybox := need(t, "busybox", "install busybox-static for a stand-in of its image")
	binary := filepath.Join(t.TempDir(), "docker-fluentbit")
	build := exec.Command("go", "build", "-o", binary, "./docker-fluentbit")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files := busyboxTree(t, busybox)
	files["/usr/local/bin/docker-fluentbit"] = binary
	files.image(t, name, append(environment(t, "standalone"), "ENV PATH=/usr/local/bin:/bin")...)
}

// ownState gives a volume to the user of the image, as the folder in the real image is.
func ownState(t *testing.T, image, volume string) {
	t.Helper()
	command(t, "docker", "run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "/bin/busybox", "-v", volume+":/state", image, "chown", "65532:65532", "/state")
}

// gatewayReceiver is a receiver that the containers of a network reach.
func gatewayReceiver(t *testing.T, network string) *receiver.Server {
	t.Helper()
	gateway := command(t, "docker", "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", network)
	server, err := receiver.Start(gateway + ":0")
	if err != nil {
		t.Fatalf("no receiver at the gateway %s of %s: %v", gateway, network, err)
	}
	t.Cleanup(server.Stop)
	return server
}

// arrives waits for a request whose body holds a text.
func arrives(t *testing.T, server *receiver.Server, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := server.WaitUntil(ctx, func(all []receiver.Request) bool {
		for _, r := range all {
			if strings.Contains(string(r.Body), text) {
				return true
			}
		}
		return false
	}); err != nil {
		t.Errorf("%q does not arrive: %v", text, err)
	}
}

// TestTheStandaloneStack does what the first lines of examples/standalone/compose.yaml say: a test alert arrives, then that of a container which fails, the
// checklist is complete, and the page opens by its link.
func TestTheStandaloneStack(t *testing.T) {
	needEngine(t)
	compose := need(t, "docker-compose", "the stack was not started")
	name, dir, port := label(), t.TempDir(), freePort(t)
	standaloneImage(t, name)
	text := strings.NewReplacer(publishedImage, name, "127.0.0.1:2021:2021", fmt.Sprintf("127.0.0.1:%d:2021", port)).Replace(read(t, "examples/standalone/compose.yaml"))
	if !strings.Contains(text, name) || !strings.Contains(text, fmt.Sprint(port)) {
		t.Fatal("the file names another image, or another port")
	}
	write(t, filepath.Join(dir, "compose.yaml"), text)
	rules := strings.Replace(read(t, "examples/standalone/rules/rules.toml"), `format  = "ntfy"`, `format = "generic"`, 1)
	write(t, filepath.Join(dir, "rules/rules.toml"), rules+"[docker]\ncontainers = [\""+name+"-*\"]\n") // not what others run on this engine
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	env := func(url string) {
		write(t, filepath.Join(dir, ".env"), fmt.Sprintf("ALERT_URL=%s\nDOCKER_GID=%s\n", url, command(t, "stat", "-L", "-c", "%g", dockerSocket)))
	}
	do := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(compose, append([]string{"-p", name, "--project-directory", dir, "-f", filepath.Join(dir, "compose.yaml")}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("docker-compose %s: %v\n%s", strings.Join(args, " "), err, tail(out))
		}
		return strings.TrimSpace(string(out))
	}
	env("https://example.com/")
	t.Cleanup(func() { do("down", "-v", "-t", "5") })
	do("up", "--no-start")
	ownState(t, name, name+"_state")
	server := gatewayReceiver(t, name+"_default")
	env(server.URL("/alerts"))
	do("up", "-d")
	in := func(args ...string) string {
		return do(append([]string{"exec", "-T", "alerts", "docker-fluentbit"}, args...)...)
	}
	eventually(t, "the log has a link", func() bool { return strings.Contains(do("logs", "--no-color"), "/login#") })
	if out := in("triggers", "test", "ops"); !strings.Contains(out, "delivered") {
		t.Errorf("the test: %s", out)
	}
	arrives(t, server, `"kind":"test"`)
	command(t, "docker", "run", "-d", "--name", name+"-fails", "--network", "none", "--entrypoint", "/bin/sh", name, "-c", "echo 'panic: out of luck' >&2; sleep 3; exit 7")
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", name+"-fails").Run() })
	arrives(t, server, "panic: out of luck")
	arrives(t, server, "ended with exit code 7")
	if out := in("status"); strings.Contains(out, "CHECKLIST") || strings.Contains(out, "WARNINGS") || !strings.Contains(out, "file ") {
		t.Errorf("status:\n%s", out)
	}
	at := fmt.Sprintf("http://127.0.0.1:%d", port)
	logIn(t, in("page", "--at", at), at)
}

// block is the first block of the section of docs/docker.md about containers.
func block(t *testing.T) string {
	t.Helper()
	_, text, found := strings.Cut(read(t, "docs/docker.md"), "\n## As a container\n\n```sh\n")
	text, _, ended := strings.Cut(text, "```\n")
	if !found || !ended {
		t.Fatal("docs/docker.md has no such block")
	}
	return text
}

// TestTheDocumentedDockerRun runs the commands of docs/docker.md in a shell on a terminal, and answers each question with Enter. The names on the engine, the
// address and the port are those of the test, and the network is one of its own, since an engine may have no default one.
func TestTheDocumentedDockerRun(t *testing.T) {
	needEngine(t)
	name, dir, port := label(), t.TempDir(), freePort(t)
	standaloneImage(t, name)
	command(t, "docker", "network", "create", name)
	t.Cleanup(func() { _ = exec.Command("docker", "network", "rm", name).Run() })
	server := gatewayReceiver(t, name)
	text := block(t)
	for _, change := range [][2]string{
		{publishedImage, name}, {"--name docker-fluentbit", "--name " + name}, {"docker exec docker-fluentbit", "docker exec " + name}, {"docker run ", "docker run --network " + name + " "},
		{"https://ntfy.sh/a-topic-that-nobody-guesses", server.URL("/alerts")}, {"127.0.0.1:2021:2021", fmt.Sprintf("127.0.0.1:%d:2021", port)}, {"-v fluentbit-trigger:", "-v " + name + ":"},
	} {
		if !strings.Contains(text, change[0]) {
			t.Fatalf("the block does not contain %q", change[0])
		}
		text = strings.ReplaceAll(text, change[0], change[1])
	}
	command(t, "docker", "volume", "create", name)
	t.Cleanup(func() {
		_ = exec.Command("docker", "rm", "-f", name).Run()
		_ = exec.Command("docker", "volume", "rm", name).Run()
	})
	ownState(t, name, name)
	// The commands after the start come when it has started, as with people.
	text = strings.Replace(text, "docker exec ", "until docker exec "+name+" docker-fluentbit healthcheck -q; do sleep 0.2; done\ndocker exec ", 1)

	master, slave := clitest.OpenTerminal(t)
	clitest.ResizeTerminal(t, master, 50, 200)
	shell := exec.Command("sh", "-e", "-c", text)
	shell.Dir, shell.Stdin, shell.Stdout, shell.Stderr = dir, slave, slave, slave
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	var mu sync.Mutex
	var shown strings.Builder
	go func() {
		buf, answered := make([]byte, 4096), 0
		for {
			n, err := master.Read(buf)
			mu.Lock()
			shown.Write(buf[:n])
			if all := shown.String(); strings.HasSuffix(all, "]: ") && len(all) > answered {
				answered = len(all)
				_, _ = master.WriteString("\n") // a terminal takes it
			}
			mu.Unlock()
			if err != nil { // nobody has the terminal any more
				return
			}
		}
	}()
	err := shell.Wait()
	_ = master.Close()
	mu.Lock()
	out := shown.String()
	mu.Unlock()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"wrote /etc/fluentbit-trigger/rules.toml", "fine: ", `trigger "webhook": delivered`, "INSTANCE docker", "file "} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands do not print %q:\n%s", want, out)
		}
	}
	arrives(t, server, `"kind":"test"`)
	if link := regexp.MustCompile(`http://127\.0\.0\.1:2021/login#\S+`); !link.MatchString(out) {
		t.Errorf("no link to the page:\n%s", out)
	}
	made, err := os.ReadFile(filepath.Join(dir, "rules/rules.toml"))
	if err != nil || strings.Contains(string(made), server.Addr()) {
		t.Errorf("%v, or the file has the address", err)
	}
	at := fmt.Sprintf("http://127.0.0.1:%d", port)
	logIn(t, command(t, "docker", "exec", name, "docker-fluentbit", "page", "--at", at), at)
}
