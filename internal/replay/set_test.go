package replay

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

const containerID = "4f5d6a61c70d02b79b7ec19a686e1c8c8695173035c108a1371faad7cb0fda94"

func texts(records []got) (out []string) {
	for _, r := range records {
		out = append(out, r.Text)
	}
	return out
}

func TestUntimedPlainLinesGetTheTimeOfTheLineBefore(t *testing.T) {
	path := write(t, t.TempDir(), "api.log", []byte("banner\n2026-11-26 10:00:00 one\r\n\tat trace\n2026-11-26 10:00:05 two\n\nlast without end"))
	records := only(t, options(), path)
	want := []struct{ time, text string }{
		{"2026-11-26T10:00:00Z", "banner"}, {"2026-11-26T10:00:00Z", "2026-11-26 10:00:00 one"}, {"2026-11-26T10:00:00Z", "\tat trace"},
		{"2026-11-26T10:00:05Z", "2026-11-26 10:00:05 two"}, {"2026-11-26T10:00:05Z", ""}, {"2026-11-26T10:00:05Z", "last without end"},
	}
	if len(records) != len(want) {
		t.Fatalf("%d records: %q", len(records), texts(records))
	}
	for i, w := range want {
		if r := records[i]; r.Time != w.time || r.Text != w.text || r.Workload != "api" || r.Number != i+1 {
			t.Errorf("record %d: %+v, want %+v", i, r, w)
		}
	}
}

func TestATimeInTheFutureIsUnknown(t *testing.T) {
	path := write(t, t.TempDir(), "api.log", []byte("2026-11-26 10:00:00 one\n2099-01-01 00:00:00 two\n"))
	for i, r := range only(t, options(), path) {
		if r.Time != "2026-11-26T10:00:00Z" {
			t.Errorf("record %d is from %s", i, r.Time)
		}
	}
}

func TestLinesWithoutAnyTimeAreFromTheFilesChange(t *testing.T) {
	path := write(t, t.TempDir(), "api.log", []byte("one\ntwo\n"))
	for _, r := range only(t, options(), path) {
		if r.Time != "2026-11-26T11:00:00Z" {
			t.Errorf("%q is from %s", r.Text, r.Time)
		}
	}
}

func TestOptionsNameWorkloadContainerAndStream(t *testing.T) {
	opt := options()
	opt.Workload, opt.Container, opt.Stream = "shop/api", "shop-api-1", engine.Stderr
	r := only(t, opt, write(t, t.TempDir(), "x.log", []byte("2026-11-26 10:00:00 one\n")))[0]
	if r.Workload != "shop/api" || r.Container.Name != "shop-api-1" || r.Stream != "stderr" {
		t.Errorf("%+v", r)
	}
}

func TestDockerLogsAreJoinedAndNamedByTheirDescription(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("x", 16384)
	log := `{"log":"one \"q\" \u00e4\n","stream":"stdout","time":"2026-11-26T10:00:00.000000001Z"}
{"log":"` + long + `","stream":"stderr","time":"2026-11-26T10:00:01Z"}
{"log":"between\n","stream":"stdout","time":"2026-11-26T10:00:01Z"}
{"log":"rest\r\n","stream":"stderr","time":"2026-11-26T10:00:01Z"}
{"log":"with attributes\n","stream":"stdout","attrs":{"a":"b"},"time":"2026-11-26T10:00:02Z"}
{"log":"cut in the mid
{"log":"after\n","stream":"stdout","time":"2026-11-26T10:00:03Z"}
`
	folder := filepath.Join("containers", containerID)
	write(t, dir, filepath.Join(folder, containerID+"-json.log"), []byte(log))
	write(t, dir, filepath.Join(folder, containerID+"-json.log.1"), []byte(`{"log":"before\n","stream":"stdout","time":"2026-11-26T09:00:00Z"}`+"\n"))
	write(t, dir, filepath.Join(folder, "config.v2.json"), []byte(`{"Name":"/shop-api-1","Config":{"Image":"shop/api:1","Labels":`+
		`{"com.docker.compose.project":"shop","com.docker.compose.service":"api"}}}`))
	s := open(t, options(), dir)
	if len(s.Series()) != 1 {
		t.Fatalf("%d series", len(s.Series()))
	}
	records := all(t, s.Series()[0], 64<<10)
	want := []string{"before", "one \"q\" ä", "between", long + "rest", "with attributes", "after"}
	if !slices.Equal(texts(records), want) {
		t.Fatalf("%.200q", texts(records))
	}
	for _, r := range records {
		if r.Workload != "shop/api" || r.Container != (engine.Container{ID: containerID, Name: "shop/api/1", Image: "shop/api:1"}) {
			t.Fatalf("%+v", r)
		}
	}
	if records[3].Stream != "stderr" || records[1].Time != "2026-11-26T10:00:00.000000001Z" {
		t.Errorf("%+v", records[3])
	}
	st := s.Stats()
	if st.BadLines != 1 || len(st.Problems) != 1 || st.Problems[0].Line != 6 || st.BytesRead != st.BytesTotal {
		t.Errorf("%+v", st)
	}
}

