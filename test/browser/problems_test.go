package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestAProblemShowsItsAlerts selects a problem: the alerts beside are its own, also those that come, and Esc shows all again.
func TestAProblemShowsItsAlerts(t *testing.T) {
	a, b := open(t, "alerts")
	b.until(`document.querySelectorAll('.problem').length === 5 && document.querySelectorAll('.alert').length === 60`)
	if got := b.text(`[...document.querySelectorAll('.problem')].map(p => p.querySelector('.state').innerText).sort()`); got != "open,open,open,resolved,silenced" {
		t.Errorf("the states are %s", got)
	}
	own := b.text(`[...document.querySelectorAll('.alert')].filter(e => e.innerText.includes('slow-query')).length`)
	b.tabTo(".problem-row")
	for range 5 {
		if b.is(`document.activeElement.innerText.includes('slow-query')`) {
			break
		}
		b.press("j")
	}
	b.press(kb.Enter)
	b.until(`[...document.querySelectorAll('.alert')].every(e => e.innerText.includes('slow-query')) && document.querySelectorAll('.alert').length === ` + own)
	b.shows(".only", "slow-query")
	b.shows(".problem .facts", own+" alerts")
	b.shot("selected")
	a.send(alertAt(2001, 0, "warning", "slow-query", "shop/postgres", "duration: 9000"))
	b.shows(".alert:first-child", "duration: 9000")
	b.until(`document.activeElement.matches('.problem-row')`)
	b.press(kb.Escape)
	b.until(`document.querySelectorAll('.alert').length === 61 && document.querySelector('.only').hidden`)
}

// TestProblemsOnAPhone opens a problem and goes on to its alerts.
func TestProblemsOnAPhone(t *testing.T) {
	a := startAPI(t)
	a.fill()
	b := openTab(t, 390, 844, false)
	b.visit(a.server.URL, "alerts")
	b.until(`document.querySelectorAll('.problem').length === 5 && document.querySelector('.of-alerts').offsetParent === null`)
	b.run(chromedp.Click(".problem:nth-child(2) .problem-row", chromedp.ByQuery))
	b.shows(".problem .facts", "First")
	b.shot("open")
	b.run(chromedp.Click(".problem [data-key$=-alerts]", chromedp.ByQuery))
	b.until(`document.querySelector('.of-alerts').offsetParent !== null && document.querySelector('.of-problems').offsetParent === null && document.querySelectorAll('.alert').length > 1`)
	if b.is(`document.documentElement.scrollWidth > document.documentElement.clientWidth`) {
		t.Error("the alerts of a problem are wider than the phone")
	}
	b.shot("alerts")
}

// TestHostileProblems shows a problem whose rule, workload and line would be markup.
func TestHostileProblems(t *testing.T) {
	a, b := open(t, "alerts")
	a.send(with(alertAt(3001, 0, "critical", hostile, hostile, hostile), "summary", hostile))
	b.until(`document.querySelector('.problem:first-child').innerText.includes('<img src=x')`)
	b.run(chromedp.Click(".problem:first-child .problem-row", chromedp.ByQuery))
	b.shows(".problem .facts a", `\u202egnp.exe \u001b[31m`)
	if b.is(`document.querySelector('main img, main script, main style') || document.title.includes('owned')`) {
		t.Error("a problem became markup")
	}
}
