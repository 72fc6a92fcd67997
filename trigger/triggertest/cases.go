package triggertest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

const SuppressedSample = "+312 since 14:02 (cooldown 300, rate limit 12)"

// HostileText tries to mention, to break out of JSON, Markdown, mrkdwn and HTML, and to change how the text shows.
const HostileText = "@everyone @here @channel <!channel> <!here|x> <!subteam^S1> <@U123> <@&456> <#C1> </pre><b>x</b><a href='tg://user?id=1'>y</a> " +
	"`x` ``` ```` *b* _i_ ~s~ ||spoiler|| [t](http://evil.example) <http://evil.example|bank> &lt; &amp; \" ' \\ \\\" {{DATE(2017-02-14T06:00:00Z)}} ${x} " +
	"\x1b[31mred\x1b[0m \x00\x07\u202egnp\u2066 \xff\xfe \u2028 \r\n```\n> quote\n# head\n- item\n@room @all @team :smile: </script>"

// Alerts returns messages by name, from a single alert to a group of hostile ones, whose payloads golden files show.
func Alerts() map[string][]trigger.Alert {
	with := func(change func(*trigger.Alert)) []trigger.Alert {
		a := Sample()
		change(&a)
		return []trigger.Alert{a}
	}
	hostile := func(a *trigger.Alert) {
		a.Rule, a.Summary, a.Message = HostileText, HostileText, HostileText
		a.Source.Workload, a.Source.Host, a.Source.Container.Name = HostileText, HostileText, HostileText
		a.Captures, a.Fields = map[string]string{HostileText: HostileText}, map[string]string{HostileText: HostileText}
		a.Labels = map[string]string{HostileText: HostileText, "team": HostileText}
		a.Context = &trigger.Context{Before: []string{HostileText}, After: []string{HostileText}}
		a.Image = &trigger.Image{Name: HostileText, Since: SampleTime, Age: 1}
		a.Ratio = &trigger.Ratio{Hits: 1, Of: HostileText, OfHits: 2, Percent: 50, Within: 60}
		a.Runbook = "javascript:alert(1)"
	}
	deploy := func(a *trigger.Alert) {
		a.Kind, a.Rule, a.Count, a.Captures, a.Fields, a.Context = trigger.KindDeploy, "deploy", 0, nil, nil, nil
		a.Source.Stream, a.Source.Host, a.Source.Tag, a.Source.Container = "", "", "", trigger.Container{Image: "shop/api:1.2", ImageID: "sha256:9f86d081884c"}
		a.Image.Age = 15 * 60
		a.Suppressed, a.Labels, a.Runbook = trigger.Suppressed{}, nil, ""
	}
	huge := func(a *trigger.Alert) {
		a.Summary, a.Message, a.Truncated = strings.Repeat("<\"ä🔥&", 2000), strings.Repeat("<\"ä🔥&`", 1000), true
		a.Context.Before = slices.Repeat([]string{strings.Repeat("b", 500)}, 50)
	}
	var group, flood []trigger.Alert
	for i := range 14 {
		a := Sample()
		a.ID, a.Severity = fmt.Sprintf("al_%d", i), trigger.Severities()[i%5]
		a.Message = fmt.Sprintf("panic: number %d", i)
		group = append(group, a)
		hostile(&a)
		huge(&a)
		flood = append(flood, a)
	}
	digest := trigger.Alert{
		Version: trigger.AlertVersion, ID: "al_0123456789abcdef", Kind: trigger.KindDigest, Key: "0f1e2d3c4b5a69788796a5b4c3d2e1f0", Severity: "info", Rule: "digest",
		Summary: "1,234 hits, 12 alerts, 1,222 suppressed since Sat 2026-11-21 08:00 CET",
		Message: "Sat 2026-11-21 08:00 CET to Sun 2026-11-22 08:00 CET\n1,234 hits, 12 alerts, 1,222 suppressed (cooldown 1,200, rate limit 22), 14 sent\n\nrules\n" +
			"- go-panic: 1,034 hits, 6 alerts, 1,028 suppressed (cooldown 1,006, rate limit 22)\n- http-5xx: 200 hits, 6 alerts, 194 suppressed (cooldown 194)\n\n" +
			"workloads\n- shop/api: 1,230 hits, 8 alerts, 1,222 suppressed (cooldown 1,200, rate limit 22)\n- shop/cart: 4 hits, 4 alerts, 0 suppressed\n\n" +
			"new\n- workload shop/cart\n- go-panic in shop/api: panic: order <num>: nil map\n\n2 dead letters: ops 2\n\n" +
			"could be quieter\n- http-5xx: 6 alerts; cooldown = \"1h\" would have made 2",
		Time: SampleTime, FirstSeen: SampleTime.Add(-24 * time.Hour), LastSeen: SampleTime, Source: trigger.Source{Kind: trigger.KindSystem, Host: "node-1"},
		Digest: &trigger.Digest{
			From: SampleTime.Add(-24 * time.Hour), Until: SampleTime, Hits: 1234, Alerts: 12, Suppressed: 1222, By: map[string]int64{"cooldown": 1200, "rate_limit": 22}, Sent: 14, DeadLetters: 2,
		},
	}
	var linked []trigger.Alert
	for i, key := range []string{"0f1e2d3c4b5a69788796a5b4c3d2e1f0", "1f1e2d3c4b5a69788796a5b4c3d2e1f0"} {
		a := Sample()
		a.ID, a.Key, a.Message = fmt.Sprintf("al_%d", i), key, fmt.Sprintf("panic: number %d", i)
		a.Links = Links("https://alerts.example.com", fmt.Sprintf("XYZ%d", i))
		linked = append(linked, a)
	}
	return map[string][]trigger.Alert{
		"single":  {Sample()},
		"group":   group,
		"hostile": with(hostile),
		"huge":    with(huge),
		"context": with(func(a *trigger.Alert) {
			a.Message = "panic: the message stays whole " + strings.Repeat("m", 500)
			a.Context = &trigger.Context{}
			for i := range 12 {
				a.Context.Before = append(a.Context.Before, fmt.Sprintf("before %d <&> %s", 12-i, strings.Repeat("<", 400)))
				a.Context.After = append(a.Context.After, fmt.Sprintf("after %d", i+1))
			}
		}),
		"flood": flood,
		"resolved": with(func(a *trigger.Alert) {
			a.Kind, a.Message, a.Context = trigger.KindResolved, "", nil
			a.Summary = "go-panic is over in shop/api after 31m and 312 hits: panic: assignment to entry in nil map"
			a.Count, a.Incident = 0, &trigger.Incident{
				Began: SampleTime.Add(-31 * time.Minute), Lasted: 31 * 60, Hits: 312, Alerts: 4, Severities: []string{"error", "critical"},
			}
		}),
		"absence": with(func(a *trigger.Alert) {
			a.Kind, a.Resolves, a.Count, a.Captures, a.Fields, a.Context = trigger.KindAbsence, true, 0, nil, nil, nil
			a.Source.Stream, a.Source.Container = "", trigger.Container{}
			a.Summary = "no line of backup-missing in shop/api for 26h, the last at 2026-01-01 01:04:05 UTC"
			a.Message = ""
		}),
		"rollup": with(func(a *trigger.Alert) {
			a.Kind, a.Severity, a.Count = trigger.KindRollup, "warning", 0
			a.Summary = "312 more in 5m: " + a.Summary
		}),
		"deploy": with(func(a *trigger.Alert) {
			deploy(a)
			a.Severity, a.Resolves = "warning", true
			a.Deploy = &trigger.Deploy{Verdict: "worse", Image: "shop/api:1.2", Last: "shop/api:1.1", New: 1, More: 1}
			a.Summary = "shop/api: 1.2 against 1.1: 1 new kind of errors, 1 five times as often"
			a.Message = "new: panic: nil map (12, go-panic)\nfive times as often: timeout after <num>s (50, 40 before, errors)"
		}),
		"deploy-better": with(func(a *trigger.Alert) {
			deploy(a)
			a.Severity = "info"
			a.Deploy = &trigger.Deploy{Verdict: "better", Image: "shop/api:1.2", Last: "shop/api:1.1", Gone: 2}
			a.Summary = "shop/api: 1.2 against 1.1: 2 gone"
			a.Message = "gone: panic: nil map (12 before, go-panic)\ngone: timeout after <num>s (40 before, errors)"
		}),
		"deploy-resolved": with(func(a *trigger.Alert) {
			deploy(a)
			a.Kind, a.Severity, a.Message = trigger.KindResolved, "warning", ""
			a.Summary = "shop/api: 1.2, worse than 1.1, was replaced by 1.3 after 3h"
			a.Incident = &trigger.Incident{Began: SampleTime.Add(-3 * time.Hour), Lasted: 3 * 3600, Alerts: 1, Severities: []string{"warning"}}
		}),
		"trace": with(func(a *trigger.Alert) {
			a.Rule, a.Summary, a.Captures = "exception", "CardDeclined: limit exceeded", nil
			a.Links = Links("https://alerts.example.com", "XYZ")
			a.Message = "Traceback (most recent call last):\n" +
				"  File \"/app/web.py\", line 24, in pay\n    charge(order)\n" +
				"  File \"/app/billing.py\", line 19, in charge\n    raise CardDeclined(reason)\n" +
				"billing.CardDeclined: limit exceeded"
			a.Context = &trigger.Context{Before: []string{"POST /pay order=4711"}, After: []string{"POST /pay 500 in 31 ms"}}
			a.Exception = &trigger.Exception{Type: "billing.CardDeclined", Message: "limit exceeded", Frames: []trigger.Frame{
				{Function: "charge", File: "/app/billing.py", Line: 19}, {Function: "pay", File: "/app/web.py", Line: 24},
			}}
		}),
		"digest":      {digest},
		"threshold":   with(func(a *trigger.Alert) { a.Kind = trigger.KindThreshold }),
		"test":        {trigger.TestAlert(SampleTime)},
		"empty":       {{}},
		"links":       with(func(a *trigger.Alert) { a.Links, a.Runbook = Links("https://alerts.example.com", "XYZ"), "" }),
		"links-nas":   with(func(a *trigger.Alert) { a.Links = Links("http://nas:2021", "XYZ") }), // a host that some services take for no address
		"links-group": linked,
	}
}
