// Package matchtest makes the expressions and log lines that the matcher and its users are tested and measured
// with. Everything is deterministic: the same arguments give the same result.
package matchtest

import (
	_ "embed"
	"fmt"
	"math/rand"
	"strings"
)

// literalText holds expressions of which every match contains some fixed text, bareText those without.
var (
	//go:embed literal.txt
	literalText string
	//go:embed bare.txt
	bareText string
)

// bareEvery: so often does Rules take an expression without fixed text.
const bareEvery = 12

// LiteralRules gives n expressions that each contain fixed text, hand-written ones first.
func LiteralRules(n int) []string {
	rules := shuffled(literalText, 1)
	rng := rand.New(rand.NewSource(2))
	for seen := set(rules); len(rules) < n; {
		if r := literalRule(rng); !seen[r] {
			seen[r] = true
			rules = append(rules, r)
		}
	}
	return rules[:n]
}

// Rules gives n mixed expressions: about one in twelve without fixed text.
func Rules(n int) []string {
	bare := shuffled(bareText, 3)
	rng := rand.New(rand.NewSource(4))
	for seen := set(bare); len(bare) < n/bareEvery+1; {
		if r := bareRule(rng); !seen[r] {
			seen[r] = true
			bare = append(bare, r)
		}
	}
	literal := LiteralRules(n)
	rules := make([]string, 0, n)
	for i := range n {
		if i%bareEvery == bareEvery-1 {
			rules = append(rules, bare[i/bareEvery])
		} else {
			rules = append(rules, literal[i-i/bareEvery])
		}
	}
	return rules
}

func shuffled(text string, seed int64) []string {
	rules := strings.Split(strings.TrimRight(text, "\n"), "\n")
	rand.New(rand.NewSource(seed)).Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
	return rules
}

func set(list []string) map[string]bool {
	m := map[string]bool{}
	for _, x := range list {
		m[x] = true
	}
	return m
}

func pick(rng *rand.Rand, list []string) string { return list[rng.Intn(len(list))] }

var (
	services = []string{"orders", "payments", "inventory", "shipping", "catalog", "search", "billing", "accounts", "gateway", "notifier", "scheduler", "importer", "exporter", "ledger", "pricing", "recommender", "thumbnailer", "mailer", "webhooks", "sessions", "reports", "audit", "fraud", "loyalty", "media"}
	objects  = []string{"invoice", "shipment", "customer", "voucher", "session", "snapshot", "partition", "replica", "index", "certificate", "volume", "lease", "subscription", "refund", "transfer", "template", "blob", "segment", "cursor", "ticket"}
	failures = []string{"not found", "already exists", "rejected by peer", "out of sync", "locked by another worker", "lost", "corrupted", "timed out after", "exceeds limit", "not authorized", "unreachable", "stale", "version conflict", "quarantined"}
	classes  = []string{"Timeout", "Conflict", "Serialization", "Validation", "Transport", "Consistency", "Capacity", "Handshake", "Checksum", "Rollback"}
	fields   = []string{"lag", "depth", "retries", "backlog", "errors", "dropped", "stalled", "pending_jobs", "open_conns", "rejected"}
)

func literalRule(rng *rand.Rand) string {
	svc, obj, fail := pick(rng, services), pick(rng, objects), pick(rng, failures)
	switch rng.Intn(12) {
	case 0:
		return fmt.Sprintf(`%s: %s (?P<id>[\w-]+) %s`, svc, obj, fail)
	case 1:
		return fmt.Sprintf(`(?i)%s %s`, obj, fail)
	case 2:
		return fmt.Sprintf(`service=%s .*error="?(?P<error>[^"]*%s)`, svc, fail)
	case 3:
		return fmt.Sprintf(`^%s\[\d+\]: (?:fatal|critical): .*%s`, svc, obj)
	case 4:
		return fmt.Sprintf(`com\.example\.%s\.\w*%sException`, svc, pick(rng, classes))
	case 5:
		return fmt.Sprintf(`%s_%s=(?P<n>[1-9]\d{%d,})`, svc, pick(rng, fields), rng.Intn(3)+1)
	case 6:
		return fmt.Sprintf(`"service":"%s".*"status":5\d\d`, svc)
	case 7:
		return fmt.Sprintf(`(?:failed|unable|refused) to (?:load|store|send) %s.*%s`, obj, pick(rng, objects))
	case 8:
		return fmt.Sprintf(`/v\d+/%s/\S*%s" (?:409|429|5\d\d)\b`, svc, obj)
	case 9:
		return fmt.Sprintf(`\b%s%d\b`, strings.ToUpper(svc[:3])+"-E", rng.Intn(9000)+1000)
	case 10:
		return fmt.Sprintf(`(?i)%s[- ]service (?:is )?(?:down|degraded|unhealthy)`, svc)
	}
	return fmt.Sprintf(`%sError: (?:%s|%s) %s`, pick(rng, classes), obj, pick(rng, objects), fail)
}

func bareRule(rng *rand.Rand) string {
	d := rng.Intn(9) + 1
	switch rng.Intn(9) {
	case 0:
		return fmt.Sprintf(`\b%d\d{%d}\b`, d, rng.Intn(3)+4)
	case 1:
		return fmt.Sprintf(`^\d+ %d\d\d `, d)
	case 2:
		return fmt.Sprintf(`\s%d[0-%d]\d\s*$`, d, rng.Intn(8)+1)
	case 3:
		return fmt.Sprintf(`\b[%c-%c][0-9]{%d}\b`, 'A'+rune(d), 'J'+rune(d), rng.Intn(4)+4)
	case 4:
		return fmt.Sprintf(`^[%c%c]\d{%d}[ :]`, 'A'+rune(d), 'Z'-rune(d), rng.Intn(4)+2)
	case 5:
		return fmt.Sprintf(`\b%d\d+(?:\.\d+)?(?:ms|s|us)\b`, rng.Intn(90)+10)
	case 6:
		return fmt.Sprintf(`=%d\d{%d,}\b`, d, rng.Intn(3)+3)
	case 7:
		return fmt.Sprintf(`:%d\d{3}: [a-z]{%d,}`, d, rng.Intn(4)+3)
	}
	return fmt.Sprintf(`\b\d{%d}[A-Z]{%d}\b`, rng.Intn(4)+2, rng.Intn(3)+2)
}
