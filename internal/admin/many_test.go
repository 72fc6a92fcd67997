package admin

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
)

// manyVariable says how many rules TestManyRulesWithoutALostUpdate has: 1,000 unless it is set, such as to 10000, which takes minutes.
const manyVariable = "FLUENTBIT_TRIGGER_MANY_RULES"

// TestManyRulesWithoutALostUpdate makes, lists, changes and deletes thousands of rules from many sides at once. Every rule is changed by two
// that do not know of each other, each of which adds one to a number: a change that was lost would be missing in the sum.
func TestManyRulesWithoutALostUpdate(t *testing.T) {
	n := 1000
	if text := os.Getenv(manyVariable); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", manyVariable, err)
		}
	}
	b := newBench(t, "")
	b.client.Transport = &http.Transport{MaxIdleConnsPerHost: 1000, MaxConnsPerHost: 200}
	// each runs a task for every rule, from as many sides as the server takes connections.
	each := func(times int, task func(i int)) {
		t.Helper()
		var wg sync.WaitGroup
		next := make(chan int)
		for range 200 {
			wg.Go(func() {
				for i := range next {
					task(i)
				}
			})
		}
		for range times {
			for i := range n {
				next <- i
			}
		}
		close(next)
		wg.Wait()
	}
	name := func(i int) string { return fmt.Sprintf("rule-%05d", i) }
	each(1, func(i int) {
		r := b.do("POST", rulesPath, map[string]any{"name": name(i), "keywords": []string{fmt.Sprintf("keyword-%05d", i)}, "labels": map[string]any{"n": "0"}})
		if r.status != 201 {
			t.Errorf("making rule %d: %d %s", i, r.status, r.text)
		}
	})
	listed := map[string]bool{}
	for cursor := ""; ; {
		page := b.get(rulesPath + "?limit=1000&cursor=" + pathEscape(cursor))
		for _, r := range listOf(page, "rules") {
			if listed[r["name"].(string)] {
				t.Fatalf("the rule %v is listed twice", r["name"])
			}
			listed[r["name"].(string)] = true
		}
		if cursor = page["next"].(string); cursor == "" {
			break
		}
	}
	if len(listed) != n+1 {
		t.Fatalf("%d rules are listed, want %d", len(listed), n+1)
	}
	each(2, func(i int) {
		for {
			now := b.do("GET", rulesPath+"/"+name(i), nil)
			var count int
			if _, err := fmt.Sscan(now.body["labels"].(map[string]any)["n"].(string), &count); err != nil {
				t.Errorf("rule %d: %v", i, err)
				return
			}
			r := b.do("PATCH", rulesPath+"/"+name(i), map[string]any{"labels": map[string]any{"n": fmt.Sprint(count + 1)}}, "If-Match", now.header.Get("ETag"))
			switch r.status {
			case 200:
				return
			case 412: // somebody else was first
			default:
				t.Errorf("changing rule %d: %d %s", i, r.status, r.text)
				return
			}
		}
	})
	each(1, func(i int) {
		r := b.do("GET", rulesPath+"/"+name(i), nil)
		if got := r.body["labels"].(map[string]any)["n"]; got != "2" {
			t.Errorf("rule %d was changed twice, and says %v", i, got)
		}
		if d := b.do("DELETE", rulesPath+"/"+name(i), nil, "If-Match", r.header.Get("ETag")); d.status != 204 {
			t.Errorf("deleting rule %d: %d %s", i, d.status, d.text)
		}
	})
	if left := len(b.p.RuntimeObjects()); left != 0 {
		t.Errorf("%d rules are left", left)
	}
	if got := len(listOf(b.get(rulesPath), "rules")); got != 1 {
		t.Errorf("%d rules are listed at the end, want the one of the file", got)
	}
}
