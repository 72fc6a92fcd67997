package starter

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/examples"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/client"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/internal/lint"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

func TestPacksOfImages(t *testing.T) {
	for image, want := range map[string]string{
		"postgres:17": "postgresql", "docker.io/library/postgres:17-alpine@sha256:00ff": "postgresql", "ghcr.io/acme/node-api": "nodejs", "redis": "redis",
		"localhost:5000/python/app:go": "python", "registry.example.com:5000/shop/api:redis": "", "golang:1.26": "go", "mongo:7": "", "shop-api:1": "",
		"sha256:0011": "", "": "", "wordpress:php8.3-apache": "php", "bitnami/postgresql-repmgr": "postgresql", "node-redis": "nodejs redis", "localhost/rust": "rust", "@": "", "/": "", ":": "",
	} {
		if got := strings.Join(packsOfImage(image), " "); got != want {
			t.Errorf("%q: %q, want %q", image, got, want)
		}
	}
	for name := range images {
		if !slices.Contains(PackNames(), name) {
			t.Errorf("images name the pack %s, which does not exist", name)
		}
	}
	if err := CheckPacks([]string{"go", "postgres"}); err == nil || !strings.Contains(err.Error(), `did you mean "postgresql"`) {
		t.Error(err)
	}
}

func options(t *testing.T, daemon *dockertest.Daemon, o Options) Options {
	t.Helper()
	api, err := client.New(daemon.Host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Close() })
	o.API, o.Now = api, time.Now()
	return o
}

const evil = "we\x1b[31mb\n[[rule]]\nname = \"evil\"\nkeywords = [\"x\"]\n\u202e"

