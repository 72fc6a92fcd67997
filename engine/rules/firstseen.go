package rules

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// FirstSeen is for how long a template must not have been seen to be new, in ns, or FirstSeenImage.
type FirstSeen time.Duration

// FirstSeenImage means that a template is new if it was not seen before the present image of the workload appeared.
const FirstSeenImage FirstSeen = -1

// imageWord is FirstSeenImage as the configuration writes it.
const imageWord = "image"

// UnmarshalText reads a duration, or the word "image".
func (f *FirstSeen) UnmarshalText(text []byte) error {
	if string(text) == imageWord {
		*f = FirstSeenImage
		return nil
	}
	d, err := setting.ParseDuration(string(text))
	if err != nil {
		return &setting.ParseError{Message: `must be a duration such as "7d", or "image"`, Hint: setting.DidYouMean(string(text), []string{imageWord})}
	}
	*f = FirstSeen(d)
	return nil
}

// MarshalText writes it as the configuration does.
func (f FirstSeen) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// String returns it as the configuration writes it.
func (f FirstSeen) String() string {
	if f == FirstSeenImage {
		return imageWord
	}
	return setting.FormatDuration(time.Duration(f))
}
