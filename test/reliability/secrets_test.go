package reliability

import (
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // looks at the store's rows

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// vault makes secrets and finds them again, however they are written. Each holds a core of letters and digits, which no percent, JSON or HTML
// encoding changes.
type vault struct {
	random  *rand.Rand
	needles map[string]string // what to look for → whose it is
	count   int
}

func newVault() *vault {
	return &vault{random: rand.New(rand.NewPCG(7, 7)), needles: map[string]string{}}
}

// core returns a new word.
func (v *vault) core(whose string) string {
	const letters = "ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz23456789"
	core := make([]byte, 18)
	for i := range core {
		core[i] = letters[v.random.IntN(len(letters))]
	}
	v.hide(whose, string(core))
	return string(core)
}

// hide looks for a text from now on: as it is, in hexadecimal, and in base64 at every alignment.
func (v *vault) hide(whose, text string) {
	v.count++
	v.needles[text] = whose
	v.needles[hex.EncodeToString([]byte(text))] = whose + ", in hexadecimal"
	for skip, cut := range []int{0, 2, 3} {
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			coded := encoding.EncodeToString(append(make([]byte, skip), text...))
			v.needles[coded[cut:len(coded)-2]] = whose + ", in base64"
		}
	}
}

// key returns a signing key.
func (v *vault) key(whose string) string {
	text := base64.StdEncoding.EncodeToString([]byte(v.core(whose) + v.core(whose)))
	v.needles[text] = whose
	return "whsec_" + text
}

// leaks reports every secret in a text.
func (v *vault) leaks(t *testing.T, where, text string) {
	t.Helper()
	for needle, whose := range v.needles {
		if at := strings.Index(text, needle); at >= 0 {
			t.Errorf("%s holds the secret %s: …%q…", where, whose, text[max(0, at-100):min(len(text), at+len(needle)+20)])
		}
	}
}

