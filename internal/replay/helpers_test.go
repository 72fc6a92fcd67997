package replay

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
)

var testNow = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func options() Options { return Options{Now: testNow, Records: chunk.DefaultSettings()} }

// write makes a file below a new folder, changed an hour before testNow.
func write(t testing.TB, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	at := testNow.Add(-time.Hour)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	return path
}

func gzipped(t testing.TB, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, content)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, content string) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll([]byte(content), nil)
}

func open(t testing.TB, opt Options, inputs ...string) *Set {
	t.Helper()
	s, err := Open(context.Background(), inputs, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// got is a copy of a record that remains valid after its block is refilled.
type got struct {
	Time      string
	Text      string
	Stream    string
	Truncated bool
	Workload  string
	Container engine.Container
	File      string
	Number    int
	rec       engine.Record
}

// all reads a series to its end in blocks of the size.
func all(t testing.TB, s *Series, size int) []got {
	t.Helper()
	var out []got
	for {
		b := &Block{}
		err := s.Next(context.Background(), b, size)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Records) == 0 || len(b.Records) != len(b.Places) {
			t.Fatalf("a block has %d records and %d places", len(b.Records), len(b.Places))
		}
		for i := range b.Records {
			r := b.Records[i]
			file, number := b.Place(i)
			out = append(out, got{
				Time: time.Unix(0, r.Time).UTC().Format(time.RFC3339Nano), Text: string(r.Text), Stream: r.Stream.String(), Truncated: r.Truncated,
				Workload: r.Source.Workload, Container: r.Source.Container, File: filepath.Base(file), Number: number, rec: r,
			})
		}
	}
}

// only opens inputs that form one series, and reads it.
func only(t testing.TB, opt Options, inputs ...string) []got {
	t.Helper()
	s := open(t, opt, inputs...)
	if len(s.Series()) != 1 {
		t.Fatalf("%d series, want 1", len(s.Series()))
	}
	return all(t, s.Series()[0], 64<<10)
}