func TestCRILogsAreJoinedAndNamedByTheirPath(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "pods/shop_api-7d9c5b8f6d-x2k4q_0000/api/0.log", []byte(`2026-11-26T10:00:00.123456789Z stdout F one
2026-11-26T11:00:01+01:00 stderr P part 
2026-11-26T10:00:01Z stdout F between
2026-11-26T10:00:02Z stderr F whole
no such line
2026-11-26T10:00:03Z stdout F 
2026-11-26T10:00:04Z stdout P without end
`))
	s := open(t, options(), path)
	records := all(t, s.Series()[0], 64<<10)
	if want := []string{"one", "between", "part whole", "", "without end"}; !slices.Equal(texts(records), want) {
		t.Fatalf("%q", texts(records))
	}
	if r := records[2]; r.Time != "2026-11-26T10:00:01Z" || r.Stream != "stderr" || r.Workload != "shop/api" || r.Container.Name != "shop/api-7d9c5b8f6d-x2k4q/api" || r.Number != 2 {
		t.Errorf("%+v", r)
	}
	if !records[4].Truncated || records[2].Truncated {
		t.Error("the line without end is not marked, or another is")
	}
	if st := s.Stats(); st.BadLines != 1 || st.Problems[0].String() != path+":5: not of the form TIME stdout|stderr F|P TEXT" {
		t.Errorf("%+v", st)
	}
	links := write(t, dir, "containers/api-7d9c5b8f6d-x2k4q_shop_api-"+containerID+".log", []byte("2026-11-26T10:00:00Z stdout F one\n"))
	if r := only(t, options(), links)[0]; r.Workload != "shop/api" || r.Container.ID != containerID {
		t.Errorf("%+v", r)
	}
}

func TestLinesOfJSONAreReadAsInProduction(t *testing.T) {
	log := `{"time":"2026-11-26T10:00:00Z","level":"error","msg":"boom \"x\"","user":{"id":42},"ok":true,"ratio":0.5,"stream":"stderr"}
panic: runtime error
{"ts":1795687201.5,"message":"m","msg":"second","container_name":"/shop-web-1","container_id":"abc"}
{"ts":1795687202,"no":"text"}
{"broken":
`
	s := open(t, options(), write(t, t.TempDir(), "api.json", []byte(log)))
	records := all(t, s.Series()[0], 64<<10)
	// The panic waits for the lines of its trace, while another container's lines come.
	slices.SortFunc(records, func(a, b got) int { return a.Number - b.Number })
	if want := []string{`boom "x"`, "panic: runtime error", "m", `{"ts":1795687202,"no":"text"}`, `{"broken":`}; !slices.Equal(texts(records), want) {
		t.Fatalf("%q", texts(records))
	}
	first := records[0]
	if first.rec.Severity != engine.SeverityError || first.Stream != "stderr" || first.Workload != "api" || first.Number != 1 {
		t.Errorf("%+v", first)
	}
	for path, want := range map[string]string{"user.id": "42", "ok": "true", "ratio": "0.5", "level": "error"} {
		if v, ok := first.rec.Fields.AppendField(nil, path); !ok || string(v) != want {
			t.Errorf("field %s is %q %t, want %q", path, v, ok, want)
		}
	}
	if records[1].Time != "2026-11-26T10:00:00Z" || records[1].Workload != "api" {
		t.Errorf("%+v", records[1])
	}
	if r := records[2]; r.Workload != "shop-web-1" || r.Time != "2026-11-26T10:00:01.5Z" || r.Container.ID != "abc" || r.Number != 3 {
		t.Errorf("%+v", r)
	}
	if st := s.Stats(); st.BadLines != 1 || st.Problems[0].Line != 5 {
		t.Errorf("%+v", st)
	}
}

