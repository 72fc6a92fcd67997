package trigger

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// DefaultFormat is the format of a trigger that sets none: the alert itself as JSON.
const DefaultFormat = "generic"

// The words of starttls.
const (
	StartTLSRequired = "required"
	StartTLSOff      = "off"
)

// TLS sets how a trigger's connection is secured.
type TLS struct {
	// A PEM file of the certificate authorities to trust instead of the system's.
	CAFile string `toml:"ca_file"`
	// A PEM file of the client certificate, for receivers that ask for one.
	CertFile string `toml:"cert_file"`
	// A PEM file of the client certificate's key.
	KeyFile string `toml:"key_file"`
	// The name to expect in the receiver's certificate, when it is not the host of the URL.
	ServerName string `toml:"server_name"`
	// The lowest protocol version to accept: 1.2 or 1.3.
	MinVersion string `toml:"min_version"`
}

// AddFaults adds the faults of the settings to fs, but for server_name, which the egress policy checks.
func (t *TLS) AddFaults(fs *setting.Faults) {
	fs.OneOf("tls.min_version", t.MinVersion, []string{"1.2", "1.3"})
	switch {
	case t.CertFile == "" && t.KeyFile != "":
		fs.Needs("tls.key_file", t.KeyFile, "tls.cert_file")
	case t.CertFile != "" && t.KeyFile == "":
		fs.Needs("tls.cert_file", t.CertFile, "tls.key_file")
	}
}

// Settings configures a trigger: the receiver, the filters and the payload. Filters are ANDed, and an empty filter passes every alert. Files of
// secrets are read again at every reload.
type Settings struct {
	// The unique name of the trigger. Logs, metrics and dead letters use it.
	Name string `toml:"name"`

	// The address to send to, http or https. It can contain tokens and is never shown. It must be set, here or as url_file or url_env, except for
	// pagerduty, telegram and opsgenie, which have default addresses, and slack with a channel. gotify, mattermost, alertmanager and opsgenie need the address of the server only, ntfy that
	// of the topic, email that of a mail server: smtp://HOST (port 587 if none is set, encrypted by STARTTLS), or smtps://HOST (port 465, encrypted
	// from the start). {id} in its path is replaced by the id of the alert or group.
	URL setting.SecretSource `toml:"url"`
	// The HTTP method: POST, PUT or PATCH.
	Method string `toml:"method"`
	// The receiver, which determines the payload: generic, cloudevents, slack, discord, mattermost, teams, pagerduty, ntfy, gotify,
	// telegram, alertmanager, opsgenie or email.
	Format string `toml:"format"`

	// Severities to send: debug, info, warning, error, critical.
	Severity []string `toml:"severity"`
	// Kinds of source to send, such as log or container.
	Source []string `toml:"source"`
	// Globs of workloads to send. "*" matches any text, including slashes, and "?" one character.
	Workload []string `toml:"workload"`
	// Globs of rule names to send.
	Rule []string `toml:"rule"`
	// A regular expression (RE2 syntax) that the alert's message must match. Alerts without a message are matched by their summary.
	Message string `toml:"message"`
	// Conditions on the alert, written as in a rule's where: rule, workload, severity, kind, source, host, container, image, stream, tag, label.NAME,
	// capture.NAME, field.PATH, as in { "label.team" = "payments", kind = "!=rollup" }. A missing property meets "absent()" only.
	Where map[string]string `toml:"where"`
	// Times of the week at which alerts are sent: ["weekdays 08:00-18:00", "sat 09:00-12:00"]. This trigger does not send alerts
	// that arrive at other times, but counts them. Alerts of kind resolved are sent at all times.
	During []string `toml:"during"`
	// When this trigger sends a digest of what happened since the last one: days and a time, as in "daily 08:00", "weekdays 07:30" or "mon 08:00". Filters
	// do not apply to it. Unset: never.
	Digest string `toml:"digest"`
	// The time zone of during and digest, such as "Europe/Berlin". Unset: UTC.
	Zone string `toml:"zone"`

	// Headers to add to each request. Their values are never shown.
	Headers map[string]setting.Secret `toml:"headers"`
	// Headers whose values are read from files: name and path.
	HeaderFiles map[string]string `toml:"header_files"`
	// Headers whose values are read from the environment: name and variable.
	HeaderEnv map[string]string `toml:"header_env"`
	// The user of HTTP basic authentication, or at the mail server.
	Username string `toml:"username"`
	// The password of HTTP basic authentication, or at the mail server.
	Password setting.SecretSource `toml:"password"`
	// The receiver's token: the bot token of telegram, the application key of gotify, the API key of opsgenie, for any
	// other format a bearer token, such as that of a bot in slack or mattermost.
	Token setting.SecretSource `toml:"token"`

	// The integration key of pagerduty (Events API v2). A body can have it as {{ .RoutingKey }}.
	RoutingKey setting.SecretSource `toml:"routing_key"`
	// The chat of telegram: a number, or "@channel".
	ChatID string `toml:"chat_id"`
	// The topic of a telegram forum; 0 for none.
	ThreadID int `toml:"thread_id"`
	// The channel of mattermost, by its id; or that of slack, by its id or name, for a bot with a token: no url is needed then, and messages can be
	// edited (update).
	Channel string `toml:"channel"`
	// The topic of ntfy. Unset: the last part of the url's path.
	Topic string `toml:"topic"`
	// The address that messages link to, for all formats but generic, cloudevents and gotify. Alertmanager calls it generatorURL. Unset: the
	// rule's runbook.
	GeneratorURL string `toml:"generator_url"`
	// How long an alert fires in alertmanager. "0s": its resolve_timeout, and 30 days for absences, which their end resolves.
	ResolveAfter time.Duration `toml:"resolve_after"`
	// The sender of email, such as "Alerts <alerts@example.com>".
	From string `toml:"from"`
	// The recipients of email: from 1 to 50 addresses. All of them see each other.
	To []string `toml:"to"`
	// Whether a mail server at smtp:// must encrypt the connection by STARTTLS: required, or off. A password is sent without TLS to loopback only.
	StartTLS string `toml:"starttls"`

	// A template of the whole payload, which replaces that of the format. JSON with a Go text/template in each string, or one template for a content
	// type text/…. In email it is the text: content_type must be text/plain or text/html.
	Body string `toml:"body"`
	// The content type of body. application/x-www-form-urlencoded sends the texts of a JSON object as a form.
	ContentType string `toml:"content_type"`

	// A regular expression (RE2 syntax) that the first 4 KiB of a successful answer must match, for services that answer 200 and name the error in the
	// text. Otherwise the alert is sent again later. Unset: every 2xx counts.
	Expect string `toml:"expect"`

	// Signs each request as Standard Webhooks 1.0.0 specifies: a key "whsec_…" (base64), or several, separated by spaces or line ends, while keys
	// are rotated.
	SigningSecret setting.SecretSource `toml:"signing_secret"`
	// Signs each request by X-Hub-Signature-256 with this key. The key is used as written.
	HubSecret setting.SecretSource `toml:"hub_secret"`

	// The longest time of one attempt, from the connection to the end of the answer.
	Timeout time.Duration `toml:"timeout"`
	// Immediate retries of a failed attempt: 0 to 2. Later retries come from the store, for max_age.
	Retries int `toml:"retries"`
	// A proxy to send through (http, https or socks5), with user and password if needed. Proxy variables of the environment are ignored.
	ProxyURL setting.SecretSource `toml:"proxy_url"`
	// How the connection is secured.
	TLS TLS `toml:"tls"`

	// The highest rate of requests, such as "1/s". Unset: "1/s" for slack, discord, teams, telegram and email, no limit for others. "0/s": no limit.
	Rate setting.Rate `toml:"rate"`
	// The highest number of requests at a time.
	Concurrency int `toml:"concurrency"`
	// Combines alerts with equal values of all of these into one message: key, rule, workload, severity, kind, source, host, container, image,
	// stream, tag, label.NAME, capture.NAME, field.PATH. Empty: one message per alert.
	GroupBy []string `toml:"group_by"`
	// How long the first alert of a group waits for others.
	GroupWait time.Duration `toml:"group_wait"`
	// The shortest time between two messages of a group.
	GroupInterval time.Duration `toml:"group_interval"`
	// How many alerts of a group a message shows; the rest is counted.
	MaxAlerts int `toml:"max_alerts"`
	// Whether roll-ups and the end of an incident edit the message of their key instead of sending another one: in slack with a
	// channel, discord, mattermost, ntfy and telegram.
	Update bool `toml:"update"`
	// How long delivery of an alert is tried before it becomes a dead letter.
	MaxAge time.Duration `toml:"max_age"`
}

