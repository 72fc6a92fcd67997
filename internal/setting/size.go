package setting

import (
	"strconv"
	"strings"
)

// Size is a number of bytes, written as "256M", "256MB", "256MiB" (all powers of 1024) or a plain number of bytes.
type Size int64

var sizeUnits = [...]struct {
	letter string
	bytes  int64
}{{"t", 1 << 40}, {"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}}

// UnmarshalText reads what String returns and the other forms of a Size. An error is a *ParseError.
func (s *Size) UnmarshalText(text []byte) error {
	const form = `must be a size such as "256M": a number with K, M, G or T`
	word := strings.ToLower(strings.TrimSpace(string(text)))
	number := strings.TrimSuffix(strings.TrimSuffix(word, "b"), "i")
	factor := int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.letter); ok {
			number, factor = rest, u.bytes
			break
		}
	}
	if factor == 1 && strings.HasSuffix(word, "ib") {
		return &ParseError{Message: form}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return &ParseError{Message: form}
	}
	*s = Size(n * factor)
	return nil
}

// MarshalText returns what String returns.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the size in the largest unit that divides it, such as "256MiB".
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + strings.ToUpper(u.letter) + "iB"
		}
	}
	return strconv.FormatInt(int64(s), 10)
}