func TestPartsOfLinesOfJSONAreJoined(t *testing.T) {
	part := func(text string, n int, last bool) string {
		return fmt.Sprintf(`{"time":"2026-11-26T10:00:00Z","container_id":"abc","container_name":"/c","source":"stdout","log":%q,"partial_message":"true",`+
			`"partial_id":"p","partial_ordinal":"%d","partial_last":"%t"}`+"\n", text, n, last)
	}
	records := only(t, options(), write(t, t.TempDir(), "api.json", []byte(part("one ", 1, false)+part("two", 2, true)+part("lost", 1, false))))
	if want := []string{"one two", "lost"}; !slices.Equal(texts(records), want) {
		t.Fatalf("%q", texts(records))
	}
	if records[0].Truncated || !records[1].Truncated {
		t.Errorf("%+v", records)
	}
}

func TestContainerLogs(t *testing.T) {
	records := only(t, options(), filepath.Join("..", "..", "examples", "logs", "demo.log"))
	if len(records) < 100 {
		t.Fatalf("%d records", len(records))
	}
	if r := records[0]; r.Workload != "shop/web" || r.Time != "2026-11-20T14:00:01Z" || r.Stream != "stdout" {
		t.Errorf("%+v", r)
	}
}

func TestCompressedAndRotatedFilesAreOneLogInOrder(t *testing.T) {
	dir := t.TempDir()
	line := func(hour int) string { return fmt.Sprintf("2026-11-26T%02d:00:00Z at %d\n", hour, hour) }
	write(t, dir, "app.log", []byte(line(9)))
	write(t, dir, "app.log.1", []byte(line(8)))
	write(t, dir, "app.log.2.gz", gzipped(t, line(7)))
	write(t, dir, "app.log.10.zst", zstded(t, line(1)))
	write(t, dir, "web.log-20261125.gz", gzipped(t, line(2)))
	write(t, dir, "web.log", []byte(line(3)))
	write(t, dir, "empty.log", nil)
	write(t, dir, "binary.log", []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00>\x00"))
	s := open(t, options(), dir)
	var names []string
	for _, one := range s.Series() {
		names = append(names, strings.Join(texts(all(t, one, 64<<10)), ","))
	}
	want := []string{
		"2026-11-26T01:00:00Z at 1,2026-11-26T07:00:00Z at 7,2026-11-26T08:00:00Z at 8,2026-11-26T09:00:00Z at 9",
		"2026-11-26T02:00:00Z at 2,2026-11-26T03:00:00Z at 3",
	}
	if !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	if st := s.Stats(); st.BadFiles != 1 || !strings.HasSuffix(st.Problems[0].String(), "binary.log: left out: no text") || st.BytesRead != st.BytesTotal {
		t.Errorf("%+v", st)
	}
}

func TestRotatedFilesWithoutTimesAreOrderedByTheirNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"app.log", "app.log.1", "app.log.2", "app.log.10", "app.log-20260102", "app.log-20260101"} {
		write(t, dir, name, []byte(name+"\n"))
	}
	got := texts(only(t, options(), dir))
	if want := []string{"app.log-20260101", "app.log-20260102", "app.log.10", "app.log.2", "app.log.1", "app.log"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestADamagedFileIsReadUpToTheDamage(t *testing.T) {
	dir := t.TempDir()
	whole := gzipped(t, strings.Repeat("2026-11-26T10:00:00Z line\n", 100_000))
	path := write(t, dir, "app.log.gz", whole[:len(whole)/2])
	s := open(t, options(), path)
	if n := len(all(t, s.Series()[0], 64<<10)); n < 1000 || n >= 100_000 {
		t.Errorf("%d records", n)
	}
	if st := s.Stats(); st.BadFiles != 1 || !strings.HasPrefix(st.Problems[0].Text, "cannot read the rest, from line ") || !strings.HasSuffix(st.Problems[0].Text, ": unexpected EOF") {
		t.Errorf("%+v", st)
	}
}

func TestInputsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	binary := write(t, dir, "binary.log", []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00>\x00"))
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for input, want := range map[string]string{
		filepath.Join(dir, "absent"):    "no such file or directory",
		filepath.Join(dir, "*.nothing"): "no file matches",
		binary:                          "no text",
		filepath.Join(dir, "folder"):    "no input holds a log: no log files in",
		"docker://":                     "must name a container",
		"docker://web":                  "no container engine is configured",
		"-":                             "standard input is not available",
	} {
		_, err := Open(context.Background(), []string{input}, options())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", input, err, want)
		}
	}
}

