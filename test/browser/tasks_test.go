package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// look is a window: a desktop, a tablet or a phone, in the light or in the dark.
type look struct {
	name          string
	width, height int
	dark          bool
}

var desktop = look{"desktop", 1280, 900, false}

// onEveryScreen does a task in a wide window, on a tablet and on a phone.
func onEveryScreen(t *testing.T, task func(t *testing.T, l look)) {
	t.Helper()
	for _, l := range []look{{"wide", 1440, 900, false}, {"tablet", 1024, 768, true}, {"phone", 390, 844, false}} {
		t.Run(l.name, func(t *testing.T) { task(t, l) })
	}
}

// open starts an API that has much to show and a tab that shows a section of it.
func open(t *testing.T, section string) (*api, *tab) {
	t.Helper()
	return openOn(t, desktop, section)
}

// openOn does so in a window of a certain look.
func openOn(t *testing.T, l look, section string) (*api, *tab) {
	t.Helper()
	a := startAPI(t)
	a.fill()
	b := openTab(t, l.width, l.height, l.dark)
	b.visit(a.server.URL, section)
	b.shows("#live", "live")
	b.until(`document.querySelector('main table, main .alert, main form') !== null`)
	return a, b
}

// TestAlertsComeAndComeBack reads alerts of the stream, over a connection that breaks: nothing is missing, nothing is there twice.
func TestAlertsComeAndComeBack(t *testing.T) {
	a, b := open(t, "alerts")
	a.send(alertAt(2001, 0, "critical", "fresh-one", "shop/api", "panic: one"))
	b.shows(".alert:first-child", "fresh-one")
	b.shows("#news", "New alert, critical: fresh-one, shop/api")
	a.cutStreams()
	a.send(alertAt(2002, 0, "error", "fresh-two", "shop/api", "two")) // nobody listens
	b.shows(".alert:first-child", "fresh-two")
	b.shows("#live", "live")
	a.mu.Lock()
	last := a.lastIDs[len(a.lastIDs)-1]
	a.mu.Unlock()
	if last != "1" {
		t.Errorf("the stream came back with Last-Event-ID %q, want 1", last)
	}
	a.send(alertAt(2001, 0, "critical", "fresh-one", "shop/api", "panic: one")) // again
	a.send(alertAt(2003, 0, "error", "fresh-three", "shop/api", "three"))
	b.shows(".alert:first-child", "fresh-three")
	if n := b.text(`document.querySelectorAll('[data-key="` + alertAt(2001, 0, "", "", "", "")["id"].(string) + `"]').length`); n != "1" {
		t.Errorf("an alert that came twice is shown %s times", n)
	}
	// Who reads is not disturbed: what comes waits behind a button.
	b.press("j", kb.Enter)
	a.send(alertAt(2004, 0, "error", "fresh-four", "shop/api", "four"))
	b.shows(".show-new", "Show 1 new alert")
	b.press("p", "p")
	b.shows(".alert:first-child", "fresh-four")
}

// TestHostileLines shows lines that would be markup, in every place where they appear.
func TestHostileLines(t *testing.T) {
	a, b := open(t, "alerts")
	bad := with(alertAt(3001, 0, "critical", hostile, hostile, hostile), "summary", hostile, "captures", object{hostile: hostile}, "labels", object{hostile: hostile},
		"runbook", "javascript:document.title='owned'", "context", object{"before": []string{hostile}, "after": []string{hostile}})
	a.send(bad)
	b.until(`document.querySelector('.alert:first-child').innerText.includes('<img src=x')`)
	b.press("j", kb.Enter)
	b.shows(".detail", "<script>document.title='owned'</script>")
	b.shows(".detail .lines", `\u202egnp.exe \u001b[31m`) // what turns texts around, or is for terminals, can be seen
	b.shot("hostile")
	if b.is(`document.querySelector('main img, main script, main style') || document.title.includes('owned')`) {
		t.Error("a line became markup")
	}
	if link := b.text(`document.querySelector('.detail a[target]')?.href`); link != "undefined" {
		t.Errorf("a runbook that is no web address is a link: %s", link)
	}
	b.press("t") // try this line
	b.shows("main", "Matched by 1 of 2 rules")
	b.shows("table", "<img src=x")
	if got := a.called("POST /api/v1/explain"); len(got) == 0 || got[0]["line"] != hostile || got[0]["workload"] != hostile {
		t.Errorf("the line that is tried is not the alert's: %v", got)
	}
	if b.is(`document.querySelector('main img, main script, main style') || document.title.includes('owned')`) {
		t.Error("a line became markup")
	}
}

