package containerlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

func TestReadAndWrite(t *testing.T) {
	text := "@web id=0f app=shop\n0.500 web stderr a  b\n1.000 web stdout \n"
	lines, err := Read(strings.NewReader("# comment\n\n" + text))
	if err != nil || len(lines) != 2 {
		t.Fatalf("lines %v, error %v", lines, err)
	}
	if l := lines[0]; l.After != 500*time.Millisecond || l.Stream != "stderr" || l.Text != "a  b" || l.Container.ID != "0f" || lines[1].Text != "" {
		t.Errorf("lines %+v", lines)
	}
	var b strings.Builder
	if err := Write(&b, lines); err != nil || b.String() != text {
		t.Errorf("written %q, error %v", b.String(), err)
	}
	for _, bad := range []string{"1 nobody stdout x", "@a\nx a stdout x", "@a b", "@", "@a\n1 a"} {
		if _, err := Read(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func TestJSON(t *testing.T) {
	c := &Container{Name: "web", ID: "0f", Labels: []Label{{"com.docker.compose.project", "shop"}, {"com.docker.compose.service", "web"}}}
	line, err := Line{After: time.Second, Container: c, Stream: "stderr", Text: "<a>\x00"}.JSON(time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	var record map[string]string
	if err := json.Unmarshal(line, &record); err != nil {
		t.Fatal(err)
	}
	if record["time"] != "1970-01-01T00:00:01.000000000Z" || record["log"] != "<a>\x00" || record["container_name"] != "/web" ||
		record["source"] != "stderr" || record["com.docker.compose.service"] != "web" {
		t.Errorf("record %v", record)
	}
	if c.Workload() != "shop/web" || (&Container{Name: "x"}).Workload() != "x" {
		t.Error("wrong workload")
	}
}

// demoLog is the log that the generator makes.
const demoLog = "examples/logs/demo.log"

func TestDemoLogIsGenerated(t *testing.T) {
	root, err := pluginhost.Root()
	if err != nil {
		t.Fatal(err)
	}
	want, err := exec.Command("go", "run", "./generate").Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, demoLog))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what test/containerlog/generate makes", demoLog)
	}
}

// TestHostReadsTheSame holds the plugin host, which reads these logs with code of its own, to the same number of records and the same texts.
func TestHostReadsTheSame(t *testing.T) {
	root, err := pluginhost.Root()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := pluginhost.BuildHost(t.TempDir())
	if errors.Is(err, pluginhost.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	host, err := pluginhost.Start(binary, pluginhost.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close(5 * time.Second)
	path, out := filepath.Join(root, demoLog), filepath.Join(t.TempDir(), "chunk")
	reply, err := host.Do("pack", "log", path, out, "base=1")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 300 || reply.Int("records") != len(lines) {
		t.Errorf("%d lines here, %d records in the host", len(lines), reply.Int("records"))
	}
	chunk, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		i := bytes.Index(chunk, []byte(l.Text))
		if i < 0 {
			t.Fatalf("the host's chunk does not hold %q", l.Text)
		}
		chunk = chunk[i:]
	}
}