// TestEmptyInputsHaveNoLines: an empty log is not an error.
func TestEmptyInputsHaveNoLines(t *testing.T) {
	dir := t.TempDir()
	empty := write(t, dir, "empty.log", nil)
	zipped := write(t, dir, "zipped.log.gz", gzipped(t, ""))
	for _, input := range []string{empty, zipped, dir, filepath.Join(dir, "*.log"), "-"} {
		for _, stdin := range [][]byte{nil, gzipped(t, "")} {
			opt := options()
			opt.Stdin = bytes.NewReader(stdin)
			if s := open(t, opt, input); len(s.Series()) != 0 || s.Stats().BadFiles != 0 {
				t.Errorf("%s: %d logs, %+v", input, len(s.Series()), s.Stats())
			}
		}
	}
	full := write(t, dir, "full.log", []byte("2026-11-26 10:00:00 one\n"))
	if s := open(t, options(), empty, full); len(s.Series()) != 1 {
		t.Errorf("%d logs beside an empty one", len(s.Series()))
	}
}

// TestUnreadableFilesOfAFolderOrAGlobAreReported: the other files are read, and no file is skipped without a report.
func TestUnreadableFilesOfAFolderOrAGlobAreReported(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "api.log", []byte("2026-11-26 10:00:00 one\n"))
	if err := os.Symlink(filepath.Join(dir, "gone"), filepath.Join(dir, "link.log")); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(dir, "link.log") + ": left out: no such file or directory"
	for _, input := range []string{dir, filepath.Join(dir, "*.log")} {
		s := open(t, options(), input)
		if st := s.Stats(); len(s.Series()) != 1 || st.BadFiles != 1 || st.Problems[0].String() != want {
			t.Errorf("%s: %d logs, %+v", input, len(s.Series()), st)
		}
	}
	alone := filepath.Join(dir, "link*")
	_, err := Open(context.Background(), []string{alone}, options())
	if want := "link.log cannot be read: no such file or directory"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %q", alone, err, want)
	}
	if os.Geteuid() == 0 {
		t.Skip("root may read every folder")
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0); err != nil {
		t.Fatal(err)
	}
	st := open(t, options(), dir).Stats()
	if want := closed + ": left out: permission denied"; st.BadFiles != 2 || !slices.ContainsFunc(st.Problems, func(p Problem) bool { return p.String() == want }) {
		t.Errorf("%+v", st)
	}
}

func TestAFileIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "pods/0.log", []byte("2026-11-26T10:00:00Z one\n"))
	if err := os.Symlink(path, filepath.Join(dir, "link.log")); err != nil {
		t.Skip(err)
	}
	if s := open(t, options(), dir, path, filepath.Join(dir, "*.log")); len(s.Series()) != 1 {
		t.Errorf("%d series", len(s.Series()))
	}
}

func TestStandardInput(t *testing.T) {
	opt := options()
	opt.Stdin = bytes.NewReader(gzipped(t, "2026-11-26T10:00:00Z stdout F one\n"))
	opt.Workload = "shop/api"
	s := open(t, opt, "-")
	records := all(t, s.Series()[0], 1<<10)
	if len(records) != 1 || records[0].Text != "one" || records[0].Workload != "shop/api" || s.Stats().BytesTotal != 0 {
		t.Errorf("%+v %+v", records, s.Stats())
	}
}

func TestSinceAndUntilLimitTheTime(t *testing.T) {
	opt := options()
	opt.Since, opt.Until = 1795687201e9, 1795687203e9
	path := write(t, t.TempDir(), "a.log", []byte("1795687200.000 a\n1795687201.000 b\n1795687202.000 c\n1795687203.000 d\n"))
	if got := texts(only(t, opt, path)); !slices.Equal(got, []string{"1795687201.000 b", "1795687202.000 c"}) {
		t.Errorf("%q", got)
	}
}

func TestALineThatIsTooLongIsCutAsLive(t *testing.T) {
	long := strings.Repeat("a", docker.MaxLine) + strings.Repeat("b", docker.MaxLine) + "c"
	records := only(t, options(), write(t, t.TempDir(), "a.log", []byte("2026-11-26T10:00:00Z x\n"+long+"\nnext\n")))
	if len(records) != 5 {
		t.Fatalf("%d records", len(records))
	}
	joined := ""
	for _, r := range records[1:4] {
		joined += r.Text
		if !r.Truncated || len(r.Text) > docker.MaxLine || r.Number != 2 {
			t.Errorf("a part of %d bytes, truncated %t, number %d", len(r.Text), r.Truncated, r.Number)
		}
	}
	if joined != long || records[4].Text != "next" || records[4].Truncated || records[4].Number != 3 {
		t.Errorf("the parts are not the line, or %+v", records[4])
	}
}