// TestFilterAndTimeline narrows the list by text, and by a bar of the timeline.
func TestFilterAndTimeline(t *testing.T) {
	a, b := open(t, "alerts")
	b.press("/", "p", "o", "s", "t", "g")
	b.until(`[...document.querySelectorAll('.alert')].every(e => e.innerText.includes('slow-query')) && document.querySelectorAll('.alert').length > 1`)
	b.press("x", "x", "x")
	b.shows("main .of-alerts .empty", "Nothing matches")
	b.press(kb.Escape)
	b.tabTo(".of-alerts .empty button")
	b.press(kb.Enter)
	b.until(`document.querySelectorAll('.alert').length === 60`)
	for n := range 3 {
		a.send(alertAt(4001+n, 30*time.Minute, "critical", "half-an-hour-ago", "shop/api", fmt.Sprint("line ", n)))
	}
	b.until(`document.querySelectorAll('.alert').length === 63`)
	b.tabTo(".segments button") // "1 hour"
	b.press(kb.Enter)
	b.shows(".readout", "in the last hour")
	b.until(`document.querySelectorAll('.bin').length >= 60`)
	b.tabTo(".plot")
	for range 62 {
		b.press(kb.ArrowLeft)
		if b.is(`/: [34] alerts \(3 critical/.test(document.querySelector('.readout').innerText)`) {
			break
		}
	}
	b.shows(".readout", "3 critical")
	b.press(kb.Enter)
	b.until(`document.querySelectorAll('.alert').length <= 4 && document.querySelectorAll('.alert').length >= 3`)
	b.shows(".readout", "Esc shows all")
	b.press(kb.Escape)
	b.until(`document.querySelectorAll('.alert').length === 63`)
}

// TestSilenceFromAlert silences what an alert is about: rule and workload are filled in, the length is chosen.
func TestSilenceFromAlert(t *testing.T) {
	onEveryScreen(t, func(t *testing.T, l look) {
		a, b := openOn(t, l, "alerts")
		b.press("j", "j", "s")
		b.shows("dialog[open]", "Silence")
		b.shot("silence")
		if got := b.text(`[...document.querySelectorAll('dialog [type=checkbox]')].map(box => box.value).join()`); got != "debug,info,warning,error,critical" {
			t.Errorf("the severities to choose are %s", got)
		}
		b.tabTo("dialog select")
		b.press("4") // "4 hours"
		b.press(kb.Tab, "n", "o", "i", "s", "y", kb.Enter)
		b.shows("#toast", "Silenced: http-5xx in shop/web")
		got := a.called("POST /api/v1/silences")
		if len(got) != 1 {
			t.Fatalf("%d silences were made", len(got))
		}
		until, err := time.Parse(time.RFC3339, got[0]["until"].(string))
		if got[0]["rule"] != "http-5xx" || got[0]["workload"] != "shop/web" || got[0]["comment"] != "noisy" || err != nil {
			t.Errorf("the silence is not of the alert: %v", got[0])
		}
		if left := time.Until(until); left < 3*time.Hour+50*time.Minute || left > 4*time.Hour+time.Minute {
			t.Errorf("the silence ends in %s, want 4 hours", left)
		}
		if !b.is(`document.activeElement?.matches('.alert-row, .problem-row')`) {
			t.Errorf("focus is on %s, and not on the alert", b.text(`document.activeElement?.outerHTML.slice(0, 200) ?? "nothing"`))
		}
		// What the server refuses is reported in the dialog, which stays.
		b.allow("422")
		a.set("POST /api/v1/silences", failure{422, "Unprocessable Entity", `silence: message "(": missing closing )`, []object{{"field": "message", "detail": `"(": missing closing )`}}})
		b.press("s")
		b.shows("dialog[open]", "Silence")
		b.press(kb.Enter)
		b.shows("dialog .wrong", "missing closing )")
		if n := b.text(`String(document.querySelectorAll('dialog .wrong p').length)`); n != "1" {
			t.Errorf("one fault is reported %s times", n)
		}
		b.press(kb.Escape)
		b.until(`document.querySelector('dialog') === null`)
	})
}

