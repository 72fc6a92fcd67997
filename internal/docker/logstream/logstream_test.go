package logstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

const stampText = "2026-11-30T12:00:00.000000001Z "

var stampNs = time.Date(2026, 11, 30, 12, 0, 0, 1, time.UTC).UnixNano()

func frame(stream byte, payload string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{stream, 0, 0, 0}, uint32(len(payload))), payload...)
}

// read reads a stream to its end, and returns copies of its records.
func read(t *testing.T, body []byte, terminal bool) (all []Record, invalid int, end error) {
	r := New(bytes.NewReader(body), Options{Terminal: terminal, Last: 7, Slots: make(chan struct{}, 1), Invalid: func() { invalid++ }})
	for {
		one, err := r.Next()
		if err != nil {
			if rest, ok := r.Remnant(); ok {
				all = append(all, Record{rest.Time, rest.Stream, bytes.Clone(rest.Data)})
			}
			return all, invalid, err
		}
		if all = append(all, Record{one.Time, one.Stream, bytes.Clone(one.Data)}); len(all) > len(body)+1 {
			t.Fatalf("%d records in %d bytes", len(all), len(body))
		}
	}
}

func TestFrames(t *testing.T) {
	body := bytes.Join([][]byte{frame(1, stampText+"one\n"), frame(2, "no time\n"), frame(1, stampText+"part")}, nil)
	all, invalid, end := read(t, body, false)
	if len(all) != 3 || invalid != 1 || !errors.Is(end, io.EOF) {
		t.Fatalf("%+v, %d invalid, %v", all, invalid, end)
	}
	for i, want := range []Record{{stampNs, engine.Stdout, []byte("one\n")}, {stampNs, engine.Stderr, []byte("no time\n")}, {stampNs, engine.Stdout, []byte("part")}} {
		if all[i].Time != want.Time || all[i].Stream != want.Stream || string(all[i].Data) != string(want.Data) {
			t.Errorf("record %d: %+v, want %+v", i, all[i], want)
		}
	}
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"a foreign header":  {[]byte("HTTP/1.1"), ErrFrame},
		"a large frame":     {append(binary.BigEndian.AppendUint32([]byte{1, 0, 0, 0}, maxFrame+1), 'x'), ErrFrame},
		"an engine's error": {frame(3, "no space left"), ErrDaemon},
		"a cut frame":       {body[:len(body)-1], io.EOF},
	} {
		if _, _, end := read(t, c.body, false); !errors.Is(end, c.want) {
			t.Errorf("%s: %v, want %v", name, end, c.want)
		}
	}
}

func TestTerminal(t *testing.T) {
	long := string(bytes.Repeat([]byte("x"), SplitSize))
	all, invalid, end := read(t, []byte(stampText+"one\r\n"+stampText+long+stampText+"y\n"+stampText+"rest"), true)
	if len(all) != 4 || invalid != 0 || !errors.Is(end, io.EOF) {
		t.Fatalf("%d records, %d invalid, %v", len(all), invalid, end)
	}
	for i, want := range []string{"one\r\n", long, "y\n", "rest"} {
		if string(all[i].Data) != want || all[i].Time != stampNs || all[i].Stream != engine.Stdout {
			t.Errorf("record %d: %.20q at %d, want %.20q", i, all[i].Data, all[i].Time, want)
		}
	}
	if _, _, end := read(t, []byte("Error grabbing logs: no space left\n"), true); !errors.Is(end, ErrDaemon) {
		t.Errorf("an engine's error: %v", end)
	}
}

// FuzzStream reads any bytes as both forms: each ends with an error, and no record is larger than the stream.
func FuzzStream(f *testing.F) {
	f.Add(frame(1, stampText+"one\n"), false)
	f.Add([]byte(stampText+"one\r\n"), true)
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xff"), false)
	f.Fuzz(func(t *testing.T, body []byte, terminal bool) {
		all, _, _ := read(t, body, terminal)
		sum := 0
		for i := range all {
			sum += len(all[i].Data)
		}
		if sum > len(body) {
			t.Errorf("records of %d bytes in a stream of %d", sum, len(body))
		}
	})
}
