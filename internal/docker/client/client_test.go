package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/client"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// works reads a log through a client, and follows it.
func works(t *testing.T, d *dockertest.Daemon, c *client.Client) {
	t.Helper()
	web := d.Run(dockertest.Container{Name: "web", Aliases: []string{"/shop/web", "/shop/db"}})
	web.Stdout("one")
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := c.List(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "web" {
		t.Fatalf("%v, %v", all, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	body, err := c.Logs(ctx, web.ID, docker.LogOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	web.Stdout("two")
	buf := make([]byte, 2*(8+31+4))
	if _, err := io.ReadFull(body, buf); err != nil || !strings.Contains(string(buf), " one\n") || !strings.Contains(string(buf), " two\n") {
		t.Errorf("%q, %v", buf, err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
}

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.sign(nil, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) sign(parent *authority, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.n++
	c.SerialNumber, c.Subject = big.NewInt(a.n), pkix.Name{CommonName: "test"}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	above, signer := c, key
	if parent != nil {
		above, signer = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, above, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// pair is a certificate with its key, in files and in memory.
func (a *authority) pair(dir string, use x509.ExtKeyUsage) tls.Certificate {
	a.t.Helper()
	cert, key := a.sign(a, &x509.Certificate{
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"ca.pem": {Type: "CERTIFICATE", Bytes: a.cert.Raw}, "cert.pem": {Type: "CERTIFICATE", Bytes: cert.Raw}, "key.pem": {Type: "EC PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// TestTLS connects to an engine that requires a client certificate, set by DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.
func TestTLS(t *testing.T) {
	d, a, dir := dockertest.Start(t), newAuthority(t), t.TempDir()
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	host := d.ListenTLS(&tls.Config{
		Certificates: []tls.Certificate{a.pair(t.TempDir(), x509.ExtKeyUsageServerAuth)}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	a.pair(dir, x509.ExtKeyUsageClientAuth)
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	t.Setenv("DOCKER_CERT_PATH", dir)
	t.Setenv("DOCKER_HOST", host)
	c, err := client.New("")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	works(t, d, c)
	for name, spoil := range map[string]func(dir string){
		"another authority": func(dir string) { newAuthority(t).pair(dir, x509.ExtKeyUsageClientAuth) },
		"a broken key":      func(dir string) { _ = os.WriteFile(filepath.Join(dir, "key.pem"), []byte("no key"), 0o600) },
		"no files":          func(dir string) { _ = os.Remove(filepath.Join(dir, "ca.pem")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a.pair(dir, x509.ExtKeyUsageClientAuth)
			spoil(dir)
			t.Setenv("DOCKER_CERT_PATH", dir)
			c, err := client.New("")
			if err == nil {
				err = c.Ping(t.Context())
			}
			if err == nil {
				t.Error("it is let in")
			}
		})
	}
}

// TestSSH runs a program called ssh that connects to a local engine and ignores the host.
func TestSSH(t *testing.T) {
	d, dir := dockertest.Start(t), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nprintf '%s\\n' \"$*\" >> '" + dir + "/args'\nFAKE_SSH_SOCKET='" + d.Socket + "' exec '" + self + "'\n"
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	c, err := client.New("ssh://me@example.com:2222/run/the engine.sock")
	if err != nil {
		t.Fatal(err)
	}
	works(t, d, c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	if want := "-o ConnectTimeout=30 -T -l me -p 2222 -- example.com docker --host unix://'/run/the engine.sock' system dial-stdio\n"; err != nil ||
		!strings.HasPrefix(string(args), want) {
		t.Errorf("ssh was called with %q, %v\nwant %q", args, err, want)
	}
}

// TestSSHStderrIsLogged: stderr is logged line by line, each line bounded, including an unfinished last line.
func TestSSHStderrIsLogged(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nprintf 'Warning: one\\r\\n\\n' >&2; printf '%01000d\\n' 7 >&2; printf 'Permission denied' >&2; exit 255\n"
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	c, err := client.New("ssh://example.com")
	if err != nil {
		t.Fatal(err)
	}
	var log await.Log
	c.LogTo(slog.New(slog.NewTextHandler(&log, nil)))
	if err := c.Ping(t.Context()); err == nil {
		t.Error("an engine answers")
	}
	await.That(t, time.Minute, "all of stderr is logged", func() bool { return strings.Contains(log.String(), "Permission denied") }, &log)
	for _, want := range []string{
		"level=WARN msg=\"ssh stderr\" text=\"Warning: one\"\n", "level=WARN msg=\"ssh stderr\" text=" + strings.Repeat("0", 512) + "\n", "text=\"Permission denied\"\n",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestHostsThatAreRefused(t *testing.T) {
	for _, host := range []string{
		"ssh://", "ssh://-oProxyCommand=x", "ssh://-l@host", "ssh://me:secret@host", "ssh://host?x=1", "ssh://host#x", "ssh://me:secret@host:no",
		"ssh://me:a/secret@host", "ssh://me:%secret@host", "tcp://me:secret@host:2375", "tcp://me:secret@host:no", "http://me:secret@host", "me:secret@host", "host",
	} {
		if _, err := client.New(host); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestMain acts as the program called ssh if the environment names a socket.
func TestMain(m *testing.M) {
	socket := os.Getenv("FAKE_SSH_SOCKET")
	if socket == "" {
		os.Exit(m.Run())
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		os.Exit(1)
	}
	go func() { _, _ = io.Copy(conn, os.Stdin); _ = conn.Close() }()
	_, _ = io.Copy(os.Stdout, conn) // until either end closes
}