// TestSilenceWithHours makes a silence with a condition and hours that lasts until it is expired, and finds the next time of one that has hours.
func TestSilenceWithHours(t *testing.T) {
	onEveryScreen(t, func(t *testing.T, l look) {
		a, b := openOn(t, l, "silences")
		b.shows("main", "sun 02:00-04:00 Europe/Berlin")
		b.shows("main", "host = /^edge/")
		b.press("n")
		b.shows("dialog[open]", "Silence")
		b.tabTo("dialog select")
		b.press("u") // "until I expire it"
		b.tabTo("dialog summary")
		b.press(kb.Enter, kb.Tab)
		b.press(strings.Split("host = edge-1, kind = !=rollup", "")...)
		b.press(kb.Tab)
		b.press(strings.Split("sat; sun 02:00-04:00", "")...)
		b.shot("silence-hours")
		b.press(kb.Enter)
		b.shows("#toast", "Silenced")
		got := a.called("POST /api/v1/silences")
		if len(got) != 1 {
			t.Fatalf("%d silences were made", len(got))
		}
		if where := got[0]["where"].(object); where["host"] != "edge-1" || where["kind"] != "!=rollup" || got[0]["until"] != nil || got[0]["zone"] == "" {
			t.Errorf("the silence is %v", got[0])
		}
		if every := fmt.Sprint(got[0]["every"]); every != "[sat sun 02:00-04:00]" {
			t.Errorf("its hours are %s", every)
		}
	})
}

// TestExpireSilence ends a silence after asking.
func TestExpireSilence(t *testing.T) {
	onEveryScreen(t, func(t *testing.T, l look) {
		a, b := openOn(t, l, "silences")
		b.tabTo("[data-key=expire-si_1]")
		b.press(kb.Enter)
		b.shows("dialog[open]", "Expire this silence now?")
		b.tabTo("dialog [type=submit]")
		b.press(kb.Enter)
		b.shows("#toast", "Silence expired")
		if n := len(a.called("DELETE /api/v1/silences/si_1")); n != 1 {
			t.Errorf("the silence was ended %d times", n)
		}
		if b.is(`document.querySelector('[data-key=expire-si_2]')`) {
			t.Error("a silence that ended can be ended")
		}
	})
}

// TestDeadLetters sends one again, drops one after asking, and does not drop when the question is left.
func TestDeadLetters(t *testing.T) {
	onEveryScreen(t, func(t *testing.T, l look) {
		a, b := openOn(t, l, "triggers")
		b.until(`[...document.querySelectorAll('td')].some((cell) => cell.textContent.includes('response: no_routing_key <b>given</b>'))`)
		b.tabTo("[data-key=resend-al_1-pager]")
		b.press(kb.Enter)
		b.shows("#toast", "1 dead letter queued again")
		if got := a.called("POST /api/v1/dead-letters/redeliver"); len(got) != 1 || got[0]["alert_id"] != "al_1" || got[0]["trigger"] != "pager" {
			t.Errorf("sent again: %v", got)
		}
		b.tabTo("[data-key=drop-al_2-pager]")
		b.press(kb.Enter)
		b.shows("dialog[open]", "http-5xx will not be sent by pager")
		b.press(kb.Escape)
		b.until(`document.querySelector('dialog') === null`)
		if n := len(a.called("POST /api/v1/dead-letters/drop")); n != 0 {
			t.Fatalf("%d letters were dropped without a yes", n)
		}
		b.press(kb.Enter)
		b.tabTo("dialog [type=submit]")
		b.press(kb.Enter)
		b.shows("#toast", "1 dead letter dropped")
		if got := a.called("POST /api/v1/dead-letters/drop"); len(got) != 1 || got[0]["alert_id"] != "al_2" {
			t.Errorf("dropped: %v", got)
		}
	})
}

