package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestALinkOpensItsAlert follows the link of a message without a session: the login leads to the alert, and the alert to the list.
func TestALinkOpensItsAlert(t *testing.T) {
	if found() == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	r := startReal(t, true)
	r.flush("panic: one "+hostile, "panic: two")
	b := openTab(t, 390, 844, false)
	b.allow("401")
	b.run(chromedp.Navigate(r.url), chromedp.WaitVisible("#token", chromedp.ByQuery), chromedp.SetValue("#token", token, chromedp.ByQuery))
	b.press(kb.Enter)
	b.until(`document.querySelectorAll('.alert').length >= 2`)
	id := b.text(`[...document.querySelectorAll('.alert-row')].find(row => row.innerText.includes('panic: one')).dataset.key`)

	b.run(chromedp.Evaluate(`localStorage.clear()`, nil)) // the session is gone
	b.run(chromedp.Navigate("about:blank"), chromedp.Navigate(r.url+"/#/alerts/"+id), chromedp.WaitVisible("#token", chromedp.ByQuery), chromedp.SetValue("#token", token, chromedp.ByQuery))
	b.press(kb.Enter)
	b.shows(".one .lines", "panic: one <img src=x onerror=")
	if got := b.text(`location.hash`); got != "#/alerts/"+id {
		t.Errorf("the login leads to %s", got)
	}
	if b.is(`document.querySelectorAll('.alert').length > 0 || document.querySelector('main img')`) {
		t.Error("more than the alert is shown, or its line became markup")
	}
	b.shot("one")
	b.press("s")
	b.shows("dialog[open]", "Silence")
	b.press(kb.Escape)
	b.until(`document.querySelector('dialog') === null`)
	b.tabTo("[data-key=all-alerts]")
	b.press(kb.Enter)
	b.until(`document.querySelectorAll('.alert').length >= 2`)

	b.allow("404")
	b.run(chromedp.Navigate("about:blank"), chromedp.Navigate(r.url+"/#/alerts/al_gone"))
	b.shows("main .empty", "not stored any more")
}

// TestALinkFindsItsInstance opens an alert of the second of two instances that share a listener.
func TestALinkFindsItsInstance(t *testing.T) {
	a := startAPI(t)
	a.fill()
	a.set("GET /api/v1/instances", object{"instances": []object{{"id": "one", "kind": "plugin"}, {"id": "two", "kind": "plugin"}}})
	const path = "GET /api/v1/alerts/al_7?instance="
	a.set(path+"one", failure{404, "Not Found", "alert al_7 is not stored", nil})
	a.set(path+"two", event(7, with(alertAt(7, 0, "error", "of-the-second", "shop/api", "boom"), "id", "al_7")))
	b := openTab(t, 1280, 900, false)
	b.allow("404")
	b.run(chromedp.Navigate(a.server.URL + "/#/alerts/al_7"))
	b.shows(".one", "of-the-second")
	if got := b.text(`document.getElementById('instance').value`); got != "two" {
		t.Errorf("the instance is %s", got)
	}
}