func same(a, b got) bool {
	return a.Time == b.Time && a.Text == b.Text && a.Stream == b.Stream && a.Truncated == b.Truncated && a.Number == b.Number && a.Container == b.Container
}

// TestBlocksDoNotMatter: the records do not depend on the size of blocks.
func TestBlocksDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	var plain, cri, dockers, objects strings.Builder
	for i := range 3000 {
		text := strings.Repeat("x", rng.Intn(200))
		if rng.Intn(500) == 0 {
			text = strings.Repeat("y", 40_000)
		}
		at := testNow.Add(-1e12).Format("2006-01-02T15:04:05Z")
		fmt.Fprintf(&plain, "%s\r\n", text)
		fmt.Fprintf(&cri, "%s stdout %s %s\n", at, []string{"F", "F", "P"}[rng.Intn(3)], text)
		fmt.Fprintf(&dockers, `{"log":"%d %s\n","stream":"stderr","time":"%s"}`+"\n", i, text, at)
		fmt.Fprintf(&objects, `{"time":"%s","log":"%s","n":%d}`+"\n", at, text, i)
	}
	for name, content := range map[string]string{"plain": plain.String(), "cri": cri.String(), "docker": dockers.String(), "json": objects.String()} {
		path := write(t, t.TempDir(), name+".log", []byte(content))
		var want []got
		for _, size := range []int{1 << 20, 100, 4 << 10, 64 << 10} {
			s := open(t, options(), path)
			records := all(t, s.Series()[0], size)
			for i := range records {
				if f := records[i].rec.Fields; f != nil {
					v, _ := f.AppendField(nil, "n")
					records[i].Text += string(v)
				}
			}
			if st := s.Stats(); st.BadLines+st.BadFiles != 0 {
				t.Errorf("%s: %v", name, st.Problems)
			}
			if want == nil {
				want = records
			} else if !slices.EqualFunc(records, want, same) {
				t.Errorf("%s: blocks of %d bytes give %d other records than %d", name, size, len(records), len(want))
			}
		}
		if len(want) < 1000 {
			t.Errorf("%s: only %d records", name, len(want))
		}
	}
}

// engineOf returns a container engine with one container.
type engineOf struct {
	docker.API
	container docker.Container
	log       []byte
}

func (e *engineOf) Inspect(_ context.Context, id string) (docker.Container, error) {
	if id != e.container.Name {
		return docker.Container{}, docker.ErrNotFound
	}
	return e.container, nil
}

func (e *engineOf) Logs(context.Context, string, docker.LogOptions) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(e.log)), nil
}

func frame(stream byte, payload string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{stream, 0, 0, 0}, uint32(len(payload))), payload...)
}

func TestTheLogOfAContainer(t *testing.T) {
	log := slices.Concat(frame(1, "2026-11-26T10:00:00.000000001Z one\n"), frame(2, "2026-11-26T10:00:01.000000000Z two\n"))
	opt := options()
	opt.Engine = func() (docker.API, error) {
		return &engineOf{container: docker.Container{ID: containerID, Name: "web"}, log: log}, nil
	}
	records := only(t, opt, "docker://web")
	if !slices.Equal(texts(records), []string{"one", "two"}) || records[1].Stream != "stderr" || records[0].Container.ID != containerID ||
		records[0].Time != "2026-11-26T10:00:00.000000001Z" {
		t.Errorf("%+v", records)
	}
	// A long line of the journald driver: each part has its own time.
	part := strings.Repeat("x", 16384)
	log = slices.Concat(frame(1, "2026-11-26T10:00:00.000001000Z "+part), frame(1, "2026-11-26T10:00:00.000002000Z y\n"))
	opt.Engine = func() (docker.API, error) {
		return &engineOf{container: docker.Container{ID: containerID, Name: "web", Driver: "journald", LineEnds: true}, log: log}, nil
	}
	if records := only(t, opt, "docker://web"); !slices.Equal(texts(records), []string{part + "y"}) {
		t.Errorf("%d records", len(records))
	}
	if _, err := Open(context.Background(), []string{"docker://other"}, opt); err == nil || !strings.Contains(err.Error(), "no such container") {
		t.Errorf("%v", err)
	}
}
