package browser

import (
	"testing"
)

// TestTheChecklist starts with a trigger that nothing was sent to: the steps that are done say so, and a test finishes the list.
func TestTheChecklist(t *testing.T) {
	onEveryScreen(t, func(t *testing.T, l look) {
		if found() == "" {
			t.Skip("no chromium on PATH: the page is not driven")
		}
		r := startReal(t, false)
		b := openTab(t, l.width, l.height, l.dark)
		b.logIn(r)
		b.shows(".checklist h2", "2 of 4 done")
		b.shows(".checklist", "no record came from Fluent Bit yet")
		b.shot("begin")
		r.flush("all is well")
		b.press("r")
		b.shows(".checklist h2", "3 of 4 done")
		if b.is(`document.documentElement.scrollWidth > document.documentElement.clientWidth`) {
			t.Error("the checklist is wider than the window")
		}
		b.click(`[data-key="step-test-ops"]`)
		b.shows("#toast", "Test to ops: delivered")
		b.until(`document.querySelector('.checklist') === null`)
		if n := r.receiver.Len(); n != 1 {
			t.Errorf("%d tests arrived", n)
		}
	})
}

// TestTheChecklistLeadsToItsSteps has nothing done: each step leads to where it is done, and its texts stay texts.
func TestTheChecklistLeadsToItsSteps(t *testing.T) {
	a := startAPI(t)
	a.empty()
	a.set("GET /api/v1/stats", object{"checklist": []object{
		{"name": "containers", "done": false, "detail": "no container is followed " + hostile, "hint": "docker-fluentbit containers"},
		{"name": "rules", "done": false, "detail": "no rule is in force", "hint": "add a [[rule]]"}, {"name": "triggers", "done": false, "detail": "no trigger is in force"},
		{"name": "test", "done": false, "detail": "no trigger to test"}, {"name": "something-new", "done": false, "detail": "of a later version"},
	}})
	a.set("POST /api/v1/rules/backtest", object{"lines": 0})
	b := openTab(t, 1024, 768, false)
	b.visit(a.server.URL, "alerts")
	b.shows(".checklist", "something-new")
	b.shows(".checklist", "<img src=x")
	if b.is(`document.querySelector('main img')`) {
		t.Error("a detail became markup")
	}
	b.shot("empty")
	for step, heading := range map[string]string{"rules": "New rule", "triggers": "New trigger"} {
		b.click(`[data-key="step-` + step + `"]`)
		b.shows("main h2", heading)
		b.visit(a.server.URL, "alerts")
	}
	b.click(`[data-key="step-containers"]`)
	b.until(`document.querySelector('main').className === 'view-containers'`)
}
