package engine

import (
	"crypto/sha256"
	"encoding/hex"
)

// maxKeyPart bounds what one part, a field or a capture, adds to a cooldown key.
const maxKeyPart = 256

// keySeparator stands between the parts of a key. Names hold no control characters, so a rule's id cannot run into what follows.
const keySeparator = 0x1f

// appendContainer appends what stands for the record's container: the name that people know, which outlives the id, else the id, else, for
// records of no container, the workload and the host.
func appendContainer(dst []byte, s *Source) []byte {
	switch name := s.Container.Name; {
	case len(name) > maxKeyPart: // names that differ at their ends alone are different
		id := digestOf("", "", []byte(name))
		return hex.AppendEncode(append(dst, name[:maxKeyPart-2*len(id)]...), id[:])
	case name != "":
		return append(dst, name...)
	case s.Container.ID != "":
		return append(dst, s.Container.ID...)
	}
	dst = append(dst, s.Workload...)
	dst = append(dst, keySeparator)
	return append(dst, s.Host...)
}

// appendBucket appends the key of the token bucket that an alert of the source takes from.
func appendBucket(dst []byte, s *Source) []byte {
	if s.Bucket != "" {
		return append(append(dst, keySeparator), s.Bucket...)
	}
	return appendContainer(dst, s)
}

// appendInstance appends what stands for the one container whose lines follow each other, not for those that had its name before.
func appendInstance(dst []byte, s *Source) []byte {
	if s.Container.ID != "" {
		return append(dst, s.Container.ID...)
	}
	return appendContainer(dst, s)
}

// digestLen is the length of a digest.
const digestLen = 16

// digestOf returns a digest of two names and a text. It is cryptographic, for whoever writes the lines could choose texts that share a weaker one.
func digestOf(a, b string, text []byte) [digestLen]byte {
	h := sha256.New()
	h.Write([]byte(a))
	h.Write([]byte{keySeparator})
	h.Write([]byte(b))
	h.Write([]byte{keySeparator})
	h.Write(text)
	var sum [sha256.Size]byte
	return [digestLen]byte(h.Sum(sum[:0])[:digestLen])
}
