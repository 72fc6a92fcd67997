package links

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/shortid"
)

// Claim is the silence that a link is for.
type Claim struct {
	Alert   string        // the id of the alert whose message has the link
	Key     string        // of its incident, as the alert carries it
	Rule    string        // its name
	Fleet   bool          // the silence is one of all nodes of the fleet
	Length  time.Duration // of the silence, in whole minutes
	Expires time.Time     // the first moment at which the link does nothing any more, in whole seconds
}

// The errors of Read.
var (
	ErrInvalid = errors.New("the link is not valid: it is incomplete or changed, or the key of links was replaced")
	ErrExpired = errors.New("the link has expired")
)

// Bounds of a token.
const (
	prefix    = "ftl1_"
	macLen    = 16
	headLen   = 4 + 2 + 1 + 16 + 1 // expiry, length, flags, key, length of the alert's id
	maxAlert  = 64
	maxRule   = 256
	maxToken  = 600
	flagFleet = 1
)

// SilenceID returns the id of the silence, which is the same for all links of an alert: the first one that is used creates it.
func (c *Claim) SilenceID() string {
	sum := sha256.Sum256([]byte("link\x00" + c.Alert + "\x00" + c.Key))
	return shortid.Silence(sum[:10])
}

// append appends the claim in its binary form. It fails for a claim that has none.
func (c *Claim) append(b []byte) ([]byte, error) {
	key, err := hex.DecodeString(c.Key)
	minutes, at := int64(c.Length/time.Minute), c.Expires.Unix()
	if err != nil || len(key) != 16 || minutes < 1 || minutes > 0xffff || at < 0 || at > 0xffffffff || len(c.Alert) > maxAlert || c.Rule == "" || len(c.Rule) > maxRule {
		return nil, fmt.Errorf("no link for alert %q", c.Alert)
	}
	flags := byte(0)
	if c.Fleet {
		flags = flagFleet
	}
	b = binary.BigEndian.AppendUint32(b, uint32(at))
	b = binary.BigEndian.AppendUint16(b, uint16(minutes))
	b = append(append(b, flags), key...)
	b = append(append(b, byte(len(c.Alert))), c.Alert...)
	return append(b, c.Rule...), nil
}

// parse returns the claim of a binary form that this program made.
func parse(b []byte) (c Claim, ok bool) {
	if len(b) < headLen {
		return c, false
	}
	c.Expires = time.Unix(int64(binary.BigEndian.Uint32(b)), 0).UTC()
	c.Length = time.Duration(binary.BigEndian.Uint16(b[4:])) * time.Minute
	c.Fleet = b[6]&flagFleet != 0
	c.Key = hex.EncodeToString(b[7:23])
	n, rest := int(b[23]), b[headLen:]
	if n > len(rest) {
		return c, false
	}
	c.Alert, c.Rule = string(rest[:n]), string(rest[n:])
	return c, c.Rule != ""
}

// encode returns the token of a claim under a key.
func encode(key []byte, c *Claim) (string, error) {
	b, err := c.append(nil)
	if err != nil {
		return "", err
	}
	return prefix + base64.RawURLEncoding.EncodeToString(append(b, sign(key, b)...)), nil
}

// decode returns the claim of a token. It fails with ErrInvalid unless the key made exactly this text.
func decode(key []byte, token string) (c Claim, err error) {
	text, ok := strings.CutPrefix(token, prefix)
	if !ok || len(token) > maxToken {
		return c, ErrInvalid
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < macLen || strings.ContainsAny(text, "\r\n") { // which the decoder ignores
		return c, ErrInvalid
	}
	body, mac := b[:len(b)-macLen], b[len(b)-macLen:]
	if !hmac.Equal(mac, sign(key, body)) {
		return c, ErrInvalid
	}
	if c, ok = parse(body); !ok {
		return Claim{}, ErrInvalid
	}
	return c, nil
}

func sign(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("silence\x00"))
	h.Write(body)
	return h.Sum(nil)[:macLen]
}

var tokens = regexp.MustCompile(prefix + "[A-Za-z0-9_-]+")

// Mask returns a text with the tokens in it replaced by another text. Answers of receivers and log lines pass through it.
func Mask(text, by string) string {
	if !strings.Contains(text, prefix) {
		return text
	}
	return tokens.ReplaceAllLiteralString(text, by)
}
