package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxNesting bounds how deep a body nests. Nothing in the configuration nests deeper than three.
const maxNesting = 16

// parseObject reads one JSON object, strictly: a key that comes twice, text behind the end, text that is not UTF-8 and deep nesting are errors.
// Numbers are json.Number. Its errors hold nothing of the text but keys.
func parseObject(text []byte) (map[string]any, error) {
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
		return nil, errors.New("it is another value")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text follows its end")
	}
	return object, nil
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("it nests more than %d deep", maxNesting)
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
			key, _ := name.(string) // the decoder takes no other
			if _, twice := object[key]; twice {
				return nil, fmt.Errorf("the key %s is given twice", shown(key))
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

// syntaxError says where the text is not JSON, without showing it.
func syntaxError(dec *json.Decoder, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends too early")
	}
	return fmt.Errorf("not JSON at byte %d", dec.InputOffset())
}

// mergePatch applies a JSON merge patch (RFC 7396): null removes a key, an object is merged, any other value takes the place of what was there.
func mergePatch(target map[string]any, patch map[string]any) map[string]any {
	out := make(map[string]any, len(target)+len(patch))
	for key, v := range target {
		out[key] = v
	}
	for key, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(out, key)
		case map[string]any:
			inner, _ := out[key].(map[string]any)
			out[key] = mergePatch(inner, v)
		default:
			out[key] = v
		}
	}
	return out
}
