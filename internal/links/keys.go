package links

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// Path returns the path of the key of links, beside a store.
func Path(store string) string { return store + ".links" }

// Keys has the key of an instance's links. It is safe for concurrent use.
type Keys struct {
	path     string // "": the key is in memory alone
	instance string
	write    func(path, text string) error
	remove   func(path string) error

	mu   sync.Mutex
	key  []byte
	info os.FileInfo // of the file that the key is from; nil: none was read
}

// Open returns the key in a file, which it makes where there is none or where others can read it. Instances that share the file have different keys all the same.
// With path "" the key ends with the process. If the file cannot be made, Open returns the error beside a key in memory.
func Open(path, instance string) (*Keys, error) {
	k := &Keys{path: path, instance: instance, write: namedfile.WriteOwn, remove: os.Remove}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k, k.look()
}

// Rotate replaces the key: no link made before is valid any more.
func (k *Keys) Rotate() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.replace()
}

// Make returns the token of a link. It fails for a claim that no link has room for.
func (k *Keys) Make(c *Claim) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.look() // without a file there is a key in memory
	return encode(k.key, c)
}

// Read returns the claim of a token. With ErrExpired it returns the claim, too; with ErrInvalid nothing is known.
func (k *Keys) Read(token string, now time.Time) (Claim, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.look()
	c, err := decode(k.key, token)
	if err == nil && !now.Before(c.Expires) {
		err = ErrExpired
	}
	return c, err
}

// look reads the file if it changed, so that another instance may have replaced the key, or somebody removed it.
func (k *Keys) look() error {
	if k.path == "" {
		if k.key == nil {
			return k.replace()
		}
		return nil
	}
	info, err := os.Lstat(k.path)
	if err == nil && k.info != nil && os.SameFile(info, k.info) && info.ModTime().Equal(k.info.ModTime()) && info.Size() == k.info.Size() {
		return nil
	}
	text, err := namedfile.ReadOwn(k.path, 1<<10)
	secret, bad := hex.DecodeString(strings.TrimSpace(text))
	switch missing := errors.Is(err, fs.ErrNotExist); {
	case err == nil && bad == nil && len(secret) == sha256.Size:
		k.use(secret)
		k.info = info
		return nil
	case missing && k.key != nil && k.info == nil: // it could not be made before
		return nil
	case err == nil, missing, errors.Is(err, namedfile.ErrNotOwn), k.key == nil:
		return k.replace()
	}
	return err // and the key stays: a disk that fails must not end all links
}

// replace makes a new key, in force also where it cannot be written. The former one goes in any case: a file that cannot be replaced is removed, and one that
// cannot be removed either is not read again by this process.
func (k *Keys) replace() error {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails: it ends the process instead
	k.use(secret)
	k.info = nil
	if k.path == "" {
		return nil
	}
	err := k.write(k.path, hex.EncodeToString(secret)+"\n")
	if err == nil {
		k.info, err = os.Lstat(k.path)
	} else if gone := k.remove(k.path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		k.info, _ = os.Lstat(k.path) // of the former key, whose file look takes for read until it changes
		return fmt.Errorf("cannot keep the key of links beside the store: links made now end with the process, and after a restart those of the former key work again: %w",
			errors.Join(err, gone))
	}
	if err != nil {
		return fmt.Errorf("cannot keep the key of links beside the store, so they end with the process: %w", err)
	}
	return nil
}

// use derives the instance's key.
func (k *Keys) use(secret []byte) {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(k.instance))
	k.key = h.Sum(nil)
}
