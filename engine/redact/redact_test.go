package redact

import (
	"strings"
	"sync/atomic"
	"testing"
)

// newRedactor returns a redactor with counters of its own.
func newRedactor(t testing.TB, s Settings) *Redactor {
	t.Helper()
	if faults := s.Validate(); len(faults) > 0 {
		t.Fatalf("settings: %v", faults)
	}
	r, err := New(s, func(string) *atomic.Int64 { return &atomic.Int64{} })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fake makes a secret of parts, so that scanners of repositories do not take it for a real one.
func fake(parts ...string) string { return strings.Join(parts, "") }

var letters = strings.Repeat("Ab3dEf6hIj9l", 20)

// secrets has, for lines, the part that must not be shown, with the name of its mask.
var secrets = []struct{ name, before, secret, after string }{
	{"aws-key", "using key ", fake("AKIA", "IOSFODNN7EXAMPLE"), " in eu-central-1"},
	{"aws-secret", "aws_secret_access_key = ", letters[:40], ""},
	{"gcp-key", `{"key":"`, fake("AIza", letters[:35]), `"}`},
	{"gcp-key", "oauth ", fake("ya29.", letters[:60]), " expired"},
	{"azure-key", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=", letters[:86] + "==", ";EndpointSuffix=core.windows.net"},
	{"azure-key", "GET https://a.blob.core.windows.net/c/b?sv=2022-11-02&sig=", letters[:43] + "%3D", "&se=2026-01-01"},
	{"azure-key", "client ", fake("abc", "8Q~", letters[:34]), " is invalid"},
	{"digitalocean-token", "t ", fake("dop_v1_", strings.Repeat("0a1b2c3d", 8)), ""},
	{"github-token", "remote: https://api.github.com used ", fake("ghp_", letters[:36]), ""},
	{"github-token", "t=", fake("github_pat_", letters[:22], "_", letters[:59]), " rejected"},
	{"gitlab-token", "(", fake("glpat-", letters[:20]), ")"},
	{"npm-token", "//registry.npmjs.org/:_authToken=", fake("npm_", letters[:36]), ""},
	{"pypi-token", "upload with ", fake("pypi-", letters[:120]), ""},
	{"rubygems-token", "push ", fake("rubygems_", strings.Repeat("0a1b2c", 8)), ""},
	{"docker-token", "login ", fake("dckr_pat_", letters[:27]), ""},
	{"slack-token", "send: ", fake("xoxb-", "123456789012-1234567890123-", letters[:24]), " invalid_auth"},
	{"webhook-url", "POST https://hooks.slack.com/services/", "T00000000/B00000000/" + letters[:24], ": 404"},
	{"webhook-url", `{"u":"https:\/\/hooks.slack.com\/services\/`, `T00000000\/B00000000\/` + letters[:24], `"}`},
	{"webhook-url", "https://discord.com/api/webhooks/123456789012345678/", letters[:60], " failed"},
	{"silence-link", "posted https://alerts.example.org/silence#ftl1_", letters[:100], " to the channel"},
	{"telegram-token", "https://api.telegram.org/bot", "1234567890:A" + letters[:34], "/sendMessage"},
	{"stripe-key", "stripe: ", fake("sk_live_", letters[:24]), ""},
	{"api-key", "Incorrect API key provided: ", fake("sk-proj-", letters[:40]), "."},
	{"jwt", "claims of ", fake("eyJhbGciOiJIUzI1NiJ9", ".", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", ".", letters[:43]), " expired"},
	{"private-key", "loaded ", "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n" + letters + "\n-----END RSA PRIVATE KEY-----", "\nnext"},
	{"private-key", `{"pem":"`, `-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC` + letters + `\n-----END PRIVATE KEY-----`, `\n"}`},
	{"authorization", "> Authorization: Bearer ", letters[:30], ""},
	{"authorization", `headers={"Authorization":"Basic `, "dXNlcjpodW50ZXIy", `"}`},
	{"authorization", `{\"authorization\":[\"Token `, letters[:40], `\"]}`},
	{"authorization", "map[Authorization:[Bearer ", letters[:20], "] Accept:[*/*]]"},
	{"authorization", "sent bearer ", letters[:24], " to peer"},
	{"cookie", "> Cookie: ", "session=" + letters[:32] + "; theme=dark", ""},
	{"url-password", "dial postgres://app:", "hunter2", "@db:5432/shop failed"},
	{"url-password", "dial postgres://app:", "p@ss:w0rd", "@db:5432/shop failed"},
	{"url-password", "redis://:", "hunter2", "@cache/0"},
	{"url-password", `{"dsn":"amqp:\/\/guest:`, "hunter2", `@mq\/"}`},
	{"url-password", "open root:", "hunter2", "@tcp(127.0.0.1:3306)/db"},
	{"password", "login user=ann password=", "hunter2", " from 10.0.0.1"},
	{"password", "DB_PASSWORD=", "hunter2,and&more", " DB_HOST=db"},
	{"password", "MYSQL_ROOT_PASSWORD: ", "letmein", ""},
	{"password", `{"user":"ann","password":"`, "correct horse, battery", `","n":1}`},
	{"password", `{"user":"ann","password":"`, `qu\"ote`, `","n":1}`},
	{"password", `{"log":"{\"password\":\"`, "hunter 2", `\",\"n\":1}"}`},
	{"password", `{"log":"{\"password\":\"`, `qu\\\"ote`, `\",\"n\":1}"}`},
	{"password", "config: passwd: '", "it is secret", "' port: 1"},
	{"password", "x-api-key: ", "0123456789abcdef", " accept: */*"},
	{"password", "client_secret=", "a1b2c3d4e5f6", "&grant_type=refresh"},
	{"password", "run mysql --password ", "hunter2", " -h db"},
	{"password", "run tool --auth-token=", "hunter2", " up"},
	{"password", "ALTER USER ann IDENTIFIED BY '", "hunter2", "'"},
	{"card-number", "charge ", "4111 1111 1111 1111", " declined"},
	{"card-number", "pan=", "5500005555555559", ", cvc ok"},
	{"card-number", "amex ", "3782-822463-10005", "."},
}

func TestSecretsAreMasked(t *testing.T) {
	r := newRedactor(t, DefaultSettings())
	for _, one := range secrets {
		line := one.before + one.secret + one.after
		var tally Tally
		got := r.Text(line, &tally)
		if want := one.before + maskOf(one.name) + one.after; got != want {
			t.Errorf("%q\n got  %q\n want %q", line, got, want)
		}
		if tally[one.name] != 1 || len(tally) != 1 {
			t.Errorf("%q: tally %v, want one %s", line, tally, one.name)
		}
		if again := r.Text(got, nil); again != got {
			t.Errorf("masked again: %q became %q", got, again)
		}
	}
}

// TestOrdinaryLinesStay has ordinary lines that look like secrets.
func TestOrdinaryLinesStay(t *testing.T) {
	r := newRedactor(t, DefaultSettings())
	for _, line := range []string{
		"Failed password for invalid user admin from 10.0.0.1 port 22 ssh2",
		"Invalid password: too short",
		"password: required",
		"password=**** user=ann", "password=<hidden>", "password=${DB_PASSWORD}", `"password":null`, `"password":""`, "password={{ .Password }}",
		"unexpected token: expected ')' in line 3", "token=EOF", "unexpected token '}' at position 12", "max_tokens=4096 total_tokens: 12345",
		"secret \"default-token-x7k2f\" not found", "passwd: user unknown", "pam_unix(passwd:chauthtok): password changed for ann", `"token" : "0x600464c"`,
		"pass=12 fail=0", "PWD=/usr/src/app OLDPWD=/",
		"Authorization: failed for user bob", "authorization denied", "Basic authentication is required", "bearer token required", "Bearer error",
		"GET http://shop:8080/cart@latest 200", "http://10.0.0.1:80/a:b@c", "git@github.com:a/b.git", "user@example.com logged in",
		"order 4111111111111112 created", "at 1764480000123456789 ns", "trace 4532015112830366123", "id=550e8400-e29b-41d4-a716-446655440000",
		"ratio 0.4111111111111111", "sha256:4111111111111111aa", "version 4111111111111111-rc1",
		"cookie: none set", "set-cookie header is missing", "task-sk-runner started", "the skeleton eyJust began", "AKIA is a prefix",
		"key=primary value=1", "apikey missing", "retry in 5s: token bucket empty", "-----BEGIN CERTIFICATE-----",
	} {
		if got := r.Text(line, nil); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
}

func TestAnEmailAddressIsMaskedOnRequest(t *testing.T) {
	r := newRedactor(t, Settings{Email: true})
	if got, want := r.Text("mail to ann.lee+x@mail.example.com, bounced", nil), "mail to [redacted:email], bounced"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPatternsOfTheConfiguration(t *testing.T) {
	r := newRedactor(t, Settings{Patterns: []string{`sess-[0-9a-f]+`, `customer (?P<customer_id>\d+)`}})
	var tally Tally
	got := r.Text("sess-0a1b of customer 4711 and customer 4712", &tally)
	if want := "[redacted:custom] of customer [redacted:customer-id] and customer [redacted:customer-id]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if tally["custom"] != 1 || tally["customer-id"] != 2 {
		t.Errorf("tally %v", tally)
	}
}

func TestNothingIsMaskedWithoutForms(t *testing.T) {
	r := newRedactor(t, Settings{})
	if r != nil {
		t.Fatal("a redactor without forms")
	}
	if got := r.Text("password=hunter2", nil); got != "password=hunter2" {
		t.Errorf("got %q", got)
	}
	r.Count(Tally{"password": 1})
}

func TestBadSettings(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		message  string
	}{
		{[]string{""}, "empty text"},
		{[]string{`a*`}, "matches the empty text"},
		{[]string{`(`}, "must be a regular expression"},
		{[]string{`(?P<a>x)(?P<b>y)`}, "at most one named group"},
		{[]string{`(?P<` + strings.Repeat("a", 33) + `>x)`}, "at most 32 bytes"},
		{[]string{strings.Repeat("a", 1025)}, "at most 1024 bytes"},
		{make([]string, 101), "at most 100 patterns"},
	} {
		s := Settings{Patterns: append([]string{"sound"}, c.patterns...)}
		faults := s.Validate()
		if len(faults) == 0 || !strings.Contains(faults[0].Error(), c.message) {
			t.Errorf("%.40q: %v, want %q", c.patterns, faults, c.message)
		}
		kept := s.Sound()
		if !kept.Builtin || len(kept.Patterns) != 1 || kept.Patterns[0] != "sound" {
			t.Errorf("%.40q: sound settings are %+v", c.patterns, kept)
		}
	}
}

func TestValuesOfNamesThatNameSecrets(t *testing.T) {
	r := newRedactor(t, DefaultSettings())
	for _, c := range []struct{ name, value, want string }{
		{"db.password", "hunter two", "[redacted:password]"},
		{"newPassword", "x1", "[redacted:password]"},
		{"auth_token", "0123456789a", "[redacted:password]"},
		{"token", "EOF", "EOF"},
		{"password", "null", "null"},
		{"password", "[redacted:password]", "[redacted:password]"},
		{"password", "[redacted:hunter2]", "[redacted:password]"},
		{"user", "ann", "ann"},
		{"url", "http://u:hunter2@h", "http://u:[redacted:url-password]@h"},
	} {
		if got := r.Value(c.name, c.value, false, nil); got != c.want {
			t.Errorf("%s=%q: got %q, want %q", c.name, c.value, got, c.want)
		}
	}
}

// TestEveryCutOfALineHidesTheSecret cuts each line at every place within its secret.
func TestEveryCutOfALineHidesTheSecret(t *testing.T) {
	r := newRedactor(t, DefaultSettings())
	for _, one := range secrets {
		if one.name == "card-number" || strings.ContainsAny(one.secret, " ,&\\") {
			continue // a receipt shows as many digits; the words of a secret with spaces are checked below
		}
		line := one.before + one.secret
		for n := len(one.before) + 6; n < len(line); n++ {
			got := strings.ReplaceAll(r.CutText(line[:n], nil), maskOf(one.name), "")
			if i := strings.Index(got, line[len(one.before):n][:6]); i >= 0 {
				t.Errorf("%q cut at %d shows the beginning of its secret: %q", line, n, got)
				break
			}
		}
	}
	if got := r.CutText(`{"password":"correct horse batt`, nil); got != `{"password":"[redacted:password]` {
		t.Errorf("got %q", got)
	}
}

// TestAnyPartOfALineHidesTheSecret shows parts of lines, as captures do.
func TestAnyPartOfALineHidesTheSecret(t *testing.T) {
	r := newRedactor(t, DefaultSettings())
	for _, one := range secrets {
		line := []byte(one.before + one.secret + one.after)
		spans := r.Find(line, false, nil)
		for begin := range line {
			end := min(len(line), begin+8)
			got := string(r.AppendMasked(nil, line, begin, end, spans))
			from, to := max(begin, len(one.before)), min(end, len(one.before)+len(one.secret))
			if from < to && !strings.Contains(got, maskOf(one.name)) {
				t.Fatalf("%q from %d to %d: %q", line, begin, end, got)
			}
		}
	}
}

// TestAMaskCannotBeForged has lines that write masks themselves: what is within such a text is masked like any other.
func TestAMaskCannotBeForged(t *testing.T) {
	r := newRedactor(t, DefaultSettings())
	key := fake("AKIA", "IOSFODNN7EXAMPLE")
	for _, line := range []string{
		"[redacted:" + key + "]", "[redacted:aws-key" + " " + key + "]", "password=[redacted:password" + key, "[redacted:aws-key]" + " " + key,
		"password=[redacted:password] " + key,
	} {
		if got := r.Text(line, nil); strings.Contains(got, key) {
			t.Errorf("%q became %q", line, got)
		}
	}
}

// BenchmarkText masks lines of two kinds: ordinary ones, and one with two secrets.
func BenchmarkText(b *testing.B) {
	r := newRedactor(b, DefaultSettings())
	for name, line := range map[string]string{
		"ordinary": `2026-11-26T11:27:14.123Z level=error logger=payments trace=4bf92f3577b34da6a3ce929d0e0e4736 msg="dial 10.0.0.7:5432: connect: ` +
			`connection refused after 5s" attempt=3 order=4711 user=ann`,
		"secrets": `2026-11-26T11:27:14.123Z level=error msg="login" password=hunter2 url=postgres://app:hunter2@db/shop`,
		"longest": strings.Repeat(`level=info msg="a request" token=EOF http://a:80/b `, 1<<16/51),
		"hostile": strings.Repeat(`http://a:a:a:`, 1<<16/13),
	} {
		text := []byte(line)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			var spans []Span
			for b.Loop() {
				spans = r.Find(text, false, spans[:0])
			}
		})
	}
}

func FuzzMask(f *testing.F) {
	for _, one := range secrets {
		f.Add(one.before+one.secret+one.after, false)
		f.Add(one.before+one.secret, true)
	}
	r := newRedactor(f, Settings{Builtin: true, Email: true, Patterns: []string{`redacted`, `\d{5}`}})
	f.Fuzz(func(t *testing.T, line string, cut bool) {
		text := []byte(line)
		end := 0
		for _, s := range r.Find(text, cut, nil) {
			if s.Begin < end || s.End <= s.Begin || s.End > len(text) {
				t.Fatalf("%q: span %+v behind %d", line, s, end)
			}
			end = s.End
			if s.form >= 0 && strings.Contains(r.Mask(s), "\n") {
				t.Fatalf("mask %q", r.Mask(s))
			}
		}
		once := r.text(line, cut, nil)
		if len(once) > len(line)*len("[redacted:digitalocean-token]")+1 {
			t.Fatalf("%q grew to %q", line, once)
		}
	})
}