// DefaultSettings returns the defaults.
func DefaultSettings() Settings {
	return Settings{
		Method:        "POST",
		Format:        DefaultFormat,
		ContentType:   "application/json",
		Timeout:       15 * time.Second,
		Retries:       1,
		StartTLS:      StartTLSRequired,
		TLS:           TLS{MinVersion: "1.2"},
		Concurrency:   1,
		GroupWait:     10 * time.Second,
		GroupInterval: time.Minute,
		MaxAlerts:     10,
		MaxAge:        24 * time.Hour,
	}
}

// Files returns the files that the settings name. A change of any of them counts as a change of the configuration.
func (s *Settings) Files() []string {
	var files []string
	for _, f := range s.SecretFiles() {
		files = append(files, f.Path)
	}
	for _, f := range []string{s.TLS.CAFile, s.TLS.CertFile} {
		if f != "" {
			files = append(files, f)
		}
	}
	return files
}

// SecretFile is a file or variable that contains a secret, and the setting that names it.
type SecretFile struct{ Field, Path string }

// namedSecret is a secret of the settings with its key.
type namedSecret struct {
	Key    string
	Source setting.SecretSource
}

// Secrets returns the settings that are secrets, in the order of the fields.
func (s *Settings) Secrets() []namedSecret {
	var all []namedSecret
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if source, ok := v.Field(i).Interface().(setting.SecretSource); ok {
			all = append(all, namedSecret{v.Type().Field(i).Tag.Get("toml"), source})
		}
	}
	return all
}

// SecretFiles returns the files of secrets that the settings name.
func (s *Settings) SecretFiles() []SecretFile {
	var files []SecretFile
	for _, secret := range s.Secrets() {
		if secret.Source.File != "" {
			files = append(files, SecretFile{secret.Key + setting.FileSuffix, secret.Source.File})
		}
	}
	if s.TLS.KeyFile != "" {
		files = append(files, SecretFile{"tls.key_file", s.TLS.KeyFile})
	}
	for _, name := range slices.Sorted(maps.Keys(s.HeaderFiles)) {
		files = append(files, SecretFile{"header_files." + name, s.HeaderFiles[name]})
	}
	return files
}

// SecretVariables returns the environment variables of secrets that the settings name.
func (s *Settings) SecretVariables() []SecretFile {
	var found []SecretFile
	for _, secret := range s.Secrets() {
		if secret.Source.Env != "" {
			found = append(found, SecretFile{secret.Key + setting.EnvSuffix, secret.Source.Env})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.HeaderEnv)) {
		found = append(found, SecretFile{"header_env." + name, s.HeaderEnv[name]})
	}
	return found
}
