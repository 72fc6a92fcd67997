package hours

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // images without a time zone database know zones, too

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// maxEntries bounds the entries of a list of hours.
const maxEntries = 100

// Example is an entry, for help texts.
const Example = "weekdays 18:00-08:00"

// Parse reads hours: each entry is days, times or both, as in "weekdays 18:00-08:00", "sun 02:00-04:00", "mon,wed" or "02:00-02:30". zone is a name of the
// time zone database; "" is UTC.
func Parse(entries []string, zone string) (*Hours, error) {
	h := &Hours{}
	for _, entry := range entries {
		spans, err := parseEntry(entry)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", entry, err)
		}
		h.spans = append(h.spans, spans...)
	}
	location, err := loadZone(zone)
	if err != nil {
		return nil, fmt.Errorf("zone %q: %w", zone, err)
	}
	h.zone = location
	return h, nil
}

// Check adds the faults of hours and their zone. field names the setting of the entries, prefix comes before the name of the other one, zone.
func Check(fs *setting.Faults, prefix, field string, entries []string, zone string) {
	fs.Length(prefix+field, len(entries), maxEntries, "entries")
	for _, entry := range entries {
		if _, err := parseEntry(entry); err != nil {
			fs.Add(prefix+field, entry, err.Message, err.Hint)
		}
	}
	if _, err := loadZone(zone); err != nil {
		fs.Add(prefix+"zone", zone, err.Message, err.Hint)
	} else if zone != "" && len(entries) == 0 {
		fs.Needs(prefix+"zone", zone, prefix+field)
	}
}

// loadZone returns a time zone. It reads the system's database, else the one in the program.
func loadZone(name string) (*time.Location, *setting.ParseError) {
	const form = `must be a time zone such as "Europe/Berlin"`
	if name == "Local" {
		return nil, &setting.ParseError{Message: form, Hint: "the machine's own zone may differ from machine to machine"}
	}
	location, err := time.LoadLocation(name)
	if err == nil {
		return location, nil
	}
	if cased := zoneCase(name); cased != name {
		if _, err := time.LoadLocation(cased); err == nil {
			return nil, &setting.ParseError{Message: form, Hint: setting.DidYouMean(name, []string{cased})}
		}
	}
	return nil, &setting.ParseError{Message: form}
}

// zoneCase returns a name in the case of most names of the database, with _ for spaces: America/New_York.
func zoneCase(name string) string {
	out := []byte(strings.ReplaceAll(strings.ToLower(name), " ", "_"))
	for i, c := range out {
		if c >= 'a' && c <= 'z' && (i == 0 || strings.IndexByte("/_-", out[i-1]) >= 0) {
			out[i] = c - 'a' + 'A'
		}
	}
	return string(out)
}

const form = `must be days and times such as "` + Example + `"`

// parseEntry reads one entry.
func parseEntry(entry string) ([]span, *setting.ParseError) {
	text := strings.ToLower(strings.TrimSpace(strings.ReplaceAll(entry, "–", "-")))
	for _, mark := range []string{",", "-"} { // "mon - fri, sun"
		parts := strings.Split(text, mark)
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		text = strings.Join(parts, mark)
	}
	words := strings.Fields(text)
	switch {
	case len(words) == 0 || len(words) > 2:
		return nil, &setting.ParseError{Message: form, Hint: hint(text)}
	case len(words) == 1 && words[0][0] >= '0' && words[0][0] <= '9':
		words = []string{"daily", words[0]}
	case len(words) == 1:
		words = append(words, "00:00-24:00")
	}
	days, err := parseDays(words[0])
	if err != nil {
		return nil, err
	}
	var spans []span
	for _, part := range strings.Split(words[1], ",") {
		s, err := parseTimes(part)
		if err != nil {
			return nil, err
		}
		s.days = days
		spans = append(spans, s)
	}
	return spans, nil
}

