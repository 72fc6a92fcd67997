package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
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

// clickFromElsewhere opens a page of another site, and clicks on its link: the browser sends no cookie.
func (b *tab) clickFromElsewhere(link string) {
	b.t.Helper()
	chat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<a id="message" href="%s">link</a>`, link)
	}))
	b.t.Cleanup(chat.Close)
	b.run(chromedp.Navigate(strings.Replace(chat.URL, "127.0.0.1", "localhost", 1)), chromedp.Click("#message", chromedp.ByQuery))
}

// TestALinkFromAChat opens the alert of a message by a click on another site, whose requests have no cookie, in a browser that is logged in.
func TestALinkFromAChat(t *testing.T) {
	if found() == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	r := startReal(t, false)
	r.flush("panic: one")
	b := openTab(t, 390, 844, false)
	b.allow("favicon")
	b.logIn(r)
	b.poll("the message", func() bool { return len(r.receiver.Alerts()) == 1 })
	b.clickFromElsewhere(r.receiver.Alerts()[0].Links.Open)
	b.shows(".one .lines", "panic: one")
}

// TestALinkSilences goes from a message to the silence, on a phone that is not logged in: the form changes nothing until its button is pressed, the link works once,
// and what an alert says becomes no markup.
func TestALinkSilences(t *testing.T) {
	if found() == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	r := startReal(t, true)
	r.flush("panic: one "+hostile, "panic: two")
	b := openTab(t, 390, 844, false)
	b.allow("favicon")
	b.poll("the messages", func() bool { return len(r.receiver.Alerts()) == 2 })
	alert := r.receiver.Alerts()[0]
	b.clickFromElsewhere(alert.Links.Silence)
	b.shows("main", "Silence for 1 hour")
	b.shows("main", "go-panic")
	b.shows("main", "shop/api")
	b.shows("main", "<img src=x onerror=")
	b.until(`document.activeElement?.type === 'submit'`)
	if b.is(`location.href.includes('#') || document.querySelector('main dd img') !== null || document.documentElement.scrollWidth > innerWidth`) {
		t.Error("the token stays in the address, a text became markup, or the form is wider than the phone")
	}
	b.shot("form")
	if len(r.p.Silences().All()) != 0 {
		t.Fatal("the form silenced")
	}
	b.press(kb.Enter)
	b.shows("main [role=status]", "Silenced")
	b.shot("silenced")
	all := r.p.Silences().All()
	if len(all) != 1 || all[0].Key != alert.Key || all[0].Author != "link" {
		t.Fatalf("%+v", all)
	}
	r.flush("panic: one "+hostile, "panic: three")
	b.poll("the alert of another incident", func() bool { return len(r.receiver.Alerts()) == 3 })
	if all := r.p.Silences().All(); all[0].Suppressed != 1 {
		t.Errorf("%d hits suppressed", all[0].Suppressed)
	}
	b.run(chromedp.Navigate("about:blank"), chromedp.Navigate(alert.Links.Silence))
	b.shows("main [role=status]", "used already")
	b.shot("used")
	b.allow("403")
	b.run(chromedp.Navigate("about:blank"), chromedp.Navigate(alert.Links.Silence[:len(alert.Links.Silence)-2]))
	b.shows("main [role=alert]", "not valid")
	b.shot("wrong")
	b.run(chromedp.Navigate(r.url + "/silence"))
	b.shows("main [role=alert]", "as a whole")
	b.run(chromedp.Navigate(r.url + "/"))
	b.shows("label", "Token") // nobody is logged in by a link
}
