package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Bounds of a Standard Webhooks key, in bytes.
const (
	minKey      = 24
	maxKey      = 64
	maxKeyCount = 5
)

// signer signs requests as Standard Webhooks 1.0.0 (https://www.standardwebhooks.com) requires, once for each key, and with X-Hub-Signature-256
// as GitHub does.
type signer struct {
	keys [][]byte
	hub  []byte // nil: none
}

// parseSigningKeys parses the keys of signing_secret. Its errors contain no part of them.
func parseSigningKeys(secret setting.Secret) ([][]byte, error) {
	words := strings.Fields(secret.Reveal())
	if len(words) > maxKeyCount {
		return nil, fmt.Errorf("must hold at most %[2]d keys, and holds %[1]d", len(words), maxKeyCount)
	}
	var keys [][]byte
	for i, word := range words {
		text, ok := strings.CutPrefix(word, "whsec_")
		if !ok {
			return nil, fmt.Errorf("key %d must begin with whsec_", i+1)
		}
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("key %d must be base64 after whsec_", i+1)
		}
		if len(key) < minKey || len(key) > maxKey {
			return nil, fmt.Errorf("key %d must have from %d to %d bytes, and has %d", i+1, minKey, maxKey, len(key))
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("must hold a key")
	}
	return keys, nil
}

// sign sets the identity and the signatures of one attempt. All attempts have the same id; each has its own time.
func (s *signer) sign(header http.Header, id string, at time.Time, body []byte) {
	header.Set("Idempotency-Key", id)
	if len(s.keys) > 0 {
		stamp := strconv.FormatInt(at.Unix(), 10)
		signatures := make([]string, len(s.keys))
		// One signature for each key, so that a receiver can change its key without refusing requests.
		for i, key := range s.keys {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(id + "." + stamp + "."))
			mac.Write(body)
			signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		}
		header.Set("Webhook-Id", id)
		header.Set("Webhook-Timestamp", stamp)
		header.Set("Webhook-Signature", strings.Join(signatures, " "))
	}
	// This form covers the body alone, so all attempts have the same signature.
	if s.hub != nil {
		mac := hmac.New(sha256.New, s.hub)
		mac.Write(body)
		header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
}
