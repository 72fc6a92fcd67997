package admin

import (
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// TestATriggerOfMail makes a trigger of e-mail through the API, tries it, sends an alert, and shows and stores no password.
func TestATriggerOfMail(t *testing.T) {
	b := newBench(t, "")
	server := triggertest.NewMailServer(t, triggertest.MailClear)
	server.Username, server.Password = "alerts", "pa55word!x"
	server.Rcpt = func(to string) error {
		if strings.HasPrefix(to, "nobody@") {
			return triggertest.MailAnswer(550, "no such user")
		}
		return nil
	}
	const path = "/api/v1/triggers"
	mail := map[string]any{
		"name": "mail", "format": "email", "url": "smtp://" + server.Address, "starttls": "off", "username": "alerts", "password": "pa55word!x",
		"from": "a@example.com", "to": []string{"b@example.com"}, "rate": "0/s",
	}
	made := b.want(201, "POST", path, mail)
	if test := b.want(200, "POST", path+"/mail/test", nil); test.body["outcome"] != "delivered" || test.body["detail"] != "accepted for 1 recipient" {
		t.Errorf("test: %s", test.text)
	}
	b.flush("boom 1")
	b.eventually("the alert is in the mailbox", func() bool {
		all := server.Messages()
		return len(all) == 2 && all[1].User == "alerts" && strings.Contains(all[1].Data, "boom 1")
	})
	changed := b.want(200, "PATCH", path+"/mail", map[string]any{"to": []string{"b@example.com", "nobody@example.com"}}, "If-Match", made.header.Get("ETag"))
	test := b.want(200, "POST", path+"/mail/test", nil)
	if test.body["outcome"] != "delivered" || test.body["answer"] != "nobody@example.com: 5.1.1 no such user" {
		t.Errorf("with an unknown recipient: %s", test.text)
	}
	b.want(200, "PATCH", path+"/mail", map[string]any{"to": []string{"nobody@example.com"}}, "If-Match", changed.header.Get("ETag"))
	if test := b.want(200, "POST", path+"/mail/test", nil); test.body["outcome"] != "hold" || test.body["status"] != 550.0 {
		t.Errorf("with unknown recipients alone: %s", test.text)
	}
	for field, value := range map[string]any{"to": []string{"no address"}, "from": "x\r\nBcc: y@z", "starttls": "maybe", "url": "smtps://" + server.Address, "token": "t"} {
		bad := map[string]any{}
		for key := range mail {
			bad[key] = mail[key]
		}
		bad["name"], bad[field] = "other", value
		if r := b.want(422, "POST", path, bad); !strings.Contains(r.text, field) || strings.Contains(r.text, "pa55word") {
			t.Errorf("%s: %s", field, r.text)
		}
	}
	shown := b.want(200, "GET", path+"/mail", nil).text + b.want(200, "GET", "/api/v1/audit", nil).text + b.want(200, "GET", "/api/v1/stats", nil).text
	b.stop()
	triggertest.AssertNoSecret(t, []string{"pa55word!x"}, shown, b.log.String())
}