// TestOlderDeadLetters asks for a second page, which stays when the view is read again.
func TestOlderDeadLetters(t *testing.T) {
	a, b := open(t, "triggers")
	letter := func(id string) object {
		return object{"alert_id": id, "trigger": "pager", "rule": "go-panic", "reason": "answered 400 Bad Request", "attempts": 1, "died": time.Now()}
	}
	a.set("GET /api/v1/dead-letters behind 7.1", object{"dead_letters": []object{letter("al_old")}, "next": ""})
	a.set("GET /api/v1/dead-letters", object{"dead_letters": []object{letter("al_new")}, "next": "7.1"})
	b.until(`document.querySelector('[data-key=older-letters]')`)
	if b.is(`document.querySelector('[data-key=drop-al_old-pager]')`) {
		t.Error("the second page is there unasked")
	}
	b.tabTo("[data-key=older-letters]")
	b.press(kb.Enter)
	b.until(`document.querySelector('[data-key=drop-al_old-pager]') && document.querySelector('[data-key=drop-al_new-pager]') && !document.querySelector('[data-key=older-letters]')`)
	read := len(a.called("GET /api/v1/dead-letters"))
	b.poll("the view is read again", func() bool { return len(a.called("GET /api/v1/dead-letters")) > read+2 })
	if !b.is(`document.querySelector('[data-key=drop-al_old-pager]')`) {
		t.Error("the second page is gone")
	}
}

// TestWorkloads wants what became of each workload's lines, and the sum of those that there is no room for; sorted by what was suppressed.
func TestWorkloads(t *testing.T) {
	_, b := open(t, "containers")
	b.shows("main", "Workloads beyond the limit: 1,234,567 lines, 21 hits, 1 sent, 20 suppressed.")
	b.tabTo("[data-key=sort-suppressed]")
	b.press(kb.Enter)
	b.until(`document.querySelector('[data-key^=workload-]').textContent === 'shop/web'`)
	b.until(`document.querySelector('[data-key="workload-shop/web"]').closest('tr').querySelector('[title="cooldown 13,119, rate limit 1,041"]').textContent === '14.2k'`)
}

// TestTheFleetIsShown with its nodes, the keeper first, and with the reason while its engine does not answer. Without a fleet, nothing asks for one.
func TestTheFleetIsShown(t *testing.T) {
	const fleet = "section[aria-labelledby=fleet-title]"
	a, b := open(t, "containers")
	b.shows(fleet, "15,311 given, 14,000 reported, 1,311 not yet")
	b.shows(fleet, "3 alerts of this node (timeout 2, wait 1)")
	b.until(`[...document.querySelectorAll('` + fleet + ` tbody th')].map(e => e.textContent.slice(0, 7)).join() === 'node-9,node-3 ,node-17'`)
	b.shot("fleet")
	a.set("GET /api/v1/fleet", object{"namespace": "prod", "up": false, "reason": "timeout", "error": "the fleet's engine does not answer: timeout", "members": []object{}})
	b.shows(fleet+" .bad", "does not answer: timeout")
	a.set("GET /api/v1/stats", object{"lines": 0})
	b.until(`document.querySelector('` + fleet + `') === null`)
	before := len(a.called("GET /api/v1/fleet"))
	a.set("GET /api/v1/workloads", object{"workloads": []object{{"name": "another"}}})
	b.shows("main", "another")
	if after := len(a.called("GET /api/v1/fleet")); after != before {
		t.Errorf("the page asked for a fleet that is not there")
	}
}

