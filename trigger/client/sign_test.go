package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// The library of the standard's authors verifies the requests, with each of the keys.
func TestSignaturesVerify(t *testing.T) {
	t.Parallel()
	type request struct {
		header http.Header
		body   []byte
	}
	arrived := make(chan request, 1)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- request{r.Header.Clone(), body}
	})
	s := testSettings(server.URL)
	s.SigningSecret, s.HubSecret = setting.SecretText(triggertest.Key1+" "+triggertest.Key2), setting.SecretText("hub key")
	if got := mustNew(t, s, loopback()).Send(t.Context(), "al_7", []trigger.Alert{triggertest.Sample()}); got.Outcome != trigger.Delivered {
		t.Fatal(got)
	}
	r := <-arrived
	for _, key := range []string{triggertest.Key1, triggertest.Key2} {
		hook, err := standardwebhooks.NewWebhook(key)
		if err != nil {
			t.Fatal(err)
		}
		if err := hook.Verify(r.body, r.header); err != nil {
			t.Errorf("key %s: %v", key, err)
		}
		if err := hook.Verify(append(r.body, ' '), r.header); err == nil {
			t.Error("a changed body verifies")
		}
	}
	if r.header.Get("Webhook-Id") != "al_7" || r.header.Get("Idempotency-Key") != "al_7" {
		t.Errorf("header %v", r.header)
	}
	mac := hmac.New(sha256.New, []byte("hub key"))
	mac.Write(r.body)
	if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); r.header.Get("X-Hub-Signature-256") != want {
		t.Errorf("hub signature %s, want %s", r.header.Get("X-Hub-Signature-256"), want)
	}
}

func TestSigningKeys(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		triggertest.Key1: 1, triggertest.Key1 + "\n" + triggertest.Key2 + "\n": 2, " ": 0, "secret-without-prefix": 0, "whsec_": 0, "whsec_c2hvcnQ=": 0, "whsec_???secretsecret": 0,
		triggertest.Key1 + " bad-secret": 0, strings.Repeat(triggertest.Key1+" ", 6): 0, "whsec_" + strings.Repeat("QUJD", 22): 0,
	} {
		keys, err := parseSigningKeys(setting.NewSecret(text))
		if len(keys) != want || (err == nil) != (want > 0) {
			t.Errorf("%q gives %d keys and %v, want %d", text, len(keys), err, want)
		}
		if err != nil {
			triggertest.AssertNoSecret(t, []string{"secret"}, err.Error())
		}
	}
}
