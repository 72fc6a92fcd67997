package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tinyforge/fluentbit-trigger/test/planted"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// readEverything returns every GET response of the API whose path has no parameter and that ends, as the browser gets it, and that of each alert.
const readEverything = `(async () => {
  const key = { 'Fluentbit-Trigger-Key': localStorage.getItem('fluentbit-trigger.key') };
  const get = async (path) => path + ' ' + (await (await fetch(path, { headers: key })).text());
  const document = await (await fetch('/api/v1/openapi.json', { headers: key })).json();
  const texts = [];
  for (const [path, operations] of Object.entries(document.paths)) {
    if (!operations.get || path.includes('{') || path.endsWith('stream') || path.endsWith('tap')) continue;
    texts.push(await get(path));
  }
  const page = await (await fetch('/api/v1/alerts?limit=1000', { headers: key })).json();
  for (const { alert } of page.alerts) texts.push(await get('/api/v1/alerts/' + alert.id));
  return [texts.length, page.alerts.length, texts.join('\n')];
})()`

// TestThePageShowsNoPlantedSecret sends lines with a hundred secrets through the real program, opens each section, each alert and the try of a line, and
// looks for the secrets in the document, in all that the browser stored, and in every response of the API.
func TestThePageShowsNoPlantedSecret(t *testing.T) {
	if found() == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	secrets := planted.Secrets()
	r := startReal(t, false, planted.Settings, `
[[rule]]
name = "boom"
pattern = '^boom (?P<all>.*)'
cooldown = "1h"
cooldown_by = ["capture.all"]
summary = '{{ .Captures.all }}'
labels = { all = '{{ .Captures.all }}' }
context = { before = 2 }
`)
	r.receiver.SetBehaviour(receiver.BehaviourFunc(func(r receiver.Request) receiver.Reply { // and repeats what it got, for the dead letters
		return receiver.Reply{Status: 400, Body: string(r.Body)}
	}))
	b := openTab(t, 1280, 900, false)
	b.logIn(r)
	b.allow("404") // of an instance that follows no containers
	b.shows("#live", "live")
	r.flush(planted.Lines(secrets)...)
	look := func(where string) {
		t.Helper()
		planted.Look(t, secrets, where, b.text(`document.documentElement.outerHTML`))
		planted.Look(t, secrets, where+", as a text", b.text(`document.documentElement.innerText`))
		planted.Look(t, secrets, where+", stored", b.text(`JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.title, location.href])`))
	}
	b.until(`document.querySelectorAll('.alert').length >= 100`)
	look("the list of alerts")
	for range 100 { // each alert, opened
		b.press("j", kb.Enter)
		b.until(`document.querySelector('.detail') !== null`)
		planted.Look(t, secrets, "an alert", b.text(`document.querySelector('.detail').outerHTML`))
		b.press(kb.Enter)
	}
	b.press("t") // try the line of this alert
	b.shows("main", "Matched by")
	look("the try of a line")
	for section, shown := range map[string]string{"2": "shop/api", "3": "rules.toml:", "4": "answered 400 Bad Request", "5": "main", "7": "main"} {
		b.press(section)
		if shown == "main" {
			b.until(`document.querySelector('main h1') !== null`)
		} else {
			b.shows("main", shown)
		}
		look("section " + section)
	}
	var got []any
	b.run(chromedp.Evaluate(readEverything, &got, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if len(got) != 3 || got[0].(float64) < 110 || got[1].(float64) < 100 {
		t.Fatalf("read %v responses, %v alerts", got[0], got[1])
	}
	planted.Look(t, secrets, "a response", fmt.Sprint(got[2]))
}
