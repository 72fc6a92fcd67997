package listen

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPublicURL(t *testing.T) {
	for address, want := range map[string]string{
		"https://alerts.example.org": "", "https://alerts.example.org/": "", "http://192.0.2.1:2021": "", "http://[2001:db8::1]:2021": "", "http://nas:2021": "",
		"alerts.example.org": "must be an address with https:// or http://", "ftp://a.example": "must be an address", "https://": "must be an address", "https://a b": "must be an address",
		"https://a.example/trigger": "must have nothing behind the host", "https://a.example?x=1": "must have nothing behind", "https://a.example/#x": "must have nothing behind",
		"https://user:s3cret@a.example": "must have nothing behind", "https://a.example>": "must be an address", "https://" + strings.Repeat("a", 200) + ".example": "at most 200 bytes",
	} {
		faults := Settings{PublicURL: address}.Validate()
		switch {
		case want == "" && len(faults) > 0:
			t.Errorf("%s: %v", address, faults)
		case want != "" && (len(faults) != 1 || faults[0].Field != "public_url" || !strings.Contains(faults[0].Error(), want)):
			t.Errorf("%s: %v, want %s", address, faults, want)
		case want != "" && strings.Contains(faults[0].Error(), "s3cret"):
			t.Errorf("a secret is shown: %v", faults[0])
		}
	}
	if faults := (Settings{Listen: Off, PublicURL: "https://a.example"}).Validate(); len(faults) != 1 || !strings.Contains(faults[0].Error(), "off") {
		t.Errorf("beside a listener that is off: %v", faults)
	}
	if got := (Settings{PublicURL: "https://a.example/"}).Public(); got != "https://a.example" {
		t.Errorf("%s", got)
	}
}

// TestAProxyWithTLS: the origin and the name of public_url are accepted although the listener speaks plain HTTP, and no others are. The cookie is for TLS alone.
func TestAProxyWithTLS(t *testing.T) {
	const public = "https://alerts.example.org"
	s := open(t, Settings{Listen: "127.0.0.1:0", PublicURL: public, Hosts: []string{"other.example"}}, nil)
	client, url := &http.Client{}, "http://"+s.Address().String()+"/x"
	for _, c := range []struct {
		header []string
		want   int
	}{
		{[]string{"Host", "alerts.example.org", "Origin", public}, 200},
		{[]string{"Host", "127.0.0.1:2021", "Origin", public}, 200}, // a proxy that does not pass the name on
		{[]string{"Host", "ALERTS.example.org"}, 200},
		{[]string{"Origin", "http://alerts.example.org"}, 403},
		{[]string{"Origin", public + ".evil.example"}, 403},
		{[]string{"Origin", public + ":444"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Origin", public, "Origin", "https://evil.example"}, 403},
		{[]string{"Host", "evil.example", "Origin", public}, 403},
	} {
		if status, _ := get(t, client, url, c.header...); status != c.want {
			t.Errorf("%v: %d, want %d", c.header, status, c.want)
		}
	}
	policy, err := Prepare(Options{Settings: Settings{Listen: "127.0.0.1:0", PublicURL: public}, Token: made, Access: testAccess})
	if err != nil {
		t.Fatal(err)
	}
	for origin, secure := range map[string]bool{public: true, "http://127.0.0.1:2021": false, "": false} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/login", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if _, refused := policy.Login(w, r, "", made); refused != nil {
			t.Fatal(refused)
		}
		if got := strings.Contains(w.Header().Get("Set-Cookie"), "Secure"); got != secure {
			t.Errorf("from %q: %s", origin, w.Header().Get("Set-Cookie"))
		}
	}
}
