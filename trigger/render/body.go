package render

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"
	"text/template"

	"github.com/tinyforge/fluentbit-trigger/internal/templates"
)

// maxRendered bounds the output of a body template, in bytes.
const maxRendered = 256 << 10

// bodyLimits returns the bounds on the templates of one body: enough for a hundred large alerts, and well under a second.
func bodyLimits() templates.Limits {
	return templates.Limits{Steps: 100_000, Bytes: 8 << 20, Output: maxRendered}
}

var errTooLong = errors.New("the body is longer than 256 KiB")

// formType is the content type of a form, as a browser sends it.
const formType = "application/x-www-form-urlencoded"

// Body is a compiled body setting. A JSON body is parsed first and each of its string values is a template, so that the output of a
// template can never change the structure of the document. Keys are not templates.
type Body struct {
	ContentType string
	HTML        bool // the content type is text/html
	form        bool // the document is an object of texts, which are sent as the fields of a form
	document    any  // of a JSON body: maps, slices, json.Number, bool, nil, and a *templates.Template for each string
	text        *templates.Template
}

// NewBody compiles a body setting. An error names the position in the body.
func NewBody(body, contentType string) (*Body, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, fmt.Errorf("content type %q is not a media type", contentType)
	}
	switch {
	case strings.HasPrefix(media, "text/"):
		t, err := parseTemplate("body", body)
		return &Body{ContentType: contentType, HTML: media == "text/html", text: t}, err
	case media != formType && media != "application/json" && !strings.HasSuffix(media, "+json"):
		return nil, fmt.Errorf("content type %q is neither JSON, nor a form, nor text", contentType)
	}
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("must not continue after the JSON value")
	}
	compiled, err := compileStrings("body", document)
	if err == nil && media == formType {
		err = checkForm(compiled)
	}
	return &Body{ContentType: contentType, form: media == formType, document: compiled}, err
}

// checkForm refuses a document that a form cannot hold.
func checkForm(document any) error {
	fields, ok := document.(map[string]any)
	if !ok || len(fields) == 0 {
		return errors.New("must be an object, whose texts are the fields of the form")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if _, ok := fields[name].(*templates.Template); !ok {
			return fmt.Errorf("body.%s: must be a text, as every field of a form", name)
		}
	}
	return nil
}

// encode returns a document as JSON, or as a form.
func (b *Body) encode(document any) ([]byte, error) {
	fields, ok := document.(map[string]any)
	if !b.form || !ok {
		return json.Marshal(document)
	}
	form := url.Values{}
	for name, value := range fields {
		if text, ok := value.(string); ok { // all are: checkForm
			form.Set(name, strings.ToValidUTF8(text, "\uFFFD"))
		}
	}
	return []byte(form.Encode()), nil
}

// compileStrings replaces each string by its template. path is the position in the document, for errors.
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
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if v[key], err = compileStrings(path+"."+key, v[key]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

func parseTemplate(path, text string) (*templates.Template, error) {
	t, err := templates.Parse(path, text, templateFuncs())
	if err != nil {
		return nil, inWords(path, err)
	}
	return t, nil
}

// Render executes the templates. The output of a JSON body is valid JSON for any alert. render fails when ctx ends.
func (b *Body) Render(ctx context.Context, data *TemplateData) ([]byte, error) {
	budget := templates.NewBudget(ctx, bodyLimits())
	if b.text != nil {
		var out bytes.Buffer
		if err := b.text.Execute(budget, &out, data); err != nil {
			return nil, templateError(err)
		}
		return bytes.ToValidUTF8(out.Bytes(), []byte("\uFFFD")), nil
	}
	document, err := fill(b.document, data, budget)
	if err != nil {
		return nil, err
	}
	body, err := b.encode(document)
	if err != nil {
		return nil, fmt.Errorf("encode body: %w", err)
	}
	if len(body) > 2*maxRendered { // escapes and the fixed parts add to the output of the templates
		return nil, errTooLong
	}
	return body, nil
}

// fill returns a copy of the document with each template replaced by its output.
func fill(value any, data *TemplateData, budget *templates.Budget) (any, error) {
	var err error
	switch v := value.(type) {
	case *templates.Template:
		var out strings.Builder
		if err := v.Execute(budget, &out, data); err != nil {
			return nil, templateError(err)
		}
		return out.String(), nil
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

// templateError returns the error with the position in the template, but without the data that text/template quotes: it can come from a log line.
func templateError(err error) error {
	var bound *templates.BoundError
	var exec template.ExecError
	switch {
	case errors.Is(err, templates.ErrOutput):
		return errTooLong
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &bound):
		return fmt.Errorf("the body's template %s", bound.Message)
	case errors.As(err, &exec):
		return fmt.Errorf("template %s cannot be executed on this alert", exec.Name)
	}
	return errors.New("the body template cannot be executed on this alert")
}
