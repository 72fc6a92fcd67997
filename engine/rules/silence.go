package rules

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/hours"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Silence suppresses alerts for a time. The suppressed hits are counted with the reason silence, and reported by the next alert.
type Silence struct {
	ID string `json:"id"`
	Matchers
	// Key is the key of the one incident that it is about, as its alerts carry it; "": any. It comes on top of the matchers, and only runtime silences have one.
	Key   string   `json:"key,omitempty"`
	From  int64    `json:"from"`            // ns since 1970-01-01 UTC; 0 = since ever
	Until int64    `json:"until"`           // ns; the first moment in which it suppresses nothing any more; 0: it has hours, and no end
	Every []string `json:"every,omitempty"` // hours in which alone it is in force; empty: at all times
	Zone  string   `json:"zone,omitempty"`  // of the hours; "": UTC
	// NextImage ends it earlier: for each workload when a new image appears there after From.
	NextImage bool   `json:"next_image,omitempty"`
	Comment   string `json:"comment,omitempty"`
	Author    string `json:"author,omitempty"`
	// Configured says that it comes from the configuration: it does not change at run time.
	Configured bool `json:"configured,omitempty"`
	// Fleet says that it is in force on all nodes of the fleet.
	Fleet bool `json:"fleet,omitempty"`
	// Suppressed counts its hits since the engine knows it. A hit that several silences match counts for one of them.
	Suppressed int64 `json:"-"`
}

// Bounds of a silence.
const (
	maxSilenceLen = 366 * 24 * time.Hour
	// MaxNextImage is how long a silence lasts that waits for an image which does not come.
	MaxNextImage  = 30 * 24 * time.Hour
	maxCommentLen = 4 << 10
	maxAuthorLen  = 256
)

// alertKey is the form of the key of an alert.
var alertKey = regexp.MustCompile("^[0-9a-f]{32}$")

// Validate returns everything that is wrong with the silence; when it is over is no fault.
func (s *Silence) Validate() []setting.Fault {
	var p checks
	s.check(&p, "")
	at := func(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }
	switch recurs := len(s.Every) > 0; {
	case s.NextImage && s.From <= 0:
		p.Required("from", "without it, the silence would begin again with each start, and wait for another image")
	case s.NextImage && (s.Until <= s.From || s.Until-s.From > int64(MaxNextImage)):
		p.add("until", at(s.Until), "must be at most %d days after from where the next image ends the silence, %s", MaxNextImage/(24*time.Hour), at(s.From))
	case s.Until == 0 && recurs && s.From >= 0:
	case s.Until <= 0:
		p.Required("until", "a silence without an end is forgotten; one with hours (every) may have none")
	case s.From < 0:
		p.add("from", at(s.From), "must not be before 1970")
	case s.From >= s.Until:
		p.add("until", at(s.Until), "must be after from, %s", at(s.From))
	case s.From > 0 && s.Until-s.From > int64(maxSilenceLen) && !recurs:
		p.add("until", at(s.Until), "must be at most %d days after from, %s", maxSilenceLen/(24*time.Hour), at(s.From))
	}
	if s.Key != "" && !alertKey.MatchString(s.Key) {
		p.add("key", s.Key, "must be the key of an alert: 32 hexadecimal digits in lower case")
	}
	hours.Check(&p.Faults, "", "every", s.Every, s.Zone)
	for _, t := range []struct {
		field, text string
		limit       int
	}{{"comment", s.Comment, maxCommentLen}, {"author", s.Author, maxAuthorLen}} {
		p.tooLong(t.field, t.text, t.limit)
	}
	return p.Faults
}

// Within reports whether a time is between From and Until.
func (s *Silence) Within(now int64) bool { return s.From <= now && !s.Ended(now) }

// Ended reports whether the silence is over for good.
func (s *Silence) Ended(now int64) bool { return s.Until != 0 && s.Until <= now }

// Hours returns the hours of a valid silence, nil where it has none.
func (s *Silence) Hours() (*hours.Hours, error) {
	if len(s.Every) == 0 {
		return nil, nil
	}
	h, err := hours.Parse(s.Every, s.Zone)
	if err != nil {
		return nil, fmt.Errorf("every: %w", err)
	}
	return h, nil
}

// Period returns the time in which the silence suppresses hits: the current one, with now as From, or else the next one. ok is false when there is none any
// more, or none in the next three weeks.
func (s *Silence) Period(now int64) (p hours.Period, ok bool) {
	if s.Ended(now) {
		return p, false
	}
	p = hours.Period{From: max(now, s.From), Until: s.Until}
	h, err := s.Hours()
	if err != nil {
		return p, false
	}
	if h != nil {
		if p, ok = h.Period(p.From); !ok || s.Until != 0 && p.From >= s.Until {
			return hours.Period{}, false
		}
		if s.Until != 0 && (p.Until == 0 || p.Until > s.Until) {
			p.Until = s.Until
		}
	}
	return p, true
}

// SilenceSettings is a silence as the configuration writes it.
type SilenceSettings struct {
	// Names the silence; unique among those of the configuration.
	Name string `toml:"name"`
	Matchers
	// When the silence begins, with the offset from UTC, such as 2026-12-24T22:00:00Z. Unset: at once.
	From time.Time `toml:"from"`
	// When the silence ends. Required unless every is set, because a forgotten silence would hide alerts forever. "next image": for each workload
	// when a new image appears there, at the latest 30 days after from.
	Until Until `toml:"until"`
	// Times of the week at which the silence applies: ["sun 02:00-04:00"], ["weekdays 18:00-08:00", "weekends"]. It repeats every week, between from
	// and until if they are set.
	Every []string `toml:"every"`
	// The time zone of every, such as "Europe/Berlin". Unset: UTC.
	Zone string `toml:"zone"`
	// Why.
	Comment string `toml:"comment"`
	// Who set it.
	Author string `toml:"author"`
}

// configuredPrefix begins the ids of silences of the configuration.
const configuredPrefix = "config:"

// Silence returns the silence that the settings describe.
func (s *SilenceSettings) Silence() Silence {
	out := Silence{
		ID: configuredPrefix + s.Name, Matchers: s.Matchers, From: nanoseconds(s.From), Until: nanoseconds(s.Until.Time), Every: s.Every, Zone: s.Zone,
		NextImage: s.Until.NextImage, Comment: s.Comment, Author: s.Author, Configured: true,
	}
	if out.NextImage && out.From > 0 {
		out.Until = out.From + int64(MaxNextImage)
	}
	return out
}

// nanoseconds turns a time into ns since 1970; the zero time is 0, and a time beyond int64 the nearest that fits.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Year() < 1970:
		return -1
	case t.Year() > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
}

// Validate returns everything that is wrong with the settings, in their order.
func (s *SilenceSettings) Validate() []setting.Fault {
	var p checks
	p.name(s.Name)
	silence := s.Silence()
	return append(p.Faults, silence.Validate()...)
}

// ConfiguredSilence reports whether an id is that of a silence of the configuration.
func ConfiguredSilence(id string) bool { return strings.HasPrefix(id, configuredPrefix) }

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