// TestLookAndWrite looks at containers with hostile names and lines, and wants a document that loads, with nothing of theirs in it but comments.
func TestLookAndWrite(t *testing.T) {
	daemon := dockertest.Start(t)
	daemon.Run(dockertest.Container{Name: "db", Image: "postgres:17"}).Stdout("starting", "all is well")
	api := daemon.Run(dockertest.Container{Name: evil, Image: "shop\x1b]0;x\a:1", Labels: map[string]string{"com.docker.compose.project": "p\"\n[[rule]]", "com.docker.compose.service": "s'''\n"}})
	for range 20 {
		api.Stderr("panic: no connection to the database", "checkout \x1b[1m\"'''\n[[rule]]\u202e failed, password=hunter2hunter2 for 1234")
	}
	daemon.Run(dockertest.Container{Name: "own", Image: "docker-fluentbit"}).Stdout("panic: own")
	daemon.Run(dockertest.Container{Name: "off", Labels: map[string]string{"fluentbit-trigger.enable": "false"}}).Stdout("panic: off")
	none := daemon.Run(dockertest.Container{Name: "none", Driver: "none"})
	ended := daemon.Run(dockertest.Container{Name: "aaa-ended"})
	ended.Stdout(slices.Repeat([]string{"old"}, 50)...)
	ended.Exit(1)
	o := options(t, daemon, Options{Own: fmt.Sprintf("%x", "own") + strings.Repeat("0", 58), Lines: 40, Frequent: 5})
	s, err := Look(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range s.Containers {
		got = append(got, fmt.Sprintf("%t %d %s", c.Running, c.Lines, strings.Join(c.Packs, " ")))
	}
	want := []string{"true 2 postgresql", "true 0 ", "true 40 go", "false 40 "}
	if !slices.Equal(got, want) || s.Lines != 82 {
		t.Errorf("%q of %d lines, want %q", got, s.Lines, want)
	}
	if packs := strings.Join(s.Packs(), " "); packs != "go postgresql severity" {
		t.Errorf("packs %s", packs)
	}
	if len(s.Problems) != 1 || !strings.HasPrefix(s.Problems[0], none.Name+": ") {
		t.Errorf("problems %q", s.Problems)
	}
	for _, packs := range [][]string{s.Packs(), PackNames(), nil} {
		trigger := Trigger{Set: map[string]any{"name": "ops", "url": "https://hooks.slack.com/services/T0/B0/xyzzy", "format": "slack"}}
		base := filepath.Join(t.TempDir(), "rules")
		secrets, err := trigger.TakeSecrets(base)
		if err != nil || len(secrets) != 1 || secrets[0].File != base+".ops.url" {
			t.Fatalf("%v %v", secrets, err)
		}
		for _, one := range secrets {
			if err := os.WriteFile(one.File, []byte(one.Text.Reveal()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d := Document{Trigger: trigger, Packs: packs, Survey: s, Made: o.Now, Check: "docker-fluentbit check rules.toml"}
		var text bytes.Buffer
		if err := d.Write(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(text.String(), "#:schema https://") || strings.Count(text.String(), "#:schema") != 1 {
			t.Error("the schema is not named in the first line alone")
		}
		for _, bad := range []string{"\x1b", "\u202e", "xyzzy", "hunter2", "\r"} {
			if strings.Contains(text.String(), bad) {
				t.Errorf("the document contains %q", bad)
			}
		}
		if err := os.WriteFile(base+".toml", text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, f := range lint.Files([]string{base + ".toml"}, lint.Options{}).Findings {
			if f.Code != lint.CodeUnavailable { // the store of this machine
				t.Errorf("%v: %s", packs, f.String())
			}
		}
		loaded := config.Load(config.Sources{Files: []string{base + ".toml"}})
		rules := 2 // of containers
		for _, p := range examples.Packs() {
			if slices.Contains(packs, p.Name) {
				rules += len(config.Load(config.Sources{Inline: p.Text}).Settings.Rules)
			}
		}
		if len(loaded.Problems) > 0 || len(loaded.Settings.Rules) != rules || len(loaded.Settings.Triggers) != 1 {
			t.Errorf("%v: %d rules, want %d; %v", packs, len(loaded.Settings.Rules), rules, loaded.Problems)
		}
		// The rules in comments work when somebody takes the # away.
		var on []string
		_, frequent, _ := strings.Cut(text.String(), "The most frequent lines")
		for line := range strings.Lines(frequent) {
			if rest, ok := strings.CutPrefix(line, "# "); ok && (strings.HasPrefix(rest, "[[rule]]") || strings.Contains(rest, " = ") && !strings.HasPrefix(rest, "to ") && !strings.HasPrefix(rest, "template") && !strings.HasPrefix(rest, "sample")) {
				on = append(on, rest)
			}
		}
		if loaded := config.Load(config.Sources{Inline: strings.Join(on, "")}); len(loaded.Problems) > 0 || len(loaded.Settings.Rules) < 2 {
			t.Errorf("the rules in comments: %v\n%s", loaded.Problems, strings.Join(on, ""))
		}
		p, err := Try(t.Context(), o, s, &loaded.Settings)
		if err != nil || p.Lines != 82 || (p.Alerts > 0) != slices.Contains(packs, "go") {
			t.Errorf("%v: %+v %v", packs, p, err)
		}
	}
}

// TestALookIsBounded has more containers than are looked at, an engine that hangs until the caller gives up, and one that is gone.
func TestALookIsBounded(t *testing.T) {
	daemon := dockertest.Start(t)
	for i := range MaxContainers + 5 {
		daemon.Run(dockertest.Container{Name: fmt.Sprint("c", i)})
	}
	o := options(t, daemon, Options{Lines: 0})
	s, err := Look(t.Context(), o)
	if err != nil || len(s.Containers) != MaxContainers || s.More != 5 {
		t.Errorf("%d containers and %d more, %v", len(s.Containers), s.More, err)
	}
	daemon.Misbehave(dockertest.Faults{HangTail: true})
	ctx, cancel := context.WithCancel(t.Context())
	o.Lines = 10
	looked := make(chan *Survey)
	go func() {
		s, _ := Look(ctx, o)
		looked <- s
	}()
	await.That(t, 20*time.Second, "a log is asked for", func() bool { return len(daemon.LogRequests()) > 0 })
	cancel()
	if s := <-looked; s == nil || s.Lines != 0 || len(s.Problems) == 0 {
		t.Errorf("%+v", s)
	}
	daemon.Down()
	if _, err := Look(t.Context(), o); err == nil {
		t.Error("an engine that is gone lists containers")
	}
}

// TestSecretsLeaveTheSettings takes everything that may be a secret out, and leaves the address of a server.
func TestSecretsLeaveTheSettings(t *testing.T) {
	for _, c := range []struct {
		set  map[string]any
		want string // keys with files, or the error
	}{
		{map[string]any{"name": "a", "url": "https://ntfy.sh/topic"}, "url"},
		{map[string]any{"name": "a", "url": "http://gotify:80", "token": "x"}, "token"},
		{map[string]any{"name": "a", "url": "http://gotify/", "routing_key": "x", "password": "y"}, "password routing_key"},
		{map[string]any{"name": "a", "url": "https://example.com/?key=1"}, "url"},
		{map[string]any{"name": "a", "url": "smtp://mail.example.com:587"}, ""},
		{map[string]any{"name": "a", "url": "https://hooks.slack.com/"}, ""},
		{map[string]any{"name": "a", "url_env": "URL", "token_file": "/x"}, ""},
		{map[string]any{"name": "a", "url": "::"}, "url"},
		{map[string]any{"name": "../a", "url": "https://ntfy.sh/topic"}, `name: "../a" must be letters`},
		{map[string]any{"name": "", "url": "https://ntfy.sh/topic"}, `name: "" must be letters`},
		{map[string]any{"name": "a", "headers": map[string]any{"X-Key": "1"}}, "headers.X-Key: its value may be a secret"},
	} {
		trigger := Trigger{Set: c.set}
		secrets, err := trigger.TakeSecrets("/etc/rules")
		var keys []string
		for _, s := range secrets {
			keys = append(keys, s.Key)
			if trigger.Set[s.Key] != nil || trigger.Set[s.Key+"_file"] != s.File || !strings.HasPrefix(s.File, "/etc/rules.a.") {
				t.Errorf("%v: %v", c.set, s.File)
			}
		}
		slices.Sort(keys)
		if got := strings.Join(keys, " "); err == nil && got != c.want || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v: %s, %v, want %s", c.set, got, err, c.want)
		}
	}
}

// TestAllowOwn allows the address of a service on this machine and nothing else.
func TestAllowOwn(t *testing.T) {
	for address, want := range map[string]string{
		"http://127.0.0.1:8080/x": "127.0.0.1:8080", "http://localhost/x": "localhost:80", "https://localhost": "localhost:443", "http://[::1]:80/": "[::1]:80",
		"http://100.64.1.2/": "100.64.1.2:80", "http://169.254.169.254/": "", "http://metadata.google.internal/": "", "https://example.com/": "", "http://10.0.0.1/": "", "nonsense": "", "": "",
	} {
		trigger := Trigger{Set: map[string]any{"name": "a", "url": address, "format": "generic"}}
		if got := trigger.AllowOwn(); got != want || want != "" && len(trigger.Problems()) > 0 {
			t.Errorf("%s: %q, want %q; %v", address, got, want, trigger.Problems())
		}
	}
}