// secretive is a configuration with a secret in every place there is, and triggers that all fail.
func secretive(r *rig, v *vault, server *receiver.Server, broken *receiver.Server) string {
	file := func(name, text string) string { return r.write(name, text+"\n") }
	address := func(trigger, path string) string {
		return server.URL(fmt.Sprintf("/%s/%s?key=%s&sig=%s", path, v.core(trigger+"'s path"), v.core(trigger+"'s query"), v.core(trigger+"'s signature")))
	}
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("[egress]\nallow = [\"127.0.0.1/32\"]\n[limits]\nper_container = { rate = \"0/s\", burst = 1 }")
	p("[delivery]\nretry_min = \"100ms\"\nretry_max = \"300ms\"\nprobe_interval = \"1s\"")
	p("[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\ncooldown = \"0s\"")
	trigger := func(name, format string) {
		p("[[trigger]]\nname = %q\nformat = %q\ntimeout = \"1s\"\nretries = 1", name, format)
	}
	for _, path := range []string{"400", "401", "404", "410", "429", "500", "302", "reset", "hang", "truncate", "lies"} {
		trigger("all-"+path, "generic")
		p("url = %q", address("all-"+path, path))
		p("headers = { X-Key = %q, X-Auth = %q }", v.core("header"), "Bearer "+v.core("bearer in a header"))
		p("username = \"user\"\npassword = %q", "p&+ %\"é"+v.core("password"))
		p("signing_secret = %q", v.key("signing key")+" "+v.key("second signing key"))
		p("hub_secret = %q", v.core("hub secret"))
	}
	trigger("files", "generic")
	p("url_file = %q", file("url", address("url_file", "500")))
	p("header_files = { X-File = %q }", file("header", v.core("header_files")))
	p("username = \"user\"\npassword_file = %q", file("password", v.core("password_file")))
	p("signing_secret_file = %q\nhub_secret_file = %q", file("signing", v.key("signing_secret_file")), file("hub", v.core("hub_secret_file")))
	p("proxy_url_file = %q", file("proxy", "http://user:"+v.core("proxy_url_file")+"@"+server.Addr()))

	trigger("environment", "generic")
	env := func(name, value string) string {
		r.env = append(r.env, name+"="+value)
		return name
	}
	p("url_env = %q", env("SECRETIVE_URL", address("url_env", "400")))
	p("header_env = { X-Env = %q }", env("SECRETIVE_HEADER", v.core("header_env")))
	p("token_env = %q", env("SECRETIVE_TOKEN", v.core("token_env")))

	trigger("telegram", "telegram")
	p("url = %q\ntoken = %q\nchat_id = \"1\"", server.URL("/404"), "123456:"+v.core("telegram's token"))
	trigger("telegram-400", "telegram")
	p("url = %q\ntoken = %q\nchat_id = \"1\"", server.URL("/400"), "123457:"+v.core("telegram's other token"))
	trigger("pagerduty", "pagerduty")
	p("url = %q\nrouting_key = %q", server.URL("/400"), v.core("routing_key"))
	trigger("gotify", "gotify")
	p("url = %q\ntoken = %q", server.URL("/400"), v.core("gotify's token"))
	trigger("opsgenie", "opsgenie")
	p("url = %q\ntoken = %q", server.URL("/400"), v.core("opsgenie's token"))
	trigger("ntfy", "ntfy")
	p("url = %q\ntopic = \"alerts\"\ntoken = %q", server.URL("/500"), v.core("ntfy's token"))

	mails := triggertest.NewMailServer(r.t, triggertest.MailClear)
	mails.Username, mails.Password = "user", "another one" // so it refuses each login, and repeats the credentials
	trigger("mail", "email")
	p("url = \"smtp://%s\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\nstarttls = \"off\"", mails.Address)
	p("username = \"user\"\npassword = %q", v.core("password at the mail server"))

	trigger("proxy", "generic")
	p("url = %q\nproxy_url = %q", address("behind a proxy", "500"), "http://user:"+v.core("proxy's password")+"@"+server.Addr())
	trigger("no-proxy", "generic")
	p("url = %q\nproxy_url = %q", address("behind no proxy", "500"), "socks5://user:"+v.core("socks password")+"@"+broken.Addr())
	trigger("nobody", "generic")
	p("url = %q", broken.URL("/"+v.core("path of nobody")))
	trigger("no-tls", "generic")
	p("url = \"https://%s/%s\"", server.Addr(), v.core("path without TLS"))
	trigger("no-name", "generic")
	p("url = \"https://no-such-host.invalid/%s?%s\"", v.core("path of no host"), v.core("query of no host"))
	trigger("refused", "generic")
	p("url_env = %q", env("SECRETIVE_REFUSED", "http://ip6-localhost:1/"+v.core("path of a refused host")))
	return b.String()
}

// echo fails in the way that the path names, and repeats the request wherever an answer has room for it.
func echo(r receiver.Request) receiver.Reply {
	all := fmt.Sprintf("%s %s\n%v\n%s", r.Method, r.Path, r.Header, r.Body)
	reply := receiver.Reply{Body: all, Header: http.Header{"X-Echo": {r.Path}}}
	word, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/"), "/")
	switch word {
	case "reset":
		reply.Reset = true
	case "hang":
		reply.Hang = true
	case "truncate":
		reply.Status, reply.Truncate = 500, true
	case "lies":
		reply.Status, reply.Body = 503, `{"ok":true,"parameters":{"retry_after":`+r.Path+`}}`
	default:
		reply.Status = 500
		if _, err := fmt.Sscanf(word, "%d", &reply.Status); err != nil || reply.Status < 300 {
			reply.Status = 407 // what a proxy is asked
		}
	}
	reply.Header.Set("Location", r.Path)
	reply.Header.Set("Retry-After", r.Path)
	reply.Header.Set("WWW-Authenticate", "Basic realm="+fmt.Sprintf("%q", r.Header.Get("Authorization")))
	return reply
}

// secretLine finds the lines of a configuration that hold a secret as one text.
var secretLine = regexp.MustCompile(`(?m)^(url|password|signing_secret|hub_secret|token|routing_key|proxy_url|headers) = (.*)$`)