// TestTestDelivery sends a test through a target that works and through one that does not.
func TestTestDelivery(t *testing.T) {
	onEveryScreen(t, func(t *testing.T, l look) {
		_, b := openOn(t, l, "triggers")
		b.tabTo("[data-key=test-ops]")
		b.press(kb.Enter)
		b.shows("table", "delivered: answered 200 OK (1 attempt, 41.0 ms)")
		b.tabTo("[data-key=test-pager]")
		b.press(kb.Enter)
		b.shows("table .bad", "retry later: answered 503 Service Unavailable (2 attempts, 640 ms)")
		b.shot("tested")
	})
}

// TestTryALine writes a line, and reads the verdict.
func TestTryALine(t *testing.T) {
	onEveryScreen(t, func(t *testing.T, l look) {
		a, b := openOn(t, l, "try")
		b.press("/")
		b.run(chromedp.KeyEvent("panic: oh no"))
		b.chord(kb.Enter, chromedp.KeyModifiers(input.ModifierCtrl))
		b.shows("main", "Matched by 1 of 2 rules")
		b.shows("table", "pattern: no match")
		b.tabTo("summary")
		b.press(kb.Enter)
		b.shows(".steps", "would be suppressed until 14:05:12")
		b.shot("tried")
		if got := a.called("POST /api/v1/explain"); len(got) != 1 || got[0]["line"] != "panic: oh no" {
			t.Errorf("tried: %v", got)
		}
	})
}

// TestSortRules sorts by a header, which announces the order to screen readers.
func TestSortRules(t *testing.T) {
	_, b := open(t, "rules")
	b.shows("main", "http-5xx")
	if !b.is(`[...document.querySelectorAll('.shares')].every(bar => bar.childElementCount === bar.nextElementSibling.innerText.split(', ').length)`) {
		t.Error("a bar does not show each reason for which hits were suppressed")
	}
	b.tabTo("[data-key=sort-cost]")
	b.press(kb.Enter)
	if got := b.text(`document.querySelector('th[aria-sort]').innerText + document.querySelector('th[aria-sort]').getAttribute('aria-sort') + document.querySelector('tbody th').innerText`); !strings.HasPrefix(got, "CPU time") || !strings.Contains(got, "descendinghttp-5xx") {
		t.Errorf("sorted by CPU time: %q", got)
	}
	b.press(kb.Enter)
	b.until(`document.querySelector('tbody th').innerText.startsWith('cert-renewed') && document.activeElement.dataset.key === 'sort-cost'`)
}

// TestKeyboardFindsItsWay skips to the content, opens help, and comes back to where it was.
func TestKeyboardFindsItsWay(t *testing.T) {
	_, b := open(t, "alerts")
	b.run(chromedp.Evaluate(`document.activeElement.blur()`, nil))
	b.press(kb.Tab)
	if !b.is(`document.activeElement.matches('.skip') && getComputedStyle(document.activeElement).top === '0px'`) {
		t.Error("the first stop is not the skip link, or it cannot be seen")
	}
	b.press(kb.Enter)
	b.until(`document.activeElement.id === 'main'`)
	b.tabTo(".alert-row")
	if n := b.text(`document.querySelectorAll('.alert-row[tabindex="0"]').length`); n != "1" {
		t.Errorf("%s alerts can be reached by Tab, want 1", n)
	}
	first := b.text(`document.activeElement.dataset.key`)
	b.press(kb.ArrowDown, kb.ArrowDown, kb.ArrowUp, kb.Home)
	if got := b.text(`document.activeElement.dataset.key`); got != first {
		t.Errorf("Home leads to %s, want %s", got, first)
	}
	b.press("?")
	b.shows("dialog[open]", "silence the rule and workload of the alert")
	b.press(kb.Escape)
	b.until(`document.querySelector('dialog') === null && document.activeElement.dataset.key === '` + first + `'`)
	if outline := b.text(`getComputedStyle(document.activeElement).outlineStyle`); outline != "solid" {
		t.Errorf("what has the focus shows %q", outline)
	}
}

