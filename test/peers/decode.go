package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"unsafe"

	"github.com/fluent/fluent-bit-go/output"
	"github.com/tinylib/msgp/msgp"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

// found is what every decoder has to get out of a chunk: how many lines, how long, and how many names of containers.
type found struct{ lines, bytes, names int }

// decoder reads a chunk and returns what it found. Ours also says where a line comes from, how severe it is, and joins parts of lines.
type decoder struct {
	name string
	read func(chunk []byte) (found, error)
}

func measureDecoders(o options) error {
	lines, err := o.corpus.newLines(o.lines, []string{"no such text"}, []string{"such a text"})
	if err != nil {
		return err
	}
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = string(l)
	}
	ours, err := newDecoder()
	if err != nil {
		return err
	}
	decoders := []decoder{
		{"internal/chunk", ours}, {"tinylib/msgp, zero copy", readMsgp}, {"vmihailenco/msgpack", readMsgpack}, {"fluent-bit-go GetRecord", readGetRecord},
	}
	fmt.Print("\nNanoseconds a record (allocations), and as a multiple of the first; reading alone is bytes.Count over the chunk:\n\n")
	fmt.Println("| records | bytes each | reading alone | " + decoders[0].name + " | " + decoders[1].name + " | " + decoders[2].name + " | " + decoders[3].name + " |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, shape := range chunktest.Shapes() {
		if shape.Name != "docker" && shape.Name != "kubernetes" {
			continue
		}
		data := shape.Make(chunktest.Lines(texts...)...)
		if err := compareDecoders(o, shape.Name, data, len(lines), decoders); err != nil {
			return fmt.Errorf("%s: %w", shape.Name, err)
		}
	}
	return nil
}

func compareDecoders(o options, name string, data []byte, lines int, decoders []decoder) error {
	subjects := []*subject{{per: float64(lines), work: timed(func() { bytes.Count(data, []byte{0xc1}) })}}
	allocs := []string{""}
	var truth found
	for i, d := range decoders {
		var before, after runtime.MemStats
		if _, err := d.read(data); err != nil { // fills caches
			return fmt.Errorf("%s: %w", d.name, err)
		}
		runtime.ReadMemStats(&before)
		got, err := d.read(data)
		runtime.ReadMemStats(&after)
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		if i == 0 {
			truth = got
		}
		if got != truth || got.lines != lines {
			return fmt.Errorf("%s found %+v, and %s %+v, in %d lines", d.name, got, decoders[0].name, truth, lines)
		}
		allocs = append(allocs, fmt.Sprintf(" (%.0f)", float64(after.Mallocs-before.Mallocs)/float64(lines)))
		subjects = append(subjects, &subject{per: float64(lines), work: timed(func() {
			if _, err := d.read(data); err != nil {
				panic(err)
			}
		})})
	}
	inTurns(o.rounds, subjects)
	fmt.Printf("| %s | %d |", name, len(data)/lines)
	for i, s := range subjects {
		cell := figure(s.median()) + allocs[i]
		if i > 1 {
			cell += fmt.Sprintf(", %s ×", figure(s.median()/subjects[1].median()))
		}
		fmt.Printf(" %s |", cell)
	}
	fmt.Println()
	return nil
}

func newDecoder() (func([]byte) (found, error), error) {
	d, err := chunk.New(chunk.DefaultSettings())
	if err != nil {
		return nil, err
	}
	return func(data []byte) (f found, err error) {
		d.Decode(data, "", 1, func(rec *engine.Record, _ []byte) {
			f.lines++
			f.bytes += len(rec.Text)
			if rec.Source.Container.Name != "" {
				f.names++
			}
		})
		return f, nil
	}, nil
}

// see counts a pair of a record, however deep it stands.
func (f *found) see(key string, length int) {
	switch key {
	case "log":
		f.bytes += length
	case "container_name":
		f.names++
	}
}

func readMsgp(data []byte) (f found, err error) {
	for len(data) > 0 {
		if _, data, err = msgp.ReadArrayHeaderBytes(data); err != nil {
			return f, err
		}
		if data, err = msgp.Skip(data); err != nil { // time and metadata
			return f, err
		}
		if data, err = f.mapMsgp(data); err != nil {
			return f, err
		}
		f.lines++
	}
	return f, nil
}

func (f *found) mapMsgp(data []byte) (_ []byte, err error) {
	var n uint32
	if n, data, err = msgp.ReadMapHeaderBytes(data); err != nil {
		return data, err
	}
	for range n {
		var key, value []byte
		if key, data, err = msgp.ReadStringZC(data); err != nil {
			return data, err
		}
		switch string(key) {
		case "log", "container_name":
			if value, data, err = msgp.ReadStringZC(data); err == nil {
				f.see(string(key), len(value))
			}
		case "kubernetes":
			data, err = f.mapMsgp(data)
		default:
			data, err = msgp.Skip(data)
		}
		if err != nil {
			return data, err
		}
	}
	return data, nil
}

func readMsgpack(data []byte) (f found, err error) {
	dec := msgpack.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := dec.DecodeArrayLen(); errors.Is(err, io.EOF) {
			return f, nil
		} else if err != nil {
			return f, err
		}
		if err := dec.Skip(); err != nil {
			return f, err
		}
		if err := f.mapMsgpack(dec); err != nil {
			return f, err
		}
		f.lines++
	}
}

func (f *found) mapMsgpack(dec *msgpack.Decoder) error {
	n, err := dec.DecodeMapLen()
	if err != nil {
		return err
	}
	for range n {
		key, err := dec.DecodeString()
		if err != nil {
			return err
		}
		switch key {
		case "log", "container_name":
			var value string
			if value, err = dec.DecodeString(); err == nil {
				f.see(key, len(value))
			}
		case "kubernetes":
			err = f.mapMsgpack(dec)
		default:
			err = dec.Skip()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readGetRecord(data []byte) (f found, err error) {
	dec := output.NewDecoder(unsafe.Pointer(unsafe.SliceData(data)), len(data))
	for {
		rc, _, record := output.GetRecord(dec)
		if rc != 0 {
			return f, nil
		}
		f.mapGetRecord(record)
		f.lines++
	}
}

func (f *found) mapGetRecord(record map[any]any) {
	for key, value := range record {
		switch v := value.(type) {
		case []byte:
			f.see(key.(string), len(v))
		case map[any]any:
			f.mapGetRecord(v)
		}
	}
}
