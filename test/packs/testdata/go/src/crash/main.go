// Command crash ends with the error that its argument names.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

type cardDeclined struct{ amount int }

func (e cardDeclined) Error() string {
	return fmt.Sprintf("card 4242 was declined for %d EUR", e.amount)
}

type order struct{ id *int }

func deep(n int) int { return deep(n+1) + 1 }

func serve(h http.HandlerFunc) {
	s := httptest.NewServer(h)
	defer s.Close()
	resp, err := http.Get(s.URL + "/pay")
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	time.Sleep(50 * time.Millisecond)
}

var (
	none  = 0
	empty []int
	any0  any = "12"
	noMap map[string]int
	noFn  func()
)

func main() {
	cases := map[string]func(){
		"nilPointer":     func() { fmt.Println(*(&order{}).id) },
		"index":          func() { fmt.Println(empty[5+none]) },
		"slice":          func() { fmt.Println(empty[3+none:]) },
		"nilMap":         func() { noMap["a"] = 1 },
		"divide":         func() { fmt.Println(1 / none) },
		"typeAssertion":  func() { fmt.Println(any0.(int)) },
		"noInterface":    func() { fmt.Println(any0.(io.Reader)) },
		"text":           func() { panic("no broker") },
		"custom":         func() { panic(cardDeclined{250}) },
		"errorsNew":      func() { panic(errors.New("gateway answered 502")) },
		"wrapped":        func() { panic(fmt.Errorf("order 4711: %w", cardDeclined{250})) },
		"pointer":        func() { panic(&order{}) },
		"number":         func() { panic(42) },
		"nilPanic":       func() { panic(nil) },
		"multiline":      func() { panic("first line\nsecond line") },
		"nilFunc":        func() { noFn() },
		"closeTwice":     func() { c := make(chan int); close(c); close(c) },
		"sendClosed":     func() { c := make(chan int, 1); close(c); c <- 1 },
		"negativeWait":   func() { var wg sync.WaitGroup; wg.Done() },
		"makeNegative":   func() { fmt.Println(make([]int, none-1)) },
		"logPanic":       func() { log.Panicf("cannot read config: %v", os.ErrNotExist) },
		"logPanicPrefix": func() { log.New(os.Stderr, "shop: ", log.LstdFlags|log.Lshortfile).Panicln("no broker") },
		"goroutine":      func() { go func() { panic(cardDeclined{250}) }(); time.Sleep(time.Second) },
		"repanic":        func() { defer func() { r := recover(); panic(fmt.Sprint("again: ", r)) }(); panic("first") },
		"recoverPanics":  func() { defer func() { panic("while recovering") }(); panic("first") },
		"exitInDefer": func() {
			defer func() { fmt.Fprintln(os.Stderr, "panic:", recover()); debug.PrintStack(); os.Exit(1) }()
			panic("handled and printed")
		},
		"mapWrites": func() {
			m := map[int]int{}
			for range 8 {
				go func() {
					for i := 0; ; i++ {
						m[i%10] = i
					}
				}()
			}
			time.Sleep(5 * time.Second)
		},
		"mapReadWrite": func() {
			m := map[int]int{}
			go func() {
				for i := 0; ; i++ {
					m[i%10] = i
				}
			}()
			for range 4 {
				go func() {
					for {
						none = m[3] * 0
					}
				}()
			}
			time.Sleep(5 * time.Second)
		},
		"deadlock":     func() { <-make(chan int) },
		"lockDeadlock": func() { var m sync.Mutex; m.Lock(); m.Lock() },
		"overflow":     func() { debug.SetMaxStack(1 << 20); deep(0) },
		"unlock":       func() { var m sync.Mutex; m.Unlock() },
		"outOfMemory":  func() { fmt.Println(len(make([]byte, 1<<46+none))) },
		"signal":       func() { p, _ := os.FindProcess(os.Getpid()); _ = p.Signal(os.Signal(sigsegv)); time.Sleep(time.Second) },
		"race": func() {
			n := 0
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() { n++ })
			}
			wg.Wait()
			fmt.Println(n)
		},
		"handlerPanic": func() { serve(func(http.ResponseWriter, *http.Request) { panic(cardDeclined{250}) }) },
		"handlerNil":   func() { serve(func(http.ResponseWriter, *http.Request) { fmt.Println(*(&order{}).id) }) },
		"acceptFiles":  acceptFiles,
		"dialFiles": func() {
			limit()
			_, err := net.Dial("tcp", "127.0.0.1:9")
			log.Print("cannot reach the database: ", err)
		},
		"openFiles": func() { limit(); _, err := os.Open("/etc/hosts"); log.Print(err) },
		"expired":   expired,
		"fatal":     func() { log.Fatal("cannot start: ", os.ErrPermission) },
		"ordinary":  ordinary,
		"quit":      func() { fmt.Fprintln(os.Stderr, "usage: crash COMMAND (errors: 0)"); os.Exit(2) },
		"recovered": func() {
			defer func() { log.Printf("recovered from panic: %v", recover()) }()
			panic("boom")
		},
		"canceled": func() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			log.Print("request ended: ", ctx.Err())
		},
	}
	cases[os.Args[1]]()
}

func ordinary() {
	log.SetFlags(log.LstdFlags)
	for _, text := range []string{
		"listening on :8080", "batch done: 120 rows, error=0, failed=0", "0 errors, 0 warnings", "GET /errors/500 200 12ms", "err: <nil>",
		"panic button of tenant 4 was pressed", "registered handler for panic: none", "fatal errors: none", "retry 1 of 3: connection refused",
		"loaded errors.toml", "goroutines: 12", "shutting down", "no panic: all is well", "ok  	example.com/shop	0.004s", "--- PASS: TestPanic (0.00s)",
	} {
		log.Print(text)
	}
	fmt.Println("=== RUN   TestError")
	fmt.Println("--- PASS: TestError (0.00s)")
	fmt.Println("PASS")
}