// TestTroubleIsTold breaks the API: what was shown stays, with a line that says what is wrong, which goes when it is over.
func TestTroubleIsTold(t *testing.T) {
	a, b := open(t, "alerts")
	b.allow("500")
	a.set("GET /api/v1/stats", failure{500, "the store cannot be read", "store: disk I/O error", nil})
	b.press("r")
	b.shows("#trouble", "store: disk I/O error")
	b.shows(".alert", "go-panic")
	b.shot("trouble")
	a.fill()
	b.press("r")
	b.until(`document.getElementById('trouble').hidden`)
}

// TestSeveralInstances chooses one, and asks for that one from then on.
func TestSeveralInstances(t *testing.T) {
	a := startAPI(t)
	a.fill()
	a.set("GET /api/v1/instances", object{"instances": []object{{"id": "one", "kind": "plugin"}, {"id": "two", "kind": "plugin"}}})
	b := openTab(t, 1280, 900, false)
	b.visit(a.server.URL, "alerts")
	b.shows("#live", "live")
	b.tabTo("#instance")
	b.press("t")
	b.until(`performance.getEntriesByType('resource').some(e => e.name.includes('/api/v1/stats?instance=two'))`)
	b.until(`performance.getEntriesByType('resource').some(e => e.name.includes('/api/v1/alerts?limit=200&instance=two'))`)
	b.shows(".alert", "go-panic")
}

// TestAnotherInstanceIsNotMixedUp switches while an answer of the one before is under way, and after a test of a target that both have.
func TestAnotherInstanceIsNotMixedUp(t *testing.T) {
	a := startAPI(t)
	a.fill()
	a.set("GET /api/v1/instances", object{"instances": []object{{"id": "one", "kind": "plugin"}, {"id": "two", "kind": "plugin"}}})
	for _, id := range []string{"one", "two"} {
		a.set("GET /api/v1/triggers?instance="+id, object{"triggers": []object{{"name": "ops", "format": "generic"}, {"name": "only-of-" + id, "format": "generic"}}})
	}
	b := openTab(t, 1280, 900, false)
	b.visit(a.server.URL, "triggers")
	b.shows("table", "only-of-one")
	const result = "td .block.good, td .block.bad"
	b.tabTo("button[data-key=test-ops]")
	b.press(kb.Enter)
	b.until("document.querySelector('" + result + "')")
	late, stats := make(chan struct{}), "GET /api/v1/stats?instance=one"
	a.mu.Lock()
	a.late = map[string]chan struct{}{stats: late}
	a.mu.Unlock()
	before := len(a.called("GET /api/v1/stats"))
	b.poll("an answer is under way", func() bool { return len(a.called("GET /api/v1/stats")) > before })
	b.tabTo("#instance")
	b.press("t")
	b.shows("table", "only-of-two")
	close(late)
	b.until(`performance.getEntriesByType('resource').filter(e => e.name.includes('/api/v1/stats?instance=one')).length > 1`)
	for _, kept := range []string{result, "#trouble:not([hidden])"} {
		if b.is("document.querySelector('" + kept + "')") {
			t.Errorf("%s is there, of the instance before: %s", kept, b.text("document.querySelector('"+kept+"').textContent"))
		}
	}
	if text := b.text("document.querySelector('table').textContent"); strings.Contains(text, "only-of-one") {
		t.Errorf("the triggers are %s", text)
	}
}

// TestProblemsAreNotAllOfRules has problems of a rule, a trigger and the administration.
func TestProblemsAreNotAllOfRules(t *testing.T) {
	a := startAPI(t)
	a.fill()
	a.set("GET /api/v1/stats", object{"problems": []string{
		"rules.toml:41: rule \"oops\": pattern: error", "rules.toml:50: trigger \"ops\": url: must be set", "rules.toml:2: admin.token_file: /nowhere: no such file",
	}})
	b := openTab(t, 1280, 900, false)
	b.visit(a.server.URL, "alerts")
	b.shows(".tile.bad dt", "Configuration")
	b.press("3")
	b.shows("#broken-title", "3 problems in the configuration")
	b.shows(".panel.bad li", "admin.token_file")
	if b.is(`document.body.innerText.match(/rules? left out|Broken rules/i)`) {
		t.Error("all of them are called rules")
	}
}
