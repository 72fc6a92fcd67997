package redact

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
)

// The names of masks that other files refer to.
const (
	passwordName   = "password"
	privateKeyName = "private-key"
)

// builtinForms are the secrets that are always looked for, most particular first: of two that begin at one place and are equally long, the first names the
// mask. The formats are those that the services document. Names have no digits, because templates mask digits.
//
// Expressions avoid large counted repetitions, so that hostile lines stay cheap.
var builtinForms = []struct {
	name, expr string
	sound      func(text []byte, begin, end int) (int, bool)
}{
	{privateKeyName, `-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s\\:,.()@_-]*`, pemBlock},
	{privateKeyName, `\bAGE-SECRET-KEY-1[0-9A-Z]{50,}`, nil},

	// Cloud providers.
	{"aws-key", `\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b`, nil},
	{"aws-secret", `(?i)aws.{0,20}?(?:secret|session).{0,20}?["'\s:=]([A-Za-z0-9/+]{40,}=*)`, mixed},
	{"gcp-key", `\bAIza[A-Za-z0-9_-]{35}`, nil},
	{"gcp-key", `\b(?:ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,})`, nil},
	{"azure-key", `(?i)\b(?:AccountKey|SharedAccessKey|SharedSecret)\\?["']?\s*[:=]\s*\\?["']?([A-Za-z0-9+/]{32,}={0,2})`, nil},
	{"azure-key", `[?&](?:amp;)?sig=([A-Za-z0-9%+/=_-]{30,})`, nil},
	{"azure-key", `\b[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}`, nil},
	{"digitalocean-token", `\bdo[opr]_v1_[a-f0-9]{40,}`, nil},

	// Code, packages, containers.
	{"github-token", `\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})`, nil},
	{"gitlab-token", `\bgl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct|wt)-[A-Za-z0-9_.=-]{20,}`, nil},
	{"npm-token", `\bnpm_[A-Za-z0-9]{30,}`, nil},
	{"pypi-token", `\bpypi-[A-Za-z0-9_-]{40,}`, nil},
	{"rubygems-token", `\brubygems_[a-f0-9]{40,}`, nil},
	{"docker-token", `\bdckr_[po]at_[A-Za-z0-9_-]{20,}`, nil},

	// Messages, payments, and other services.
	{"slack-token", `\b(?:xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,})`, nil},
	{"webhook-url", `\bhooks\.slack\.com\\?/(?:services|workflows|triggers)\\?/([A-Za-z0-9+/\\_-]{20,})`, nil},
	{"webhook-url", `\bdiscord(?:app)?\.com\\?/api\\?/webhooks\\?/[0-9]+\\?/([A-Za-z0-9_-]{20,})`, nil},
	{"webhook-url", `\bwebhook\.office\.com\\?/webhookb2\\?/([A-Za-z0-9@/\\_-]{20,})`, nil},
	{"silence-link", `\bftl1_([A-Za-z0-9_-]{40,})`, nil}, // of this program's messages: see internal/links
	{"telegram-token", `(?:\b|bot)([0-9]{8,10}:A[A-Za-z0-9_-]{34})\b`, nil},
	{"stripe-key", `\b(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/]{20,}=*)`, nil},
	{"api-key", `\bsk-(?:ant-|proj-|svcacct-|admin-|or-v1-)[A-Za-z0-9_-]{20,}`, nil},
	{"api-key", `\bsk-[A-Za-z0-9]{32,}`, nil},
	{"api-key", `\bhf_[A-Za-z0-9]{30,}`, nil},
	{"api-key", `\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`, nil},
	{"api-key", `\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}`, nil},
	{"api-key", `\bhv[sbr]\.[A-Za-z0-9_-]{20,}`, nil},
	{"api-key", `\b(?:glsa|glc)_[A-Za-z0-9+/_]{30,}=*`, nil},
	{"api-key", `\bdapi[a-f0-9]{32}`, nil},
	{"api-key", `\bATATT3[A-Za-z0-9_=-]{20,}`, nil},
	{"api-key", `\blin_api_[A-Za-z0-9]{20,}`, nil},
	{"api-key", `\bNRAK-[A-Z0-9]{20,}`, nil},
	{"jwt", `\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*`, nil},

	// Forms that any service uses.
	{"authorization", `(?i)\bauthorization\\?["']?\s*[:=]\s*\[?\\?["']?(?:(?:basic|bearer|token|digest|negotiate|ntlm|apikey|bot|splunk|key)\s+)?([A-Za-z0-9._~+/=|:-]{8,})`, credential},
	{"authorization", `(?i)\bauthorization\\?["']?\s*[:=]\s*\[?\\?["']?(?:digest|aws4-hmac-sha256)\s([^"\\\r\n]*(?:"[^"\\\r\n]*")*[^"\\\r\n]*)`, nil},
	{"authorization", `(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{12,})`, credential},
	{"authorization", `(?i)\bbasic\s+([A-Za-z0-9+/_-]{6,}={0,2})`, basicLogin},
	{"cookie", `(?i)\b(?:set-)?cookie\\?["']?\s*[:=]\s*\[?\\?["']?([A-Za-z0-9!#$%&*+.^_|~-]+=[^"'\\\r\n]+)`, nil},
	{"url-password", `(?i)\b[a-z][a-z0-9+.-]*:(?:\\?/){2}[^\s/:@"'<>\\]*:([^\s/"'<>\\]+)@`, nil},
	{"url-password", `\b[A-Za-z0-9_.-]+:([^\s/:"']+)@(?:tcp|udp|unix)\(`, nil},
	{passwordName, `(?i)` + passwordKey + assignment, assigned},
	{passwordName, `(?im)` + passwordKey + `\\?["']?:[ \t]+([^\s"'\\,;)\]}<>]+)[,;)\]}]*[ \t\r]*$`, assigned},
	{passwordName, `(?i)` + passKey + assignment, assignedPass},
	{passwordName, `(?i)` + tokenKey + assignment, assignedToken},
	{passwordName, `(?i)` + tokenKey + `\\?["']?:[ \t]+([^\s"'\\,;&)\]}<>]{8,})`, assignedToken},
	{passwordName, `(?i)\B--?(?:[a-z0-9-]*-)?(?:password|passwd|passphrase|token|secret|api-key|access-key|secret-key)(?:=|\s+)["']?([^\s"'-][^\s"']*)`, assigned},
	{passwordName, `(?i)\b(?:identified\s+(?:with\s+\S+\s+)?by|(?:encrypted\s+|with\s+)password|set\s+password\s*(?:=|to))\s+'([^']+)`, nil},

	{"card-number", `\b[2-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}\b|\b3[0-9]{3}[ -]?[0-9]{6}[ -]?[0-9]{4,5}\b`, cardNumber},
}

