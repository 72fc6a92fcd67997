package browser

import (
	"bytes"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tinyforge/fluentbit-trigger/internal/cli"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
)

var terminal = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><title>terminal</title>
<style>body { margin: 0; background: #0d1117; } pre { margin: 0; padding: 16px; color: #e6edf3; font: 13px/1.35 "Noto Sans Mono", Menlo, Consolas, monospace; display: inline-block; }
b { color: #7ee787; font-weight: 400; }</style><pre id="out"><b>$ {{.Command}}</b>
{{.Output}}</pre></html>`))

// TestTerminalPictures runs commands in the root of the repository and shows their output as a terminal of 120 columns does. With -pictures it writes
// docs/pictures/terminal-NAME.png.
func TestTerminalPictures(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	for _, one := range []struct {
		name, args, shows string
		code              int
	}{
		{"backtest", "backtest -q --rules examples/demo/rules.toml --samples 0 examples/logs/demo.log", "476 lines of 1 log", command.Fine},
		{"explain", `explain -c examples/demo/rules.toml --workload shop/web --stream stdout 203.0.113.7 - - "GET /cart HTTP/1.1" 502 154 "-" "curl/8"`, "nginx-5xx", command.Fine},
	} {
		t.Run(one.name, func(t *testing.T) {
			var out bytes.Buffer
			env := &command.Env{
				In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now, Version: "picture", Setenv: func(string, string) error { return nil },
				Getenv: func(key string) string { return map[string]string{"COLUMNS": "120", "HOME": t.TempDir()}[key] },
			}
			args := strings.Fields(one.args)
			shown := one.args
			if one.name == "explain" {
				line := strings.Join(args[7:], " ")
				args = append(args[:7:7], line)
				shown = strings.Join(args[:7], " ") + " '" + line + "'"
			}
			if code := cli.Run(env, args); code != one.code || !strings.Contains(out.String(), one.shows) {
				t.Fatalf("exit code %d, want %d and %q:\n%s", code, one.code, one.shows, &out)
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if err := terminal.Execute(w, map[string]string{"Command": "docker-fluentbit " + shown, "Output": out.String()}); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			b := openTab(t, 1000, 400, true)
			b.open(server.URL, "#out")
			if text := b.text(`document.getElementById('out').innerText`); !strings.Contains(text, one.shows) {
				t.Errorf("the terminal shows\n%s", text)
			}
			if *pictures {
				var image []byte
				b.run(chromedp.Screenshot("#out", &image, chromedp.ByQuery))
				if err := os.WriteFile(filepath.Join("docs", "pictures", "terminal-"+one.name+".png"), image, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
