package dockertest

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// Subject returns the daemon as a Subject, for comparison with real engines. api is a client of the daemon.
func (d *Daemon) Subject(api docker.API) *Subject {
	type script struct {
		c     *Container
		code  int
		texts []string
	}
	all := map[string]*script{}
	return &Subject{
		API: api,
		Create: func(name string, tty bool, driver string, code int, texts ...string) string {
			c := d.Create(Container{Name: name, Image: "image:1", TTY: tty, Driver: driver})
			all[c.ID] = &script{c, code, texts}
			return c.ID
		},
		Append: func(id string, at time.Time, text string) bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			c := all[id].c
			c.records = append(c.records, entry{stream: 1, time: at, payload: text})
			return true
		},
		Spoil: func(id string) bool {
			all[id].c.Spoil()
			return true
		},
		Do: func(id, action string) {
			s := all[id]
			switch action {
			case "start":
				s.c.Start()
				for i, text := range s.texts {
					stream := byte(1 + i%2)
					if s.c.TTY {
						stream, text = 1, text[:len(text)-1]+"\r\n"
					}
					s.c.Long(stream, text)
				}
				if s.code >= 0 {
					s.c.Exit(s.code)
				}
			case "kill":
				s.c.Exit(137)
			case "rename":
				s.c.Rename(s.c.Name + "-2")
			case "remove":
				s.c.Remove()
			}
		},
	}
}
