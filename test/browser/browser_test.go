package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience bounds every wait.
const patience = 20 * time.Second

// found is the browser, looked for once.
var found = sync.OnceValue(func() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
})

// tab is one tab of a browser of its own, whose violations of the policy, exceptions and errors fail the test.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	faults  []string
	allowed []string // parts of messages that a test expects
}

// openTab starts a browser. Tests that need one are skipped when there is none.
func openTab(t *testing.T, width, height int, dark bool) *tab {
	t.Helper()
	path := found()
	if path == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(width, height), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("hide-scrollbars", false), chromedp.WSURLReadTimeout(time.Minute))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {})) // events of a browser that is newer than chromedp
	b := &tab{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, b.listen)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.run(log.Enable(), emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		emulation.SetDeviceMetricsOverride(int64(width), int64(height), 1, width < 600),
		onNew(`window.violations = []; document.addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample))`))
	t.Cleanup(func() {
		b.check()
		_ = chromedp.Cancel(ctx) // the browser ends with its allocator at the latest
		cancel()
		stop()
	})
	return b
}

// onNew runs a script in every new document before its own.
func onNew(script string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := cdppage.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
		return err
	})
}

func (b *tab) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.fault("exception: " + e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeAssert {
			b.fault(fmt.Sprintf("console: %s", e.Args[0].Value))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError {
			b.fault(e.Entry.Text + " " + e.Entry.URL)
		}
	}
}

func (b *tab) fault(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, text)
}

// allow names a part of a message that is expected, such as "401".
func (b *tab) allow(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed = append(b.allowed, part)
}

// check fails the test for everything that went wrong in the tab.
func (b *tab) check() {
	var violations []string
	b.evaluate(`window.violations ?? []`, &violations)
	for _, v := range violations {
		b.t.Errorf("violation of the policy: %s", v)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		if !slices.ContainsFunc(b.allowed, func(part string) bool { return strings.Contains(f, part) }) {
			b.t.Errorf("in the browser: %s", f)
		}
	}
}

func (b *tab) run(actions ...chromedp.Action) {
	b.t.Helper()
	// The first run starts the browser, whose life must not be bounded by the patience for one step.
	if chromedp.FromContext(b.ctx).Target == nil {
		if err := chromedp.Run(b.ctx); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := b.try(actions...); err != nil {
		b.shot("failure")
		b.t.Fatal(err)
	}
}

func (b *tab) try(actions ...chromedp.Action) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

// networkChanged is why a browser ends what it is loading when a network interface of the machine comes or goes, as with each container.
const networkChanged = "net::ERR_NETWORK_CHANGED"

// visit opens a section of the page.
func (b *tab) visit(url, section string) {
	b.t.Helper()
	b.open(url+"/#/"+section, "main h1")
}

// open opens an address and waits for an element, and does so again as often as the loading is ended by a change of the machine's network.
func (b *tab) open(url, selector string) {
	b.t.Helper()
	load := chromedp.Navigate(url)
	for range 4 {
		err := b.try(load, chromedp.WaitVisible(selector, chromedp.ByQuery))
		if err == nil {
			return
		}
		if !b.forgive(networkChanged) && !strings.Contains(err.Error(), networkChanged) {
			b.shot("failure")
			b.t.Fatal(err)
		}
		load = chromedp.Reload()
	}
	b.t.Fatal("the machine's network changed whenever the page was opened")
}

// forgive forgets the faults that have a text, and reports whether there were any.
func (b *tab) forgive(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.faults)
	b.faults = slices.DeleteFunc(b.faults, func(f string) bool { return strings.Contains(f, text) })
	return len(b.faults) < n
}

// press presses keys, one after the other: texts of one character, or constants of kb. A character is typed with its key down, as a keyboard does, so that
// a page which takes the key takes the character too.
func (b *tab) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		if key < " " || len(key) > 1 {
			b.run(chromedp.KeyEvent(key))
			continue
		}
		b.run(input.DispatchKeyEvent(input.KeyDown).WithKey(key).WithText(key), input.DispatchKeyEvent(input.KeyUp).WithKey(key))
	}
}

// chord presses a key with a modifier.
func (b *tab) chord(key string, modifiers ...chromedp.KeyOption) {
	b.t.Helper()
	b.run(chromedp.KeyEvent(key, modifiers...))
}

// tabTo presses Tab until what a selector names has the focus.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	for range 60 {
		b.press(kb.Tab)
		if b.is(fmt.Sprintf(`document.activeElement?.matches(%q)`, selector)) {
			return
		}
	}
	b.shot("failure")
	b.t.Fatalf("Tab does not lead to %s; the focus is on %s", selector, b.text(`document.activeElement?.outerHTML`))
}

// is evaluates a condition.
func (b *tab) is(condition string) bool {
	b.t.Helper()
	var yes bool
	b.evaluate(`Boolean(`+condition+`)`, &yes)
	return yes
}

// text evaluates to a text.
func (b *tab) text(expression string) string {
	b.t.Helper()
	var text string
	b.evaluate(`String(`+expression+`)`, &text)
	return text
}

// evaluate evaluates an expression, and again as often as the tab leaves the document in between: a click, a login or a logout may lead to another one at any
// time.
func (b *tab) evaluate(expression string, result any) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		err := chromedp.Run(ctx, chromedp.Evaluate(expression, result))
		if err == nil {
			return
		}
		if !navigated(err) || ctx.Err() != nil {
			b.shot("failure")
			b.t.Fatal(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// navigated reports whether the browser refused a command because the document it was for has just been left. Its protocol has one code for all such errors.
func navigated(err error) bool {
	refused, ok := errors.AsType[*cdproto.Error](err)
	return ok && refused.Code == -32000
}

// until waits for a condition.
func (b *tab) until(condition string) {
	b.t.Helper()
	b.poll(condition, func() bool { return b.is(condition) })
}

// poll waits for what is not in the browser.
func (b *tab) poll(what string, done func() bool) {
	b.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			b.shot("failure")
			b.t.Fatalf("not in time: %s; the page shows:\n%s", what, b.text(`document.body.innerText`))
		case <-tick.C:
		}
	}
}

// shows waits until a text can be seen in an element.
func (b *tab) shows(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.innerText.includes(%q))`, selector, text))
}

// shot writes a screenshot of the whole page, to look at, into the folder that FLUENTBIT_TRIGGER_SCREENSHOTS names, or a temporary one.
func (b *tab) shot(name string) {
	b.t.Helper()
	folder := os.Getenv("FLUENTBIT_TRIGGER_SCREENSHOTS")
	if folder == "" {
		folder = filepath.Join(os.TempDir(), "fluentbit-trigger-screenshots")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	var picture []byte
	if err := chromedp.Run(ctx, chromedp.CaptureScreenshot(&picture)); err != nil {
		b.t.Logf("no screenshot: %v", err)
		return
	}
	path := filepath.Join(folder, strings.ReplaceAll(b.t.Name(), "/", "-")+"-"+name+".png")
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("screenshot: %s", path)
}