// mutations breaks a configuration near each of its secrets, in the ways that people do.
func mutations(text string) []string {
	var all []string
	for _, at := range secretLine.FindAllStringSubmatchIndex(text, -1) {
		key, value := text[at[2]:at[3]], text[at[4]:at[5]]
		bare := strings.Trim(value, `"`)
		for _, line := range []string{
			key + " = " + strings.TrimSuffix(value, `"`),
			key + " = " + strings.TrimPrefix(value, `"`),
			key + " = " + bare,
			key + " = '" + bare,
			key + ` = """` + bare,
			key + " = " + value + "\n" + key + " = " + value,
			key + "s = " + value, key + "x = " + value, strings.ToUpper(key) + " = " + value,
			key + " = [" + value + "]", key + " = [[" + value, key + " = { " + key + " = " + value + " }", key + " = { " + value + " }",
			key + " = " + value + " " + value, key + " " + value, key + ": " + value, "= " + value, value, bare,
			key + ` = "\q` + bare + `"`, key + ` = "\ud800` + bare + `"`, key + ` = "` + bare + `\u0007"`, key + ` = "` + bare + ` "`,
			key + " = \"\xff" + bare + `"`, key + ` = "ftp://` + bare + `"`, key + ` = "http://[` + bare + `"`, key + ` = "http://` + bare + `:x@host/"`,
			key + ` = "http://host:` + bare + `/"`, key + ` = "` + bare + "\x00\"", key + "_file = " + value, key + "_env = " + value,
			key + " = 1" + bare, key + " = 99999999999999999999999",
			"body = '{\"x\": \"' + " + value, "body = '{\"x\": " + bare + "}'",
			"[egress]\n" + key + " = " + value, "[[rule]]\n" + key + " = " + value, "[delivery." + key + "]\n" + key + " = " + value,
			"[[trigger]]\n" + key + " = " + value, "[trigger]\n" + key + " = " + value, "[[trigger]]\nname = \"all-400\"\n" + key + " = " + value,
		} {
			all = append(all, text[:at[0]]+line+text[at[1]:])
		}
		if strings.ContainsAny(bare, ":/%{") { // any other text may be the key that somebody meant
			all = append(all, text[:at[0]]+value+" = "+key+text[at[1]:], text[:at[0]]+value+" = 1"+text[at[1]:])
		}
		all = append(all, key+" = "+value+"\n"+text)
	}
	return all
}

// TestNoSecretIsTold runs the plugin with secrets in every place, at verbosity debug, against receivers that fail in every way and repeat
// what they got, with configurations broken near each secret, and then looks for the secrets in all that was written but the requests.
func TestNoSecretIsTold(t *testing.T) {
	server, nobody := receiver.New(t), receiver.New(t)
	nobody.Stop()
	server.SetBehaviour(receiver.BehaviourFunc(echo))
	r, v := newRig(t), newVault()
	text := secretive(r, v, server, nobody)
	config, path := r.write("rules.toml", text), filepath.Join(r.dir, "one.db")
	r.start(config, path)
	r.feed("one", "boom 1", "boom 2")
	r.until("every trigger failed", func() bool {
		failed := 0
		for line := range strings.Lines(r.cli("queue", "list", "--store", path)) {
			words := strings.Fields(line)
			if len(words) >= 6 && !strings.HasPrefix(words[0], "al_") && (words[3] != "0" || words[5] != "works") {
				failed++
			}
		}
		return failed > len(secretTriggers(text)) // and the heading
	})
	// Some of the broken configurations at hot reloads, with requests under way.
	broken := mutations(text)
	for n := 0; n < len(broken); n += len(broken) / 25 {
		r.write("rules.toml", broken[n])
		r.do("reload")
		r.feed("one", "boom again")
	}
	r.write("rules.toml", text)
	r.do("reload")
	r.feed("one", "boom 3")
	r.until("there are dead letters", func() bool { return strings.Contains(r.cli("queue", "list", "--store", path), "all-400") })
	storeLeaks(t, v, path)

	printed := r.cli("queue", "list", "--store", path) + r.cli("check", config)
	for id := range strings.FieldsSeq(printed) {
		if strings.HasPrefix(id, "al_") {
			printed += r.cli("queue", "show", "--store", path, id)
		}
	}
	v.leaks(t, "the command line", printed)
	for _, trigger := range secretTriggers(text) {
		out := r.cli("triggers", "test", "-c", config, trigger)
		if !strings.Contains(out, `trigger "`+trigger+`"`) || strings.Contains(out, "delivered") {
			t.Errorf("triggers test %s: %s", trigger, out)
		}
		v.leaks(t, "triggers test "+trigger, out)
	}
	r.stop()
	log := r.host.Log().String()
	v.leaks(t, "the log", log)
	storeLeaks(t, v, path)
	t.Logf("%d secrets, %d forms looked for, %d triggers, %d requests, %d bytes of log", v.count, len(v.needles),
		len(secretTriggers(text)), server.Len(), len(log))
	if !strings.Contains(log, "[ warn]") || server.Len() < 30 {
		t.Error("too little happened")
	}
}

