// Command generate writes examples/logs/demo.log: ten minutes of a small shop, on a bad day. The same bytes come out each time.
//
//	go run ./test/containerlog/generate > examples/logs/demo.log
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sort"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/containerlog"
)

const header = `# Ten minutes of a small shop, for demonstrations and tests. Made by: go run ./test/containerlog/generate
# A container is declared as @NAME id=… label=value …; a line is SECONDS NAME STREAM TEXT.
`

func main() {
	if err := generate(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(w io.Writer) error {
	if _, err := io.WriteString(w, header); err != nil {
		return err
	}
	return containerlog.Write(w, newDay().run())
}

// day collects the lines of all containers. Nothing in it depends on the clock.
type day struct {
	random *rand.Rand
	lines  []containerlog.Line
	begin  time.Time

	web, api, orders, recommend, worker, db, cache, kernel *containerlog.Container
}

func newDay() *day {
	return &day{
		random: rand.New(rand.NewPCG(2026, 11)),
		begin:  time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC),
		web:    service("web"), api: service("api"), orders: service("orders"), recommend: service("recommend"),
		worker: service("worker"), db: service("db"), cache: service("cache"),
		kernel: &containerlog.Container{Name: "kmsg", ID: id("kmsg")},
	}
}

func service(name string) *containerlog.Container {
	container := "shop-" + name + "-1"
	return &containerlog.Container{Name: container, ID: id(container), Labels: []containerlog.Label{
		{Key: "com.docker.compose.project", Value: "shop"}, {Key: "com.docker.compose.service", Value: name},
	}}
}

func id(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

func (d *day) run() []containerlog.Line {
	d.quiet()
	d.apiPanic(95)
	d.gatewayErrors(96, 40)
	d.ordersException(150)
	d.traceback(185)
	d.database(210)
	d.outOfMemory(260)
	d.gatewayErrors(300, 25)
	d.paymentStorm(340, 60)
	d.cacheTrouble(390)
	d.apiPanic(430)
	d.ordersException(470)
	// The last of each kind comes after the cooldowns, so that it reports the suppressed hits.
	d.gatewayErrors(585, 1)
	d.paymentStorm(590, 1)
	d.slowQuery(595, 1210.3, 1004)
	sort.SliceStable(d.lines, func(i, j int) bool { return d.lines[i].After < d.lines[j].After })
	return d.lines
}

func (d *day) add(at float64, c *containerlog.Container, stream, format string, arguments ...any) {
	d.lines = append(d.lines, containerlog.Line{
		After: time.Duration(at*1000) * time.Millisecond, Container: c, Stream: stream, Text: fmt.Sprintf(format, arguments...),
	})
}

func (d *day) clock(at float64, layout string) string {
	return d.begin.Add(time.Duration(at*1000) * time.Millisecond).Format(layout)
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

const (
	nginxTime = "02/Jan/2006:15:04:05 -0700"
	pgTime    = "2006-01-02 15:04:05.000 MST"
	isoTime   = "2006-01-02T15:04:05.000Z07:00"
)

func (d *day) access(at float64, status int, request string) {
	address := fmt.Sprintf("203.0.113.%d", 1+d.random.IntN(250))
	d.add(at, d.web, "stdout", `%s - - [%s] "%s HTTP/1.1" %d %d "-" "Mozilla/5.0 (X11; Linux x86_64)" rt=%.3f`, address,
		d.clock(at, nginxTime), request, status, 150+d.random.IntN(20000), d.random.Float64()/4)
}

// quiet is what goes on all the time: requests, health checks, saves, queries.
func (d *day) quiet() {
	paths := []string{"GET /", "GET /products/1500", "GET /products/502", "GET /cart", "POST /cart/items", "GET /static/app.css", "GET /search?q=5xx"}
	for at := 1.0; at < 580; at += 4 + 2*d.random.Float64() {
		d.access(at, pick(d.random, 200, 200, 200, 200, 304, 301, 404), pick(d.random, paths...))
	}
	for at := 5.0; at < 580; at += 30 {
		d.add(at, d.web, "stdout", `127.0.0.1 - - [%s] "GET /healthz HTTP/1.1" 200 3 "-" "curl/8.5.0" rt=0.001`, d.clock(at, nginxTime))
		d.add(at+0.2, d.api, "stdout", `{"time":"%s","level":"debug","msg":"health check","errors":0}`, d.clock(at, isoTime))
	}
	for at := 3.0; at < 580; at += 11 + 3*d.random.Float64() {
		d.add(at, d.api, "stdout", `{"time":"%s","level":"info","msg":"request","method":"GET","path":"/v1/products","status":200,"duration_ms":%d}`,
			d.clock(at, isoTime), 2+d.random.IntN(60))
	}
	for at := 8.0; at < 580; at += 25 {
		d.add(at, d.orders, "stdout", "%s  INFO 1 --- [nio-8080-exec-%d] c.shop.orders.OrderService : order %d accepted",
			d.clock(at, isoTime), 1+d.random.IntN(9), 48210+int(at))
	}
	for at := 14.0; at < 580; at += 60 {
		d.add(at, d.cache, "stdout", "1:M %s * 100 changes in 300 seconds. Saving...", d.clock(at, "02 Jan 2006 15:04:05.000"))
		d.add(at+0.2, d.cache, "stdout", "%d:C %s * DB saved on disk", 20+int(at), d.clock(at+0.2, "02 Jan 2006 15:04:05.000"))
	}
	for at := 20.0; at < 580; at += 45 {
		d.add(at, d.db, "stderr", "%s [61] LOG:  checkpoint complete: wrote %d buffers (0.4%%)", d.clock(at, pgTime), 20+d.random.IntN(90))
		d.add(at+9, d.recommend, "stderr", "INFO:     127.0.0.1:%d - \"GET /similar/%d HTTP/1.1\" 200 OK", 40000+d.random.IntN(9000), d.random.IntN(500))
	}
}

func (d *day) apiPanic(at float64) {
	for i, text := range []string{
		"panic: runtime error: invalid memory address or nil pointer dereference",
		"[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x6b3f2a]",
		"",
		"goroutine 4711 [running]:",
		"shop/api/internal/cart.(*Service).Total(0x0, {0x8a1c40, 0xc0000b4000})",
		"\t/src/internal/cart/service.go:88 +0x1a",
		"shop/api/internal/http.(*Handler).cart(0xc00013e000, {0x8a0f30, 0xc0001be0e0}, 0xc000212b40)",
		"\t/src/internal/http/cart.go:41 +0x145",
		"net/http.HandlerFunc.ServeHTTP(...)",
		"\t/usr/local/go/src/net/http/server.go:2322 +0x29",
		"exit status 2",
	} {
		d.add(at+float64(i)/1000, d.api, "stderr", "%s", text)
	}
	d.add(at+6, d.api, "stdout", `{"time":"%s","level":"info","msg":"listening","addr":":8080"}`, d.clock(at+6, isoTime))
}

func (d *day) gatewayErrors(from float64, count int) {
	for i := range count {
		at := from + float64(i)*0.5
		d.access(at, pick(d.random, 502, 502, 502, 504), pick(d.random, "GET /cart", "POST /cart/items", "GET /checkout"))
		if i%10 == 0 {
			d.add(at, d.web, "stderr", `%s [error] 29#29: *%d connect() failed (111: Connection refused) while connecting to upstream, `+
				`client: 203.0.113.7, server: shop.example, request: "GET /cart HTTP/1.1", upstream: "http://172.20.0.4:8080/cart"`,
				d.clock(at, "2006/01/02 15:04:05"), 1000+i)
		}
	}
}

func (d *day) ordersException(at float64) {
	d.add(at, d.orders, "stdout", "%s ERROR 1 --- [nio-8080-exec-3] c.shop.orders.OrderController : order 48377 failed", d.clock(at, isoTime))
	for i, text := range []string{
		"java.lang.IllegalStateException: payment gateway answered 402 for order 48377",
		"\tat com.shop.orders.PaymentClient.charge(PaymentClient.java:112)",
		"\tat com.shop.orders.OrderService.place(OrderService.java:64)",
		"\tat com.shop.orders.OrderController.create(OrderController.java:39)",
		"\tat java.base/java.lang.reflect.Method.invoke(Method.java:580)",
		"\tat org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1089)",
		"Caused by: java.net.SocketTimeoutException: Read timed out",
		"\tat java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:278)",
		"\t... 41 more",
	} {
		d.add(at+float64(i+1)/1000, d.orders, "stdout", "%s", text)
	}
}

func (d *day) traceback(at float64) {
	for i, text := range []string{
		"Traceback (most recent call last):",
		`  File "/app/recommend/model.py", line 57, in similar`,
		"    vector = self.vectors[product_id]",
		"             ~~~~~~~~~~~~^^^^^^^^^^^^",
		"KeyError: 9041",
		"",
		"During handling of the above exception, another exception occurred:",
		"",
		"Traceback (most recent call last):",
		`  File "/app/recommend/server.py", line 31, in get_similar`,
		"    return fallback(product_id)",
		"ValueError: no fallback for product 9041",
	} {
		d.add(at+float64(i)/1000, d.recommend, "stderr", "%s", text)
	}
}

func (d *day) database(at float64) {
	for i, ms := range []float64{1840.221, 312.009, 4120.554, 2911.870} {
		d.slowQuery(at+float64(i)*3, ms, 1000+i)
	}
	d.add(at+14, d.db, "stderr", "%s [91] ERROR:  deadlock detected", d.clock(at+14, pgTime))
	d.add(at+14.001, d.db, "stderr", "%s [91] DETAIL:  Process 91 waits for ShareLock on transaction 7731; blocked by process 93.", d.clock(at+14, pgTime))
	d.add(at+14.002, d.db, "stderr", "%s [91] STATEMENT:  UPDATE stock SET reserved = reserved + 1 WHERE product_id = 1500", d.clock(at+14, pgTime))
	d.add(at+20, d.db, "stderr", "%s [97] FATAL:  sorry, too many clients already", d.clock(at+20, pgTime))
}

func (d *day) slowQuery(at, ms float64, customer int) {
	d.add(at, d.db, "stderr", "%s [%d] LOG:  duration: %.3f ms  statement: SELECT * FROM orders WHERE customer_id = %d ORDER BY created_at",
		d.clock(at, pgTime), customer-912, ms, customer)
}

func (d *day) outOfMemory(at float64) {
	for i, text := range []string{
		"java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
		"memory: usage 524288kB, limit 524288kB, failcnt 1071",
		"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=docker-5f0c.scope,mems_allowed=0,oom_memcg=/docker/5f0c,task=java,pid=20411,uid=1000",
		"Memory cgroup out of memory: Killed process 20411 (java) total-vm:4812084kB, anon-rss:518120kB, file-rss:0kB, shmem-rss:0kB, UID:1000 oom_score_adj:0",
	} {
		d.add(at+float64(i)/1000, d.kernel, "stdout", "[%.6f] %s", 86400+at, text)
	}
}

// paymentStorm is many different errors in a few seconds: no cooldown holds them back, the container's token bucket does.
func (d *day) paymentStorm(from float64, count int) {
	for i := range count {
		at := from + float64(i)*0.05
		d.add(at, d.worker, "stdout", `{"level":"error","time":"%s","msg":"charge failed","order":%d,"code":%q,"attempt":%d}`, d.clock(at, isoTime),
			48400+int(from)+i, pick(d.random, "card_declined", "gateway_timeout", "insufficient_funds"), 1+d.random.IntN(5))
	}
}

func (d *day) cacheTrouble(at float64) {
	layout := "02 Jan 2006 15:04:05.000"
	d.add(at, d.cache, "stdout", "1:M %s # WARNING Memory overcommit must be enabled! Without it, a background save or replication may fail", d.clock(at, layout))
	d.add(at+1, d.cache, "stdout", "1:M %s # Can't save in background: fork: Cannot allocate memory", d.clock(at+1, layout))
	d.add(at+2, d.worker, "stdout", `{"level":"warn","time":"%s","msg":"cache write failed","error":"MISCONF Redis is configured to save RDB snapshots"}`, d.clock(at+2, isoTime))
}
