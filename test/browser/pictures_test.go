package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// calm sets the answers of an instance that works, for pictures: with problems and alerts, and without faults of its own.
func (a *api) calm() {
	a.fill()
	a.mu.Lock()
	stats := a.answers["GET /api/v1/stats"].(object)
	a.mu.Unlock()
	for _, name := range []string{"warnings", "problems", "drops"} {
		delete(stats, name)
	}
	stats["pending"] = 0
	stats["triggers"] = []object{
		{"name": "ops", "configured": true, "sent": 1204, "delivered": 1204}, {"name": "pager", "configured": true, "pending": 1, "sent": 185, "delivered": 185},
	}
	a.set("GET /api/v1/stats", stats)
	now := time.Now().UTC()
	var hits []int
	samples := []object{}
	for i := range 48 {
		hits = append(hits, (i*i+3*i)%7*(i/30+1))
	}
	for i := range 9 {
		samples = append(samples, object{"time": now.Add(time.Duration(i*7-900) * time.Second), "workload": "shop/payments", "alert": i%5 == 0,
			"text": fmt.Sprintf(`{"level":"error","msg":"charge failed","order":%d,"code":"card_declined"}`, 4711+37*i)})
	}
	a.set("POST /api/v1/rules/draft", object{"template": "", "rule": object{"name": "charge-failed", "severity": "error", "cooldown": "15m", "pattern": `"msg":"charge failed","order":\d+`}})
	a.set("POST /api/v1/rules/backtest", object{"lines": 12904, "skipped": 0, "from": now.Add(-48 * time.Minute), "until": now, "hits": 214, "alerts": 9,
		"suppressed": object{"cooldown": 205}, "timeline": object{"start": now.Add(-48 * time.Minute), "seconds": 60, "hits": hits, "alerts": []int{}}, "samples": samples})
}

// TestPicturesOfThePage shows the page as documents do. With -pictures it writes docs/pictures/page-NAME.png.
func TestPicturesOfThePage(t *testing.T) {
	for _, look := range []struct {
		name          string
		width, height int
		dark          bool
	}{{"light", 1280, 800, false}, {"dark", 1280, 800, true}, {"phone-light", 390, 844, false}, {"phone-dark", 390, 844, true}} {
		t.Run(look.name, func(t *testing.T) {
			a := startAPI(t)
			a.calm()
			b := openTab(t, look.width, look.height, look.dark)
			b.visit(a.server.URL, "alerts")
			b.until(`document.querySelectorAll('.problem').length === 5 && document.querySelector('.tile') !== null`)
			if b.is(`document.querySelector('.warnings:not([hidden]), .trouble:not([hidden]), .tile.bad')`) {
				t.Error("the picture shows trouble")
			}
			b.picture("page-" + look.name)
			if look.width < 600 {
				return
			}
			b.until(`[[...document.querySelectorAll('.problem-row')].find(row => row.innerText.includes('failed-charge'))].some(row => row && (row.click(), true))`)
			b.click(".problem [data-key$=-rule]")
			b.shows(".samples", "card_declined")
			b.run(chromedp.Evaluate(`document.activeElement.blur()`, nil))
			b.picture("page-rule-" + look.name)
		})
	}
}

// picture writes what the window shows into docs/pictures, with -pictures.
func (b *tab) picture(name string) {
	b.t.Helper()
	if !*pictures {
		return
	}
	var image []byte
	b.run(emulation.SetScrollbarsHidden(true), chromedp.Evaluate(`window.scrollTo(0, 0)`, nil), chromedp.CaptureScreenshot(&image))
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "pictures", name+".png"), image, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
