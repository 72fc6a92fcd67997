package compose

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// logIn goes the way of a browser with a link: it gets the page that logs in, sends the code, and calls the API with what it was given. The code works once.
func logIn(t *testing.T, link, at string) {
	t.Helper()
	base, code, found := strings.Cut(link, "/login#")
	if !found || base != at {
		t.Fatalf("%q is not a link to %s", link, at)
	}
	do := func(method, path, body string, header ...string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, at+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(text)
	}
	if resp, _ := do("GET", "/", "", "Accept", "text/html"); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/login" {
		t.Errorf("the page of a browser that is not logged in: %s", resp.Status)
	}
	if resp, text := do("GET", "/login", ""); resp.StatusCode != http.StatusOK || !strings.Contains(text, "Log in") {
		t.Errorf("the page that logs in: %s", resp.Status)
	}
	body := fmt.Sprintf("{%q: %q}", "code", code)
	resp, text := do("POST", "/login", body, "Content-Type", "application/json", "Origin", at)
	var answer struct{ Key string }
	if resp.StatusCode != http.StatusOK || json.Unmarshal([]byte(text), &answer) != nil || len(resp.Cookies()) != 1 {
		t.Fatalf("login: %s %s", resp.Status, text)
	}
	cookie := resp.Cookies()[0]
	if resp, text := do("GET", "/api/v1/stats", "", "Cookie", cookie.Name+"="+cookie.Value, "Fluentbit-Trigger-Key", answer.Key); resp.StatusCode != http.StatusOK {
		t.Errorf("after the login: %s %s", resp.Status, text)
	}
	if resp, _ := do("GET", "/", "", "Cookie", cookie.Name+"="+cookie.Value); resp.StatusCode != http.StatusOK {
		t.Errorf("the page after the login: %s", resp.Status)
	}
	if resp, _ := do("POST", "/login", body, "Content-Type", "application/json", "Origin", at); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the code again: %s", resp.Status)
	}
}

// environment returns what the Dockerfile says a stage runs as.
func environment(t *testing.T, stage string) []string {
	t.Helper()
	_, text, found := strings.Cut(read(t, "docker-fluentbit/Dockerfile"), " AS "+stage+"\n")
	text, _, _ = strings.Cut(text, "\nFROM ")
	changes := regexp.MustCompile(`(?m)^(ENV|USER|ENTRYPOINT|CMD|EXPOSE) .*$`).FindAllString(text, -1)
	if !found || len(changes) < 4 {
		t.Fatalf("the Dockerfile has no stage %s as it was: %q", stage, changes)
	}
	return changes
}

// TestThePageOfAContainer runs the standalone program as its image does, with its port published, and opens the page: by the link of the log, with the port by
// which the browser calls, and by the link of the command in the container. The token outlives the container.
func TestThePageOfAContainer(t *testing.T) {
	needEngine(t)
	busybox := need(t, "busybox", "install busybox-static for a stand-in of its image")
	name, dir, state := label(), t.TempDir(), t.TempDir()
	if err := os.Chmod(state, 0o777); err != nil { // the user of the image writes there
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "docker-fluentbit")
	build := exec.Command("go", "build", "-o", binary, "./docker-fluentbit")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files := busyboxTree(t, busybox)
	files["/usr/local/bin/docker-fluentbit"] = binary
	files.image(t, name, append(environment(t, "standalone"), "ENV PATH=/usr/local/bin:/bin")...)
	rules := filepath.Join(dir, "rules")
	write(t, filepath.Join(rules, "rules.toml"), "[docker]\ncontainers = [\"nothing-is-called-so\"]\n[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const socket = "/var/run/docker.sock"
	command(t, "docker", "network", "create", name) // an engine may have no default bridge
	t.Cleanup(func() { _ = exec.Command("docker", "network", "rm", name).Run() })
	for _, port := range []int{2021, freePort(t)} {
		at := fmt.Sprintf("http://127.0.0.1:%d", port)
		args := []string{"run", "-d", "--name", name, "--network", name, "--read-only", "--cap-drop", "ALL", "--group-add", command(t, "stat", "-L", "-c", "%g", socket),
			"-v", socket + ":" + socket + ":ro", "-v", rules + ":/etc/fluentbit-trigger:ro", "-v", state + ":/var/lib/fluentbit-trigger", "-p", fmt.Sprintf("127.0.0.1:%d:2021", port), name}
		if out, err := exec.Command("docker", args...).CombinedOutput(); err != nil {
			_ = exec.Command("docker", "rm", "-f", name).Run()
			if port == 2021 && strings.Contains(string(out), "already") {
				t.Logf("port 2021 is taken: the link of the log is not tried")
				continue
			}
			t.Fatalf("%v\n%s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", name).Run() })
		link := regexp.MustCompile(`http://127\.0\.0\.1:2021/login#\S+`)
		eventually(t, "the log has a link", func() bool { return link.MatchString(command(t, "docker", "logs", name)) })
		if port == 2021 {
			logIn(t, link.FindString(command(t, "docker", "logs", name)), at)
		}
		logIn(t, command(t, "docker", "exec", name, "docker-fluentbit", "page", "--at", at), at)
		if text := command(t, "docker", "exec", name, "docker-fluentbit", "rules", "list"); !strings.Contains(text, "boom") {
			t.Errorf("the command line in the container shows\n%s", text)
		}
		token, err := os.ReadFile(filepath.Join(state, "docker.db.token"))
		if err != nil || strings.Contains(command(t, "docker", "logs", name), strings.TrimSpace(string(token))) {
			t.Errorf("the token is in the log, or not in its file: %v", err)
		}
		command(t, "docker", "rm", "-f", name)
		if again, err := os.ReadFile(filepath.Join(state, "docker.db.token")); err != nil || string(again) != string(token) {
			t.Errorf("the token went with the container: %v", err)
		}
	}
	t.Run("compose", func(t *testing.T) { pageByCompose(t, name, rules) })
}

// pageByCompose has Compose start the image with its port published, and opens the page by the link of the command in the service.
func pageByCompose(t *testing.T, image, rules string) {
	compose := need(t, "docker-compose", "the page was not opened by Compose")
	port, file := freePort(t), filepath.Join(t.TempDir(), "compose.yaml")
	const socket = "/var/run/docker.sock"
	write(t, file, fmt.Sprintf("services:\n  alerts:\n    image: %s\n    ports: [\"127.0.0.1:%d:2021\"]\n    user: \"0:0\"\n    volumes: [\"%s:%s:ro\", \"%s:/etc/fluentbit-trigger:ro\", state:/var/lib/fluentbit-trigger]\n"+
		"volumes:\n  state:\n", image, port, socket, socket, rules))
	do := func(args ...string) string {
		t.Helper()
		return command(t, compose, append([]string{"-p", image, "-f", file}, args...)...)
	}
	t.Cleanup(func() { do("down", "-v", "-t", "5") })
	do("up", "-d")
	eventually(t, "the log has a link", func() bool { return strings.Contains(do("logs", "--no-color"), "/login#") })
	at := fmt.Sprintf("http://127.0.0.1:%d", port)
	logIn(t, do("exec", "-T", "alerts", "docker-fluentbit", "page", "--at", at), at)
	if text := do("exec", "-T", "alerts", "docker-fluentbit", "containers"); !strings.Contains(text, "this program runs in it") {
		t.Errorf("the containers are\n%s", text)
	}
}
