// Package jsonobject reads JSON objects strictly, and merges patches into them.
package jsonobject

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// maxNesting bounds the nesting of a value. Nothing in the configuration nests deeper than three levels.
const maxNesting = 16

// Parse reads one JSON object. Duplicate keys, text after its end, invalid UTF-8 and deep nesting are errors. Numbers become json.Number.
// Errors contain no part of the text except keys.
func Parse(text []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("it is empty")
	}
	if !utf8.Valid(text) {
		return nil, errors.New("it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	v, err := parseValue(dec, 0)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it is not an object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text follows the object")
	}
	return object, nil
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("it is nested more than %d levels deep", maxNesting)
	}
	token, err := dec.Token()
	if err != nil {
		return nil, syntaxError(dec, err)
	}
	switch token {
	case json.Delim('{'):
		object := map[string]any{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, syntaxError(dec, err)
			}
			key, _ := name.(string) // the decoder accepts only strings as keys
			if _, twice := object[key]; twice {
				return nil, fmt.Errorf("duplicate key %s", Quote(key))
			}
			if object[key], err = parseValue(dec, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := dec.Token()
		return object, syntaxError(dec, err)
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := parseValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, syntaxError(dec, err)
	}
	return token, nil
}

// syntaxError returns the position of an error, without the text there.
func syntaxError(dec *json.Decoder, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("unexpected end")
	}
	return fmt.Errorf("invalid JSON at byte %d", dec.InputOffset())
}

// Merge returns an object with a JSON merge patch (RFC 7396) applied: null removes a key, objects are merged, any other value replaces the old one.
func Merge(object map[string]any, patch map[string]any) map[string]any {
	out := make(map[string]any, len(object)+len(patch))
	for key, v := range object {
		out[key] = v
	}
	for key, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(out, key)
		case map[string]any:
			inner, _ := out[key].(map[string]any)
			out[key] = Merge(inner, v)
		default:
			out[key] = v
		}
	}
	return out
}

// Quote returns a client's text for an error message: quoted, valid UTF-8 and bounded.
func Quote(text string) string {
	const most = 60
	return strconv.Quote(strings.ToValidUTF8(safetext.Shorten(text, most), "�"))
}
