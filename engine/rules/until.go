package rules

import "time"

// Until is the end of a silence: a moment, or the next image of each workload.
type Until struct {
	Time      time.Time
	NextImage bool
}

// NextImageWord is the end of a silence that the next image ends, as the configuration writes it.
const NextImageWord = "next image"

// UnmarshalText reads a moment in the form of RFC 3339, or the words "next image".
func (u *Until) UnmarshalText(text []byte) error {
	if string(text) == NextImageWord {
		*u = Until{NextImage: true}
		return nil
	}
	return u.Time.UnmarshalText(text)
}

// MarshalText writes it as the configuration does; nothing where it is not set.
func (u Until) MarshalText() ([]byte, error) {
	switch {
	case u.NextImage:
		return []byte(NextImageWord), nil
	case u.Time.IsZero():
		return nil, nil
	}
	return u.Time.MarshalText()
}