// Parts of the expressions of assignments. A key may have words before it, as in DB_PASSWORD, and quotes around it, which a JSON string may escape. An
// assignment with "=" is recognized anywhere, one with ":" and a space only with a quoted value or at the end of a line: in prose the next word is mostly no
// secret.
const (
	passwordKey = `(?:password|passwd|passphrase|passwort)`
	passKey     = `(?:\bpass|_pass|\bpwd|_pwd)`
	tokenKey    = `(?:secret|token|(?:api|access|secret|private|account|encryption|signing)[_-]?key|credentials?)`
	quoted      = `(?:\\"((?:[^"\\]|\\\\\\"|\\[^"])+)|"((?:[^"\\]|\\.)+)|'([^'\r\n]+))`
	bare        = `([^\s"'\\,;&)\]}<>(]+)`
	assignment  = `\\?["']?(?:\s*(?::=|=>|=|:)\s*` + quoted + `|(?:\s*(?::=|=>|=)\s*|:)` + bare + `)`
)

// builtin has the forms that are always looked for. All redactors share them, and what they compile.
var builtin = sync.OnceValue(func() []form {
	forms := make([]form, len(builtinForms))
	for i, b := range builtinForms {
		forms[i] = form{name: b.name, expr: b.expr, re: lazy(b.expr), group: 1, sound: b.sound}
	}
	return forms
})