// TestNoSecretIsToldOfBrokenConfigurations loads every broken configuration from each source.
func TestNoSecretIsToldOfBrokenConfigurations(t *testing.T) {
	server := receiver.New(t)
	r, v := newRig(t), newVault()
	text := secretive(r, v, server, server)
	r.write("rules.toml", text)
	if problems := config.Load(config.Sources{Inline: text}).Problems; len(problems) > 0 {
		t.Fatalf("unbroken: %v", problems[0])
	}
	broken := mutations(text)
	quiet := 0
	for n, text := range broken {
		// One in ten from a file, since each is the same code after the reading.
		sources := config.Sources{Inline: text}
		if n%10 == 0 {
			sources = config.Sources{Files: []string{r.write("rules.toml", text)}}
		}
		problems := config.Load(sources).Problems
		for _, problem := range problems {
			v.leaks(t, "a problem", problem.Error())
			v.leaks(t, "a problem", fmt.Sprintf("%+v", problem))
		}
		if len(problems) == 0 {
			quiet++
		}
	}
	if quiet > len(broken)/4 {
		t.Errorf("%d of %d configurations are not broken", quiet, len(broken))
	}
	out := r.cli("check", r.write("rules.toml", broken[0]))
	if !strings.Contains(out, "rules.toml:") {
		t.Errorf("check says %q", out)
	}
	v.leaks(t, "check", out)
	v.leaks(t, "the settings", fmt.Sprintf("%+v %#v", config.Load(config.Sources{Inline: text}).Settings, config.Load(config.Sources{Inline: text}).Settings))
	t.Logf("%d broken configurations, %d of them fine after all", len(broken), quiet)
}

func secretTriggers(text string) []string {
	var names []string
	for _, part := range strings.Split(text, "[[trigger]]\nname = \"")[1:] {
		name, _, _ := strings.Cut(part, `"`)
		names = append(names, name)
	}
	return names
}

// cli runs the command line in the environment of the host and returns all that it writes.
func (r *rig) cli(args ...string) string {
	r.t.Helper()
	cmd := exec.Command(built(r.t).cli, args...)
	cmd.Env = append(os.Environ(), r.env...)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		r.t.Fatal(err)
	}
	return string(out)
}

// storeLeaks looks through the store's files and rows.
func storeLeaks(t *testing.T, v *vault, path string) {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	must(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		v.leaks(t, filepath.Base(file), string(content))
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	must(t, err)
	defer func() { must(t, db.Close()) }()
	rows := 0
	for _, table := range column(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
		for _, name := range column(t, db, fmt.Sprintf("SELECT name FROM pragma_table_info('%s')", table)) {
			for _, value := range column(t, db, fmt.Sprintf("SELECT coalesce(CAST(%s AS TEXT), '') FROM %s", name, table)) {
				rows++
				v.leaks(t, "the column "+table+"."+name, value)
			}
		}
	}
	if rows < 100 {
		t.Errorf("the store holds %d values only", rows)
	}
}

func column(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.Query(query)
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	var all []string
	for rows.Next() {
		var value string
		must(t, rows.Scan(&value))
		all = append(all, value)
	}
	must(t, rows.Err())
	return all
}
