package model

import (
	"crypto/sha256"
	"encoding/hex"
)

// MaxKeyPart bounds one part of a cooldown key, such as a field or a capture.
const MaxKeyPart = 256

// KeySeparator separates the parts of a key. Names have no control characters, so a rule's id cannot run into the next part.
const KeySeparator = 0x1f

// AppendContainer appends the identity of the record's container: the name that people know, which outlives the id, else the id, else, for
// records of no container, the workload and the host.
func AppendContainer(dst []byte, s *Source) []byte {
	switch name := s.Container.Name; {
	case len(name) > MaxKeyPart: // names that differ at their ends alone are different
		id := DigestOf("", "", []byte(name))
		return hex.AppendEncode(append(dst, name[:MaxKeyPart-2*len(id)]...), id[:])
	case name != "":
		return append(dst, name...)
	case s.Container.ID != "":
		return append(dst, s.Container.ID...)
	}
	dst = append(dst, s.Workload...)
	dst = append(dst, KeySeparator)
	return append(dst, s.Host...)
}

// AppendBucket appends the key of the token bucket that an alert of the source takes from.
func AppendBucket(dst []byte, s *Source) []byte {
	if s.Bucket != "" {
		return append(append(dst, KeySeparator), s.Bucket...)
	}
	return AppendContainer(dst, s)
}

// AppendInstance appends the identity of one container whose lines follow each other, without those that had its name before.
func AppendInstance(dst []byte, s *Source) []byte {
	if s.Container.ID != "" {
		return append(dst, s.Container.ID...)
	}
	return AppendContainer(dst, s)
}

// DigestLen is the length of a digest.
const DigestLen = 16

// DigestOf returns a digest of two names and a text. It is cryptographic, for whoever writes the lines could choose texts that share a weaker one.
func DigestOf(a, b string, text []byte) [DigestLen]byte {
	h := sha256.New()
	h.Write([]byte(a))
	h.Write([]byte{KeySeparator})
	h.Write([]byte(b))
	h.Write([]byte{KeySeparator})
	h.Write(text)
	var sum [sha256.Size]byte
	return [DigestLen]byte(h.Sum(sum[:0])[:DigestLen])
}
