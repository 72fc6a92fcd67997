package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestLooks takes pictures of every section, light, dark and narrow, with much to show and with nothing, and holds them to what can be measured: nothing is
// wider than the window, and every control has a name.
func TestLooks(t *testing.T) {
	sections := []string{"alerts", "containers", "rules", "triggers", "silences", "try", "audit"}
	for _, look := range []struct {
		name          string
		width, height int
		dark, empty   bool
	}{
		{"light", 1440, 900, false, false}, {"dark", 1440, 900, true, false}, {"tablet", 1024, 768, false, false}, {"tablet-dark", 1024, 768, true, false},
		{"narrow", 390, 844, false, false}, {"narrow-dark", 390, 844, true, false}, {"empty", 1440, 700, true, true},
	} {
		t.Run(look.name, func(t *testing.T) {
			a := startAPI(t)
			if look.empty {
				a.empty()
			} else {
				a.fill()
			}
			b := openTab(t, look.width, look.height, look.dark)
			b.visit(a.server.URL, "alerts")
			b.shows("#live", "live")
			for i, section := range sections {
				b.press(string(rune('1' + i)))
				b.until(`document.querySelector('main').className === 'view-` + section + `'`)
				if section != "try" {
					b.until(`document.querySelector('main .empty, main table, main .alert') !== null`)
				}
				if section == "alerts" && !look.empty {
					b.until(`document.querySelectorAll('.problem').length === 5`)
					b.shot("problems")
					if look.width < 1200 {
						b.run(chromedp.Click("[data-key=tab-alerts]", chromedp.ByQuery))
					}
					b.press("j", kb.Enter)
					b.shows(".detail", "Sent to")
				}
				if trouble := b.text(`document.querySelector('#trouble:not([hidden])')?.textContent ?? ''`); trouble != "" {
					t.Errorf("%s shows the error %q", section, trouble)
				}
				if b.is(`document.documentElement.scrollWidth > document.documentElement.clientWidth`) {
					t.Errorf("%s is wider than the window", section)
				}
				if nameless := b.text(`[...document.querySelectorAll('button, input, select, textarea, a')].filter(e => !(e.innerText.trim() || e.getAttribute('aria-label') || e.labels?.length)).map(e => e.outerHTML).join('\n')`); nameless != "" {
					t.Errorf("%s has controls without a name:\n%s", section, nameless)
				}
				if narrow := look.width < 640; narrow {
					if wide := b.text(`[...document.querySelectorAll('main .table-wrap')].filter(e => e.scrollWidth > e.clientWidth).map(e => e.getAttribute('aria-label'))`); wide != "" {
						t.Errorf("%s has tables that are wider than a phone: %s", section, wide)
					}
				}
				b.shot(section)
			}
			b.press("?")
			b.shows("dialog[open]", "Everywhere")
			b.shot("help")
		})
	}
}
