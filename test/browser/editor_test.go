package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// write replaces the value of a field of the editor, as typing does.
func (b *tab) write(field, value string) {
	b.t.Helper()
	selector := fmt.Sprintf("[data-field=%s]", field)
	b.run(chromedp.WaitVisible(selector, chromedp.ByQuery), chromedp.Evaluate(fmt.Sprintf(`document.querySelector(%q).value = ''`, selector), nil), chromedp.SendKeys(selector, value, chromedp.ByQuery))
}

// click clicks on the first element that a selector names, as soon as there is one, and whether or not a refresh replaces it meanwhile.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`[document.querySelector(%q)].some(e => e && (e.click(), true))`, selector))
}

// TestARuleIsMadeOfALine makes a rule of an alert's line with the backtest beside it, changes it and deletes it, in the real program.
func TestARuleIsMadeOfALine(t *testing.T) {
	onEveryScreen(t, func(t *testing.T, l look) {
		if found() == "" {
			t.Skip("no chromium on PATH: the page is not driven")
		}
		r := startReal(t, false)
		b := openTab(t, l.width, l.height, l.dark)
		b.logIn(r)
		b.shows("#live", "live")
		var lines []string
		for i := range 30 {
			lines = append(lines, fmt.Sprintf("payment %d declined by bank %s", i, hostile), "all is well")
		}
		r.flush(append(lines, "panic: payment 4711 declined by bank")...)
		b.until(`document.querySelectorAll('.problem').length >= 1`)
		b.click(".problem:last-child .problem-row")
		b.click("[data-key$=-rule]")
		b.shows("main", "A rule for lines like this one")
		b.shows(".editor .tiles", "Lines tried")
		b.write("pattern", `declined by (?P<who>\w+)`)
		b.write("name", "declined")
		b.shows(".samples", "<img src=x")
		b.until(`document.querySelector('.editor .tiles').innerText.replace(/\s+/g, ' ').includes('Hits 31')`)
		b.shows(".samples", "suppressed")
		if b.is(`document.querySelector('main img, main script, main style') || document.title.includes('owned')`) {
			t.Error("a line became markup")
		}
		if b.is(`document.documentElement.scrollWidth > document.documentElement.clientWidth`) {
			t.Error("the editor is wider than the window")
		}
		b.shot("draft")
		b.write("pattern", "declined (")
		b.allow("422")
		b.shows(".editor .wrong", "missing closing )")
		b.write("pattern", `declined by (?P<who>\w+)`)
		b.run(chromedp.Focus("[data-field=name]", chromedp.ByQuery))
		b.chord(kb.Enter, chromedp.KeyModifiers(input.ModifierCtrl))
		b.shows("#toast", "The rule declined is in force")
		b.shows("main table", "declined by")

		r.flush("payment 1 declined by bank")
		b.click(`[data-key="edit-declined@"]`)
		b.shows("main", "Edit the rule declined")
		b.write("cooldown", "2h")
		b.write("none", "by nobody")
		b.click(".editor [type=submit]")
		b.shows("#toast", "The rule declined is in force")
		b.poll("the rule is changed", func() bool {
			all := r.p.Settings().Rules
			rule := all[len(all)-1]
			return rule.Name == "declined" && rule.Cooldown == 2*time.Hour && fmt.Sprint(rule.None) == "[by nobody]"
		})
		b.until(`location.hash === '#/rules'`)
		b.click(`[data-key="delete-declined@"]`)
		b.shows("dialog[open]", "Delete the rule declined?")
		b.click("dialog [type=submit]")
		b.shows("#toast", "The rule declined is deleted")
		b.until(`!document.querySelector('main').innerText.includes('declined by')`)
	})
}

// TestTriggersAndSilencesAreEdited makes a trigger, changes it without its secret address leaving, and changes a silence.
func TestTriggersAndSilencesAreEdited(t *testing.T) {
	onEveryScreen(t, func(t *testing.T, l look) {
		if found() == "" {
			t.Skip("no chromium on PATH: the page is not driven")
		}
		r := startReal(t, false)
		b := openTab(t, l.width, l.height, l.dark)
		b.logIn(r)
		b.shows("#live", "live")
		b.press("4")
		b.until(`document.querySelector('[data-key=new-trigger]') !== null`)
		b.press("n")
		b.shows("main", "New trigger")
		b.write("name", "night")
		b.write("url", r.receiver.URL("/s3cret-night"))
		b.write("severity", "critical, error")
		b.run(chromedp.SetValue("[data-field=format]", "generic", chromedp.ByQuery))
		b.click("[type=submit]")
		b.shows("#toast", "The trigger night is in force")
		b.click(`[data-key="test-night"]`)
		b.shows("main table", "delivered: answered 200 OK")
		b.click(`[data-key="edit-night@"]`)
		b.shows("main", "Edit the trigger night")
		b.until(`document.querySelector('[data-field=url]').value === '••••'`)
		b.shot("trigger")
		b.write("rule", "go-*")
		b.click("[type=submit]")
		b.poll("the trigger is changed", func() bool {
			all := r.p.Settings().Triggers
			return fmt.Sprint(all[len(all)-1].Rule) == "[go-*]"
		})
		b.shows("main table", "night")
		if text := b.text(`document.documentElement.outerHTML`); strings.Contains(text, "s3cret-night") {
			t.Error("the page shows the address")
		}
		b.click(`[data-key="test-night"]`)
		b.poll("two tests arrive", func() bool { return len(r.receiver.Requests()) >= 2 })

		b.press("5")
		b.until(`document.querySelector('main').className === 'view-silences'`) // the key n is the view's
		b.press("n")
		b.shows("dialog[open]", "Silence")
		b.run(chromedp.SendKeys("dialog input", "go-panic", chromedp.ByQuery))
		b.press(kb.Enter)
		b.shows("main table", "rule = go-panic")
		before := r.p.Silences().All()[0]
		b.click("[data-key^=change-]")
		b.shows("dialog[open]", "Change the silence")
		b.tabTo("dialog select")
		b.press(kb.Tab, "l", "o", "a", "d", kb.Enter)
		b.shows("#toast", "Silence changed")
		b.shows("main table", "load")
		all := r.p.Silences().All()
		if len(all) != 1 || all[0].ID != before.ID || all[0].Comment != "load" || all[0].Until != before.Until {
			t.Errorf("the silence %+v became %+v", before, all)
		}
	})
}

// TestChangesAreMergePatches makes patches of settings, and compares the formats that the editor offers with the receivers.
func TestChangesAreMergePatches(t *testing.T) {
	_, b := open(t, "rules")
	var text string
	b.run(chromedp.Evaluate(`(async () => {
  const { changeOf } = await import('/model.js');
  const { formats } = await import('/editor.js');
  return [changeOf({ name: 'a', x: 1, y: [1], context: { before: 1, after: 2 }, gone: true }, { name: 'b', x: 1, y: [1, 2], context: { before: 3 }, made: 'm' }), formats].map((v) => JSON.stringify(v)).join(' ');
})()`, &text, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	change, formats, _ := strings.Cut(text, " ")
	if want := `{"y":[1,2],"context":{"before":3,"after":null},"gone":null,"made":"m"}`; change != want {
		t.Errorf("the patch is %s, want %s", change, want)
	}
	for _, name := range receiver.Formats() {
		if !strings.Contains(formats, `"`+name+`"`) {
			t.Errorf("the editor does not offer the format %s: %s", name, formats)
		}
	}
	if n := strings.Count(formats, ","); n+1 != len(receiver.Formats()) {
		t.Errorf("the editor offers %s, the receivers are %v", formats, receiver.Formats())
	}
}
