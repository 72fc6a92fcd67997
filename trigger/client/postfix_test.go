package client

import (
	"crypto/x509"
	"fmt"
	"mime"
	"net"
	"net/http/httptest"
	"net/mail"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// postfixMain is a server for two mailboxes of example.com, which other people's mail cannot pass through.
const postfixMain = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.com
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
alias_database =
virtual_mailbox_domains = example.com
virtual_mailbox_base = %[1]s/mail
virtual_mailbox_maps = inline:{ {ops@example.com=ops/} {dev@example.com=dev/} }
virtual_uid_maps = static:%[2]s
virtual_gid_maps = static:%[3]s
virtual_minimum_uid = 1
smtpd_tls_cert_file = %[1]s/cert.pem
smtpd_tls_key_file = %[1]s/key.pem
smtpd_tls_security_level = encrypt
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
`

const postfixMaster = `127.0.0.1:%d inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
`

// startPostfix starts a Postfix of this test alone and returns its folder and port.
func startPostfix(t *testing.T) (dir string, port int) {
	t.Helper()
	binary := "/usr/sbin/postfix"
	if _, err := os.Stat(binary); err != nil || os.Getuid() != 0 {
		t.Skip("Postfix is not installed, or this is not root: no mail was handed to a real server")
	}
	owner, err := user.Lookup("postfix")
	if err != nil {
		t.Skip(err)
	}
	// Not TempDir, whose parent only root may enter.
	if dir, err = os.MkdirTemp("", "pf"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"conf", "queue", "data", "mail"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	certified := httptest.NewTLSServer(nil)
	certified.Close()
	key, err := x509.MarshalPKCS8PrivateKey(certified.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "cert.pem"), certified.Certificate().Raw)
	writeBlock(t, filepath.Join(dir, "key.pem"), "PRIVATE KEY", key)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	for name, text := range map[string]string{
		"main.cf": fmt.Sprintf(postfixMain, dir, owner.Uid, owner.Gid), "master.cf": fmt.Sprintf(postfixMaster, port),
	} {
		if err := os.WriteFile(filepath.Join(dir, "conf", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	postfix := func(command string) (string, error) {
		out, err := exec.Command(binary, "-c", filepath.Join(dir, "conf"), command).CombinedOutput()
		return string(out), err
	}
	if out, err := exec.Command("chown", "postfix", filepath.Join(dir, "data"), filepath.Join(dir, "mail")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := postfix("start"); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		t.Fatalf("Postfix does not start: %v\n%s\n%s", err, out, log)
	}
	t.Cleanup(func() {
		if out, err := postfix("stop"); err != nil {
			t.Errorf("Postfix does not stop: %v\n%s", err, out)
		}
	})
	return dir, port
}

// TestPostfix hands messages to Debian's mail server: they reach the mailboxes, and a recipient that it does not know is named.
func TestPostfix(t *testing.T) {
	t.Parallel()
	dir, port := startPostfix(t)
	s := mailSettings(fmt.Sprintf("smtp://127.0.0.1:%d", port), nil)
	s.TLS.CAFile, s.Timeout = filepath.Join(dir, "cert.pem"), time.Minute
	a := triggertest.Sample()
	a.Message = "über\r\n.\r\nQUIT\r\n" + strings.Repeat("x", 3000)
	got := mustNew(t, s, loopback()).Send(t.Context(), "al_1", []trigger.Alert{a})
	if got.Outcome != trigger.Delivered || got.Partial {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		t.Fatalf("got %s %s\n%s", got, got.Detail, log)
	}
	for _, box := range []string{"ops", "dev"} {
		m := inBox(t, filepath.Join(dir, "mail", box, "new"), filepath.Join(dir, "log"))
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || subject != "CRITICAL go-panic · shop/api" || m.Header.Get("Return-Path") != "<alerts@example.com>" {
			t.Errorf("%s: %q from %s, %v", box, subject, m.Header.Get("Return-Path"), err)
		}
		if !strings.Contains(m.Header.Get("Received"), "with ESMTPS") {
			t.Errorf("%s: received %s", box, m.Header.Get("Received"))
		}
	}
	s.To = append(s.To, "nobody@example.com")
	got = mustNew(t, s, loopback()).Send(t.Context(), "al_2", []trigger.Alert{a})
	if got.Outcome != trigger.Delivered || !got.Partial || got.Status != 550 || !strings.HasPrefix(got.Detail, "nobody@example.com: 5.1.1") {
		t.Errorf("got %+v", got)
	}
	s.To = []string{"someone@elsewhere.example"}
	if got = mustNew(t, s, loopback()).Send(t.Context(), "al_3", []trigger.Alert{a}); got.Outcome == trigger.Dead || got.Outcome == trigger.Disabled {
		t.Errorf("got %+v", got)
	}
}

// inBox waits for the message in a mailbox.
func inBox(t *testing.T, box, log string) *mail.Message {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		found, err := filepath.Glob(filepath.Join(box, "*"))
		if err != nil || len(found) == 0 {
			continue
		}
		f, err := os.Open(found[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		m, err := mail.ReadMessage(f)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	text, _ := os.ReadFile(log)
	t.Fatalf("no message in %s\n%s", box, text)
	return nil
}
