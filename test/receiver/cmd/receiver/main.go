// Command receiver listens for webhooks and prints the alerts that come in. It verifies nothing and is no server for the open network.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:19880", "address to listen on")
	jsonFile := flag.String("json", "", "append every request's body as a line of JSON to this file")
	status := flag.Int("status", http.StatusOK, "status to answer with")
	delay := flag.Duration("delay", 0, "wait before every answer")
	hostile := flag.Uint64("hostile", 0, "fail, hang and reset at random, with this seed; 0 is well-behaved")
	flag.Parse()
	if err := run(*listen, *jsonFile, *status, *delay, *hostile); err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
}

func run(listen, jsonFile string, status int, delay time.Duration, hostile uint64) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)

	var lines io.Writer
	if jsonFile != "" {
		f, err := os.OpenFile(jsonFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		lines = f
	}
	server, err := receiver.Start(listen)
	if err != nil {
		return err
	}
	defer server.Stop()
	server.SetBehaviour(receiver.Always(receiver.Reply{Status: status, Delay: delay}))
	if hostile != 0 {
		server.SetBehaviour(receiver.Hostile(hostile))
	}
	var failed error
	var once sync.Once
	printer := receiver.NewPrinter(os.Stdout, receiver.UseColour(os.Stdout))
	server.Observe(func(r receiver.Request) {
		if err := show(printer, lines, r); err != nil {
			once.Do(func() {
				failed = err
				stop <- os.Interrupt
			})
		}
	})
	fmt.Fprintf(os.Stderr, "listening on %s\n", server.URL("/"))
	<-stop
	server.Stop()
	return failed
}

func show(printer *receiver.Printer, lines io.Writer, r receiver.Request) error {
	if lines != nil {
		body := json.RawMessage(r.Body)
		if !json.Valid(body) {
			text, err := json.Marshal(string(r.Body))
			if err != nil {
				return err
			}
			body = text
		}
		if err := json.NewEncoder(lines).Encode(body); err != nil {
			return err
		}
	}
	alerts, err := r.Alerts()
	if err != nil {
		_, err := fmt.Printf("%s %s: %d bytes that are no alert\n", r.Method, r.Path, len(r.Body))
		return err
	}
	for _, a := range alerts {
		if err := printer.Print(a); err != nil {
			return err
		}
	}
	return nil
}
