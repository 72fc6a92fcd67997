package matchtest

import (
	"fmt"
	"math/rand"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
)

// Lines gives n container log lines of about 167 bytes on average. The share hitShare of them matches at least one of the
// rules; the rest matches none.
func Lines(n int, hitShare float64, rules []string) [][]byte {
	rng := rand.New(rand.NewSource(5))
	res := make([]*regexp.Regexp, len(rules))
	for i, r := range rules {
		res[i] = regexp.MustCompile(r)
	}
	misses := pool(rng, res, min(n, poolSize))
	hits := hitPool(rng, rules, res, min(n, poolSize))
	lines := make([][]byte, n)
	for i := range lines {
		from := misses
		if len(hits) > 0 && float64(i%1000) < hitShare*1000 {
			from = hits
		}
		lines[i] = from[rng.Intn(len(from))]
	}
	rng.Shuffle(n, func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return lines
}

// poolSize is how many different lines there are of each kind: telling hits from misses runs every expression on each.
const poolSize = 400

func matches(res []*regexp.Regexp, line []byte) bool {
	for _, re := range res {
		if re.Match(line) {
			return true
		}
	}
	return false
}

// pool gives lines that match nothing.
func pool(rng *rand.Rand, res []*regexp.Regexp, n int) [][]byte {
	out := make([][]byte, 0, n)
	for tries := 0; len(out) < n; tries++ {
		line := []byte(Line(rng))
		if tries < 40*n && matches(res, line) {
			continue
		}
		out = append(out, line)
	}
	return out
}

// hitPool gives lines with a match of some rule written into the message of an ordinary one.
func hitPool(rng *rand.Rand, rules []string, res []*regexp.Regexp, n int) [][]byte {
	var out [][]byte
	for tries := 0; len(out) < n && tries < 10*n && len(rules) > 0; tries++ {
		i := rng.Intn(len(rules))
		tree, err := syntax.Parse(rules[i], syntax.Perl)
		if err != nil {
			continue
		}
		var b strings.Builder
		instance(rng, &b, tree)
		ordinary := Line(rng)
		cut := rng.Intn(len(ordinary) + 1)
		for _, line := range []string{ordinary[:cut] + " " + b.String() + " " + ordinary[cut:], b.String() + " " + ordinary, b.String()} {
			if res[i].MatchString(line) {
				out = append(out, []byte(line))
				break
			}
		}
	}
	return out
}

// instance writes a text that mostly matches the expression, its conditions aside.
func instance(rng *rand.Rand, b *strings.Builder, re *syntax.Regexp) {
	repeat := func(lo, hi int) {
		for range lo + rng.Intn(hi-lo+1) {
			instance(rng, b, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if re.Flags&syntax.FoldCase != 0 && rng.Intn(2) == 0 {
				r = unicode.ToLower(r)
			}
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		i := rng.Intn(len(re.Rune)/2) * 2
		lo, hi := re.Rune[i], min(re.Rune[i+1], re.Rune[i]+60)
		if lo < ' ' && hi >= ' ' {
			lo = ' '
		}
		b.WriteRune(lo + rune(rng.Intn(int(hi-lo)+1)))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte(byte('a' + rng.Intn(26)))
	case syntax.OpStar:
		repeat(0, 4)
	case syntax.OpPlus:
		repeat(1, 5)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		repeat(re.Min, max(re.Max, re.Min+3))
	case syntax.OpAlternate:
		instance(rng, b, re.Sub[rng.Intn(len(re.Sub))])
	case syntax.OpConcat, syntax.OpCapture:
		for _, s := range re.Sub {
			instance(rng, b, s)
		}
	}
}

// Line makes one log line in one of the formats that containers write.
func Line(rng *rand.Rand) string {
	g := gen{rng}
	ms := rng.Intn(1000)
	clock := fmt.Sprintf("%02d:%02d:%02d", rng.Intn(24), rng.Intn(60), rng.Intn(60))
	day := rng.Intn(28) + 1
	svc, obj := pick(rng, services), pick(rng, objects)
	switch rng.Intn(20) {
	case 0, 1, 2, 3:
		return fmt.Sprintf(`%s - %s [%02d/Jun/2025:%s +0000] "%s %s HTTP/1.1" %d %d "%s" "%s"`, g.ip(), pick(rng, []string{"-", "-", "-", "maria", "svc-batch"}), day, clock,
			pick(rng, []string{"GET", "GET", "GET", "POST", "PUT", "HEAD"}), g.path(), g.status(), rng.Intn(60000), pick(rng, []string{"-", "https://store.example.net/start", "https://www.example.com/catalog?page=3"}), pick(rng, agents))
	case 4, 5, 6:
		return fmt.Sprintf(`{"time":"2025-06-%02dT%s.%03dZ","level":"%s","service":"%s","msg":"%s","method":"GET","path":"%s","status":%d,"duration_ms":%d.%d,"request_id":"%s"}`,
			day, clock, ms, pick(rng, []string{"info", "info", "debug", "warn"}), svc, pick(rng, messages), g.path(), g.status(), rng.Intn(300), rng.Intn(10), g.uuid())
	case 7:
		return fmt.Sprintf(`{"level":"info","ts":17500%d.%03d,"caller":"%s/handler.go:%d","msg":"%s","%s_id":%d,"items":%d,"region":"eu-central-1","trace":"%s"}`, rng.Intn(90000)+10000, ms, svc, rng.Intn(400)+10, pick(rng, messages), obj, rng.Intn(99999), rng.Intn(20), g.hex(32))
	case 8, 9:
		return fmt.Sprintf(`2025-06-%02d %s.%03d UTC [%d] LOG:  duration: %d.%03d ms  execute <unnamed>: SELECT t.id, t.state, t.updated_at FROM %ss t JOIN accounts a ON a.id = t.account_id WHERE t.%s_ref = $1 ORDER BY t.id LIMIT %d`, day, clock, ms, rng.Intn(30000)+100, rng.Intn(90), rng.Intn(1000), obj, svc, rng.Intn(90)+10)
	case 10:
		return fmt.Sprintf(`2025-06-%02d %s.%03d UTC [%d] LOG:  checkpoint complete: wrote %d buffers (%d.%d%%); 0 WAL file(s) added, 0 removed, 2 recycled; write=%d.%03d s, sync=0.0%02d s, total=%d.0 s`, day, clock, ms, rng.Intn(300)+20, rng.Intn(900), rng.Intn(4), rng.Intn(10), rng.Intn(30), rng.Intn(1000), rng.Intn(90)+10, rng.Intn(40))
	case 11, 12, 13:
		return fmt.Sprintf(`2025-06-%02d %s,%03d %-5s [%s-%d] c.e.%s.%sService - %s (%s=%s, items=%d, elapsed=%d ms)`, day, clock, ms, pick(rng, []string{"INFO", "INFO", "DEBUG", "WARN"}), pick(rng, []string{"http-nio-8080-exec", "pool-2-thread", "scheduling"}), rng.Intn(40), svc, title(obj), pick(rng, messages), obj, g.hex(12), rng.Intn(300), rng.Intn(500))
	case 14:
		return fmt.Sprintf("\tat org.%s.%s.internal.%sProcessor.%s(%sProcessor.java:%d) ~[%s-%d.%d.jar:na]", pick(rng, []string{"apache", "eclipse", "springframework"}), svc, title(obj), pick(rng, []string{"process", "invoke", "doFilter", "lambda$run$0"}), title(obj), rng.Intn(900), svc, rng.Intn(9), rng.Intn(20))
	case 15, 16:
		return fmt.Sprintf(`I06%02d %s.%06d       1 %s.go:%d] "%s" controller="%s" namespace="team-%s" name="%s-%s" resourceVersion="%d"`, day, clock, rng.Intn(1000000), pick(rng, []string{"controller", "reconciler", "event", "round_trippers", "scheduler"}), rng.Intn(900), pick(rng, []string{"Finished syncing", "Event occurred", "Successfully bound pod to node", "Observed a change"}), obj, svc, svc, g.hex(10), rng.Intn(99999999))
	case 17:
		return fmt.Sprintf(`Jun %2d %s worker-%d systemd[1]: run-docker-runtime\x2drunc-moby-%s-runc.%s.mount: Deactivated successfully.`, day, clock, rng.Intn(9), g.hex(64), g.hex(6))
	case 18:
		return fmt.Sprintf(`Jun %2d %s edge-%d sshd[%d]: Accepted publickey for deploy from %s port %d ssh2: ED25519 SHA256:%s`, day, clock, rng.Intn(9), rng.Intn(30000)+500, g.ip(), rng.Intn(60000)+1024, g.hex(43))
	}
	return fmt.Sprintf(`time="2025-06-%02dT%sZ" level=info msg="%s" component=%s queue=%s-events partition=%d offset=%d lag=%d elapsed=%d.%dms`, day, clock, pick(rng, messages), svc, obj, rng.Intn(24), rng.Intn(99999999), rng.Intn(30), rng.Intn(90), rng.Intn(10))
}

var agents = []string{
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
	"kube-probe/1.29", "curl/8.6.0", "Go-http-client/2.0", "Prometheus/2.51.0",
}

var messages = []string{
	"request completed", "cache refreshed", "user session renewed", "connection returned to pool", "message acknowledged by broker", "configuration reloaded without changes",
	"scheduled task finished", "order placed and queued for shipping", "retry succeeded on second attempt", "no work to do, sleeping", "loaded feature flags from remote",
	"published event to topic", "authenticated user via single sign-on", "uploaded object to bucket", "response served from cache", "batch flushed to storage",
}

type gen struct{ *rand.Rand }

func (g gen) ip() string {
	return fmt.Sprintf("%d.%d.%d.%d", g.Intn(223)+1, g.Intn(256), g.Intn(256), g.Intn(256))
}

func (g gen) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[g.Intn(16)]
	}
	return string(b)
}

func (g gen) uuid() string {
	return g.hex(8) + "-" + g.hex(4) + "-4" + g.hex(3) + "-a" + g.hex(3) + "-" + g.hex(12)
}

func (g gen) status() int { return []int{200, 200, 200, 200, 201, 204, 301, 302, 304, 206}[g.Intn(10)] }

func (g gen) path() string {
	switch g.Intn(4) {
	case 0:
		return "/healthz"
	case 1:
		return fmt.Sprintf("/assets/%s.%s.js", pick(g.Rand, objects), g.hex(8))
	case 2:
		return fmt.Sprintf("/api/v2/%s/%s?id=%d", pick(g.Rand, services), pick(g.Rand, objects), g.Intn(99999))
	}
	return fmt.Sprintf("/%s/%d/%s?sort=price&page=%d", pick(g.Rand, services), g.Intn(9999), pick(g.Rand, objects), g.Intn(40))
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
