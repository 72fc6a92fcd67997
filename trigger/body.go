package trigger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"text/template"
)

// maxRendered bounds the output of a body template, in bytes.
const maxRendered = 256 << 10

var errTooLong = errors.New("the body is longer than 256 KiB")

// bodyTemplate is a compiled body setting. A JSON body is parsed first and each of its string values is a template, so that what the
// templates yield can never change its shape; keys stay as they are.
type bodyTemplate struct {
	contentType string
	document    any // of a JSON body: maps, slices, json.Number, bool, nil, and *template.Template where a string was
	text        *template.Template
}

func newBodyTemplate(body, contentType string) (*bodyTemplate, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, fmt.Errorf("content type %q is not a media type", contentType)
	}
	switch {
	case strings.HasPrefix(media, "text/"):
		t, err := parseTemplate("body", body)
		return &bodyTemplate{contentType: contentType, text: t}, err
	case media != "application/json" && !strings.HasSuffix(media, "+json"):
		return nil, fmt.Errorf("content type %q is neither JSON nor text", contentType)
	}
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("holds something after the JSON value")
	}
	compiled, err := compileStrings("body", document)
	return &bodyTemplate{contentType: contentType, document: compiled}, err
}

// compileStrings puts a template in the place of each string; path says where in the document it stands.
func compileStrings(path string, value any) (any, error) {
	var err error
	switch v := value.(type) {
	case string:
		return parseTemplate(path, v)
	case []any:
		for i := range v {
			if v[i], err = compileStrings(fmt.Sprintf("%s[%d]", path, i), v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if v[key], err = compileStrings(path+"."+key, v[key]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

func parseTemplate(path, text string) (*template.Template, error) {
	t, err := template.New(path).Funcs(templateFuncs()).Option("missingkey=zero").Parse(text)
	if err != nil {
		return nil, inWords(path, err)
	}
	return t, nil
}

// render executes the templates. A JSON body comes out as valid JSON, whatever the alerts hold.
func (b *bodyTemplate) render(data *TemplateData) ([]byte, error) {
	budget := &cappedBuffer{left: maxRendered}
	if b.text != nil {
		if err := b.text.Execute(budget, data); err != nil {
			return nil, templateError(err)
		}
		return bytes.ToValidUTF8(budget.Bytes(), []byte("\uFFFD")), nil
	}
	document, err := fill(b.document, data, budget)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode body: %w", err)
	}
	if len(body) > 2*maxRendered { // escapes and the fixed parts come on top of what the templates yield
		return nil, errTooLong
	}
	return body, nil
}

// fill returns a copy of the document with the templates executed.
func fill(value any, data *TemplateData, budget *cappedBuffer) (any, error) {
	var err error
	switch v := value.(type) {
	case *template.Template:
		start := budget.Len()
		if err := v.Execute(budget, data); err != nil {
			return nil, templateError(err)
		}
		return string(budget.Bytes()[start:]), nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			if out[i], err = fill(v[i], data, budget); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			if out[key], err = fill(v[key], data, budget); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}

// templateError keeps the place in the template and drops what the error quotes of the data.
func templateError(err error) error {
	if errors.Is(err, errTooLong) {
		return errTooLong
	}
	var exec template.ExecError
	if errors.As(err, &exec) {
		return fmt.Errorf("template %s cannot be executed on this alert", exec.Name)
	}
	return errors.New("the body template cannot be executed on this alert")
}

// cappedBuffer fails a write that goes beyond what is left.
type cappedBuffer struct {
	bytes.Buffer
	left int
}

func (c *cappedBuffer) Write(p []byte) (int, error) {
	if len(p) > c.left {
		return 0, errTooLong
	}
	c.left -= len(p)
	return c.Buffer.Write(p)
}