// hint explains why an entry of too many words is not one.
func hint(text string) string {
	switch {
	case strings.ContainsAny(text, "*"):
		return "words, not cron"
	case strings.HasSuffix(text, "am") || strings.HasSuffix(text, "pm") || strings.Contains(text, "am-") || strings.Contains(text, "pm-"):
		return clockHint
	case strings.Contains(text, " and "):
		return `a comma joins days, as in "mon,wed 02:00-04:00"`
	}
	return ""
}

const clockHint = "times are those of a 24-hour clock, as in 18:00"

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// dayWords has the words for days, each with its days.
var dayWords = func() map[string]uint8 {
	words := map[string]uint8{"daily": 0x7f, "weekdays": 0x3e, "weekends": 0x41}
	for i, name := range dayNames {
		words[name] = 1 << i
		words[strings.ToLower(time.Weekday(i).String())] = 1 << i
	}
	return words
}()

// parseDays reads days: words and ranges, joined by commas.
func parseDays(text string) (uint8, *setting.ParseError) {
	var days uint8
	for _, part := range strings.Split(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := dayOf(first)
		if err != nil {
			return 0, err
		}
		if !isRange {
			days |= from
			continue
		}
		to, err := dayOf(last)
		if err != nil {
			return 0, err
		}
		if from&(from-1) != 0 || to&(to-1) != 0 {
			return 0, &setting.ParseError{Message: fmt.Sprintf("%q must be from one day to another, as in mon-fri", part)}
		}
		for day := from; ; day = day<<1&0x7f | day>>6 { // over the weekend, too: fri-mon
			if days |= day; day == to {
				break
			}
		}
	}
	return days, nil
}

// dayOf returns the days of a word.
func dayOf(word string) (uint8, *setting.ParseError) {
	if days, ok := dayWords[word]; ok {
		return days, nil
	}
	known := append(slices.Clone(dayNames), "daily", "weekdays", "weekends")
	e := &setting.ParseError{Message: fmt.Sprintf("%q is not a day: days are %s", word, strings.Join(known, ", ")), Hint: setting.DidYouMean(word, known)}
	if word == "*" {
		e.Hint = "words, not cron"
	}
	return 0, e
}

// parseTimes reads 18:00-08:00.
func parseTimes(text string) (span, *setting.ParseError) {
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return span{}, &setting.ParseError{Message: fmt.Sprintf("%q must be from one time to another, as in 18:00-08:00", text), Hint: hint(text)}
	}
	from, err := minuteOf(first)
	if err != nil {
		return span{}, err
	}
	to, err := minuteOf(last)
	switch {
	case err != nil:
		return span{}, err
	case from == dayMinutes:
		return span{}, &setting.ParseError{Message: `"24:00" is the end of a day`, Hint: "the next one begins at 00:00"}
	case from == to:
		return span{}, &setting.ParseError{Message: fmt.Sprintf("%q begins and ends at the same time", text), Hint: `days without times are whole days, as in "sun"`}
	case to < from:
		to += dayMinutes
	}
	return span{from: from, to: to}, nil
}

// minuteOf reads 18:00, as minutes after midnight.
func minuteOf(text string) (int, *setting.ParseError) {
	e := &setting.ParseError{Message: fmt.Sprintf("%q is not a time of day from 00:00 to 24:00", text)}
	hour, minute, ok := strings.Cut(text, ":")
	switch {
	case strings.HasSuffix(text, "am") || strings.HasSuffix(text, "pm"):
		e.Hint = clockHint
		return 0, e
	case !ok:
		e.Hint = "times have minutes, as in 18:00"
		return 0, e
	case len(hour) < 1 || len(hour) > 2 || len(minute) != 2:
		return 0, e
	}
	h, err := strconv.ParseUint(hour, 10, 8)
	if err != nil {
		return 0, e
	}
	m, err := strconv.ParseUint(minute, 10, 8)
	if err != nil || m > 59 || h*60+m > dayMinutes {
		return 0, e
	}
	return int(h*60 + m), nil
}
