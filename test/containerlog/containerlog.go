package containerlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Container is what a log says about one container.
type Container struct {
	Name   string
	ID     string
	Labels []Label
}

// Label is a key with a value.
type Label struct{ Key, Value string }

// Workload returns the compose project and service, or the name when there are none.
func (c *Container) Workload() string {
	var project, service string
	for _, l := range c.Labels {
		switch l.Key {
		case "com.docker.compose.project":
			project = l.Value
		case "com.docker.compose.service":
			service = l.Value
		}
	}
	if project == "" || service == "" {
		return c.Name
	}
	return project + "/" + service
}

// Line is one line of a container.
type Line struct {
	After     time.Duration // since the start of the log
	Container *Container
	Stream    string // stdout or stderr
	Text      string
}

// String returns the line as a log contains it.
func (l Line) String() string {
	return fmt.Sprintf("%.3f %s %s %s", l.After.Seconds(), l.Container.Name, l.Stream, l.Text)
}

// String returns the line that declares the container in a log.
func (c *Container) String() string {
	text := "@" + c.Name
	if c.ID != "" {
		text += " id=" + c.ID
	}
	for _, l := range c.Labels {
		text += " " + l.Key + "=" + l.Value
	}
	return text
}

// JSON returns the record that Docker's fluentd log driver makes of the line, with its time under "time", as one line of JSON.
func (l Line) JSON(start time.Time) ([]byte, error) {
	record := map[string]string{
		"time":         start.Add(l.After).UTC().Format("2006-01-02T15:04:05.000000000Z07:00"),
		"container_id": l.Container.ID, "container_name": "/" + l.Container.Name, "source": l.Stream, "log": l.Text,
	}
	for _, label := range l.Container.Labels {
		record[label.Key] = label.Value
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(record); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Read reads a log to its end. An error names the line.
func Read(r io.Reader) ([]Line, error) {
	var lines []Line
	containers := map[string]*Container{}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 16<<20)
	for number := 1; scanner.Scan(); number++ {
		text := scanner.Text()
		if text == "" || text[0] == '#' {
			continue
		}
		if declaration, ok := strings.CutPrefix(text, "@"); ok {
			c, err := declare(declaration)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			containers[c.Name] = c
			continue
		}
		parts := strings.SplitN(text, " ", 4)
		if len(parts) < 4 {
			return nil, fmt.Errorf("line %d: want SECONDS NAME STREAM TEXT", number)
		}
		seconds, err := strconv.ParseFloat(parts[0], 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: seconds: %w", number, err)
		}
		c := containers[parts[1]]
		if c == nil {
			return nil, fmt.Errorf("line %d: container %q was not declared", number, parts[1])
		}
		lines = append(lines, Line{
			After: time.Duration(seconds*1000+0.5) * time.Millisecond, Container: c, Stream: parts[2], Text: parts[3],
		})
	}
	return lines, scanner.Err()
}

func declare(text string) (*Container, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, fmt.Errorf("a container without a name")
	}
	c := &Container{Name: words[0]}
	for _, word := range words[1:] {
		key, value, found := strings.Cut(word, "=")
		if !found {
			return nil, fmt.Errorf("label %q is not key=value", word)
		}
		if key == "id" {
			c.ID = value
			continue
		}
		c.Labels = append(c.Labels, Label{key, value})
	}
	return c, nil
}

// Write writes lines as a log, with the declarations of their containers first.
func Write(w io.Writer, lines []Line) error {
	var b bytes.Buffer
	declared := map[*Container]bool{}
	for _, l := range lines {
		if !declared[l.Container] {
			declared[l.Container] = true
			b.WriteString(l.Container.String() + "\n")
		}
	}
	for _, l := range lines {
		b.WriteString(l.String() + "\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}