// builtinSet is the set of the built-in forms alone, which most redactors have.
var builtinSet = sync.OnceValue(func() *match.Set { return setOf(builtin()) })

// email returns the form of e-mail addresses.
func email() form {
	const expr = `[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}\b`
	return form{name: "email", expr: expr, re: lazy(expr)}
}

// lazy compiles a sound expression when it is first called.
func lazy(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// pemBlock ends a private key behind the last line of the last key in the match, so that one of several is not missed. A key without such a line was
// cut: all of the match is masked.
func pemBlock(text []byte, begin, end int) (int, bool) {
	key := text[begin:end]
	last := bytes.LastIndex(key, []byte("-----END "))
	if last < 0 || last < bytes.LastIndex(key, []byte("-----BEGIN ")) {
		return end, true
	}
	if n := bytes.Index(key[last+len("-----END "):], []byte("-----")); n >= 0 {
		return begin + last + len("-----END ") + n + len("-----"), true
	}
	return end, true
}

// mixed accepts a value that has letters in both cases, or letters and digits.
func mixed(text []byte, begin, end int) (int, bool) {
	value := text[begin:end]
	return end, bytes.ContainsAny(value, "0123456789") && bytes.ContainsFunc(value, func(r rune) bool { return r >= 'A' && r <= 'z' })
}

// credential accepts a value that is no plain word or name: it has a digit, or is long and has letters in both cases.
func credential(text []byte, begin, end int) (int, bool) {
	value := text[begin:end]
	if bytes.ContainsAny(value, "0123456789") || len(value) >= 32 {
		return end, true
	}
	return end, len(value) >= 20 && !bytes.Equal(value, bytes.ToLower(value)) && !bytes.Equal(value, bytes.ToUpper(value))
}

// basicLogin accepts the base64 form of user:password.
func basicLogin(text []byte, begin, end int) (int, bool) {
	value := strings.TrimRight(string(text[begin:end]), "=")
	value = strings.NewReplacer("-", "+", "_", "/").Replace(value)
	login, err := base64.RawStdEncoding.DecodeString(value)
	return end, err == nil && bytes.IndexByte(login, ':') >= 0
}

// assigned accepts the value of a password unless it is a word that says that there is none, and reaches on over characters that end most values but
// are followed by more of this one.
func assigned(text []byte, begin, end int) (int, bool) {
	if plainValue(string(text[begin:end])) || bytes.HasSuffix(text[:begin], []byte("(passwd:")) { // "pam_unix(passwd:chauthtok)" names a service
		return end, false
	}
	return valueEnd(text, begin, end), true
}

// assignedPass is assigned for short keys, which also name counts ("pass=12 fail=0") and directories ("PWD=/app").
func assignedPass(text []byte, begin, end int) (int, bool) {
	to, ok := assigned(text, begin, end)
	value := text[begin:to]
	return to, ok && value[0] != '/' && value[0] != '~' && len(bytes.Trim(value, "0123456789.,%s")) > 0
}

// assignedToken is assigned for keys that also name other things than secrets, as in "token=EOF": the value has at least 6 bytes and a digit, or 16.
func assignedToken(text []byte, begin, end int) (int, bool) {
	to, ok := assigned(text, begin, end)
	return to, ok && secretValue(text[begin:to])
}

func secretValue(value []byte) bool {
	number := bytes.TrimPrefix(value, []byte("0x"))
	if len(number) < len(value) && len(number) <= 16 && len(bytes.Trim(number, "0123456789abcdefABCDEF")) == 0 {
		return false
	}
	if len(value) < 16 && len(bytes.Trim(value, "0123456789.")) == 0 { // a number, as in "token=512000"
		return false
	}
	return len(value) >= 16 && bytes.IndexByte(value, ' ') < 0 || len(value) >= 6 && bytes.ContainsAny(value, "0123456789")
}

// valueEnd returns where a bare value ends. A "," or "&" ends it if a space, the end or another assignment follows; in "a,b" it is part of the value.
func valueEnd(text []byte, begin, end int) int {
	if begin > 0 && (text[begin-1] == '"' || text[begin-1] == '\'') {
		return end
	}
	for end < len(text) && strings.IndexByte(`,;&\()<>]}`, text[end]) >= 0 {
		next := end + 1
		if text[end] == '\\' {
			if next == len(text) || strings.IndexByte(`nrtu"'\`, text[next]) >= 0 {
				return end
			}
		}
		for next < len(text) && strings.IndexByte(" \t\r\n\"'=:,;&\\()<>[]{}", text[next]) < 0 {
			next++
		}
		if next == end+1 || next < len(text) && (text[next] == '=' || text[next] == ':') {
			return end
		}
		end = next
	}
	return end
}

// plainValue reports whether the value of an assignment says that there is no value, or is a placeholder.
func plainValue(value string) bool {
	value = strings.ToLower(strings.TrimSpace(value))
	return strings.Trim(value, "*x.•-_?#") == "" || placeholder.MatchString(value) || slices.Contains(plainWords, strings.TrimRight(value, ".!?"))
}

// placeholder matches variables, template actions and verbs, and words in brackets: none of them is a value.
var placeholder = regexp.MustCompile(`^(?:\$\{?[a-z_][a-z0-9_]*\}?|\$\(.*\)|\{\{.*|<[a-z _-]+>|\[[a-z _-]+\]|%[a-z+]+)$`)

var plainWords = []string{
	"true", "false", "yes", "no", "on", "off", "null", "nil", "none", "undefined", "empty", "set", "unset", "missing", "required", "optional", "invalid",
	"incorrect", "wrong", "expired", "unknown", "failed", "ok", "string", "redacted", "hidden", "masked", "filtered", "not", "is", "was", "must", "too",
}

// namesSecret reports whether the name of a field or capture says that its value is a secret, and the value is not one that says there is none.
func namesSecret(name, value string) bool {
	if plainValue(value) {
		return false
	}
	name = name[strings.LastIndexByte(name, '.')+1:]
	name = strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
	for _, end := range []string{"password", "passwd", "passphrase", "pwd", "cookie"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	for _, end := range []string{"secret", "token", "apikey", "accesskey", "secretkey", "privatekey", "authorization", "credential", "credentials"} {
		if strings.HasSuffix(name, end) {
			return secretValue([]byte(value))
		}
	}
	return false
}

// cardNumber accepts numbers that an issuer gives out (by prefix and length) and whose check digit is right (Luhn, ISO/IEC 7812-1), and which are no
// part of a longer number or name.
func cardNumber(text []byte, begin, end int) (int, bool) {
	if begin > 0 && strings.IndexByte(".-_+$#", text[begin-1]) >= 0 || end < len(text) && strings.IndexByte("-_", text[end]) >= 0 {
		return end, false
	}
	if end+1 < len(text) && text[end] == '.' && text[end+1] >= '0' && text[end+1] <= '9' {
		return end, false
	}
	var digits []int
	for _, b := range text[begin:end] {
		if b >= '0' && b <= '9' {
			digits = append(digits, int(b-'0'))
		}
	}
	sum := 0
	for i, d := range digits {
		if (len(digits)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return end, sum%10 == 0 && issued(digits)
}

// issued reports whether a card network gives out numbers of this beginning and length.
func issued(digits []int) bool {
	prefix := digits[0]*1000 + digits[1]*100 + digits[2]*10 + digits[3]
	in := func(low, high int) bool { return low <= prefix && prefix <= high }
	switch len(digits) {
	case 14:
		return in(3000, 3059) || in(3600, 3699) || in(3800, 3999) // Diners Club
	case 15:
		return in(3400, 3499) || in(3700, 3799) // American Express
	case 16:
		return in(4000, 4999) || in(5100, 5599) || in(2221, 2720) || // Visa, Mastercard
			in(6011, 6011) || in(6440, 6599) || in(3528, 3589) || in(6200, 6299) // Discover, JCB, UnionPay
	}
	return false
}
