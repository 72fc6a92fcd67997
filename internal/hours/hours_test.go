package hours

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// hoursOf returns hours that a test knows to be valid.
func hoursOf(t testing.TB, zone string, entries ...string) *Hours {
	t.Helper()
	h, err := Parse(entries, zone)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestContain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ entry, in, out string }{
		// 2026-11-30 is a Monday.
		{"weekdays 18:00-08:00", "2026-11-30 18:00, 2026-12-01 07:59, 2026-12-05 07:59", "2026-11-30 07:59, 2026-11-30 17:59, 2026-12-05 08:00, 2026-12-05 19:00, 2026-12-06 03:00"},
		{"sun 02:00-04:00", "2026-12-06 02:00, 2026-12-06 03:59", "2026-12-06 01:59, 2026-12-06 04:00, 2026-12-07 03:00"},
		{"daily 02:00-02:30", "2026-11-30 02:00, 2026-12-05 02:29", "2026-12-05 02:30"},
		{"22:30-6:15", "2026-11-30 22:30, 2026-12-01 06:14", "2026-11-30 22:29, 2026-11-30 06:15"},
		{"sat", "2026-12-05 00:00, 2026-12-05 23:59", "2026-12-04 23:59, 2026-12-06 00:00"},
		{"Weekends", "2026-12-05 12:00, 2026-12-06 12:00", "2026-12-04 12:00, 2026-12-07 00:00"},
		{"fri-mon 10:00-11:00", "2026-12-04 10:00, 2026-12-05 10:00, 2026-12-06 10:00, 2026-12-07 10:00", "2026-12-03 10:00, 2026-12-08 10:00"},
		{"mon, wed – fri 09:00 - 12:00, 13:00-17:00", "2026-11-30 09:00, 2026-12-02 16:59, 2026-12-04 11:59", "2026-11-30 12:30, 2026-12-01 10:00, 2026-12-05 10:00"},
		{"Tuesday 00:00-24:00", "2026-12-01 00:00, 2026-12-01 23:59", "2026-11-30 23:59, 2026-12-02 00:00"},
		{"daily 20:00-24:00", "2026-12-01 23:59", "2026-12-02 00:00"},
	} {
		h := hoursOf(t, "", c.entry)
		for want, moments := range map[bool]string{true: c.in, false: c.out} {
			for _, text := range strings.Split(moments, ", ") {
				at, err := time.Parse("2006-01-02 15:04", text)
				if err != nil {
					t.Fatal(err)
				}
				if h.Contain(at.UnixNano()) != want {
					t.Errorf("%q contains %s: %t", c.entry, at.Format("Mon 2006-01-02 15:04"), !want)
				}
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	const form = `must be days and times such as "weekdays 18:00-08:00"`
	for _, c := range []struct{ entry, zone, want string }{
		{"", "", form},
		{"0 2 * * *", "", form + " (words, not cron)"},
		{"* 02:00-04:00", "", "words, not cron"},
		{"monday and friday 02:00-04:00", "", "(a comma joins days"},
		{"daily 6 pm-8 am", "", "24-hour clock"},
		{"daily 6pm-8am", "", `"6pm" is not a time of day from 00:00 to 24:00 (times are those of a 24-hour clock, as in 18:00)`},
		{"daily 18-08", "", `"18" is not a time of day from 00:00 to 24:00 (times have minutes, as in 18:00)`},
		{"daily 24:30-01:00", "", `"24:30" is not a time of day`},
		{"daily 23:60-01:00", "", `"23:60" is not a time of day`},
		{"daily +1:00-02:00", "", `"+1:00" is not a time of day`},
		{"daily 24:00-01:00", "", `"24:00" is the end of a day (the next one begins at 00:00)`},
		{"daily 08:00-08:00", "", `"08:00-08:00" begins and ends at the same time (days without times are whole days`},
		{"daily 08:00", "", `"08:00" must be from one time to another`},
		{"wekdays 18:00-08:00", "", `"wekdays" is not a day: days are sun, mon, tue, wed, thu, fri, sat, daily, weekdays, weekends (did you mean "weekdays"?)`},
		{"mon-weekdays 18:00-08:00", "", `"mon-weekdays" must be from one day to another`},
		{"mon-,fri 18:00-08:00", "", `"" is not a day`},
		{"sun", "europe/berlin", `zone "europe/berlin": must be a time zone such as "Europe/Berlin" (did you mean "Europe/Berlin"?)`},
		{"sun", "america/new york", `(did you mean "America/New_York"?)`},
		{"sun", "Local", "the machine's own zone may differ"},
		{"sun", "../../etc/passwd", `zone "../../etc/passwd": must be a time zone`},
		{"sun", "Mars/Olympus", `zone "Mars/Olympus": must be a time zone`},
	} {
		var fs setting.Faults
		Check(&fs, "", "every", []string{c.entry}, c.zone)
		if len(fs) != 1 || !strings.Contains(fs[0].Error(), c.want) {
			t.Errorf("%q in %q: %v, want %s", c.entry, c.zone, fs, c.want)
		}
		if _, err := Parse([]string{c.entry}, c.zone); err == nil {
			t.Errorf("%q in %q is accepted", c.entry, c.zone)
		}
	}
	var fs setting.Faults
	if Check(&fs, "", "during", nil, "UTC"); len(fs) != 1 || fs[0].With != "during" {
		t.Errorf("a zone of no hours: %v", fs)
	}
}

// changes are zones of both hemispheres, each with a day on which its clocks change: by an hour or half of one, at night and at midnight, ahead and back, and
// across the date line.
var changes = []struct{ zone, day string }{
	{"Europe/Berlin", "2026-03-29"}, {"Europe/Berlin", "2026-10-25"}, {"America/New_York", "2026-03-08"}, {"America/New_York", "2026-11-01"},
	{"Australia/Sydney", "2026-04-05"}, {"Australia/Sydney", "2026-10-04"}, {"Australia/Lord_Howe", "2026-04-05"}, {"Australia/Lord_Howe", "2026-10-04"},
	{"America/Santiago", "2026-04-04"}, {"America/Santiago", "2026-09-06"}, {"Africa/Cairo", "2026-04-24"}, {"Africa/Cairo", "2026-10-29"},
	{"Pacific/Apia", "2011-12-30"}, {"America/Sao_Paulo", "2018-11-04"}, {"UTC", "2026-06-01"}, {"Asia/Kathmandu", "2026-06-01"},
}

// TestClocksChange plays the days around each change, minute by minute, to random hours, and compares them with the time that a clock on the wall shows.
func TestClocksChange(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	days := []string{"daily", "weekdays", "weekends", "sun", "mon-wed", "sat,tue", "fri-sun"}
	for _, c := range changes {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		day, err := time.ParseInLocation(time.DateOnly, c.day, zone)
		if err != nil {
			t.Fatal(err)
		}
		for range 12 {
			from, to := random.IntN(96)*15, random.IntN(96)*15
			if from == to {
				continue
			}
			entry := days[random.IntN(len(days))] + " " + clockText(from) + "-" + clockText(to)
			compare(t, hoursOf(t, c.zone, entry), zone, day.AddDate(0, 0, -4), c.zone+" "+entry)
		}
	}
}

func clockText(minute int) string {
	return time.Unix(int64(minute)*60, 0).UTC().Format("15:04")
}

// compare holds hours of one entry against the texts of the times that the zone shows, and each change against the minutes around it.
func compare(t *testing.T, h *Hours, zone *time.Location, begin time.Time, name string) {
	t.Helper()
	s := h.spans[0]
	from, to := clockText(s.from), clockText(s.to%dayMinutes)
	on := func(d time.Weekday) bool { return s.days>>d&1 != 0 }
	shown := func(at time.Time) bool {
		wall := at.In(zone)
		clock, today := wall.Format("15:04"), wall.Weekday()
		if s.to <= dayMinutes {
			return on(today) && clock >= from && (clock < to || s.to == dayMinutes)
		}
		return on(today) && clock >= from || on((today+6)%7) && clock < to
	}
	const minutes = 9 * dayMinutes
	next := int64(0) // the next change, where one is known
	for i := range minutes {
		at := begin.Add(time.Duration(i) * time.Minute)
		want := shown(at)
		if h.Contain(at.UnixNano()) != want {
			t.Fatalf("%s contains %s: %t", name, at.In(zone).Format(time.RFC1123Z), !want)
		}
		if i > 0 && want != shown(at.Add(-time.Minute)) {
			if next != 0 && next != at.UnixNano() {
				t.Fatalf("%s changes at %s, and not at %s", name, at.In(zone).Format(time.RFC1123Z), time.Unix(0, next).In(zone).Format(time.RFC1123Z))
			}
			next = 0
		}
		if next == at.UnixNano() {
			t.Fatalf("%s does not change at %s", name, at.In(zone).Format(time.RFC1123Z))
		}
		if next == 0 {
			if next, _ = h.change(at.UnixNano()); next <= at.UnixNano() {
				t.Fatalf("%s: no change after %s", name, at.In(zone).Format(time.RFC1123Z))
			}
		}
	}
}

// TestDaysOf23And25Hours has the cases that the documentation names.
func TestDaysOf23And25Hours(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, entry, zone string
		now               string
		want              []string // the next periods
	}{
		{"a night that lacks an hour", "sat 22:00-06:00", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-28T21:00:00Z 2026-03-29T04:00:00Z"}},
		{"a night with an hour more", "sat 22:00-06:00", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-24T20:00:00Z 2026-10-25T05:00:00Z"}},
		{"a time that does not exist", "daily 02:00-03:00", "Europe/Berlin", "2026-03-28T02:00:00Z",
			[]string{"2026-03-30T00:00:00Z 2026-03-30T01:00:00Z"}},
		{"begins at a time that does not exist", "daily 02:30-04:00", "Europe/Berlin", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T01:00:00Z 2026-03-29T02:00:00Z"}},
		{"a time that comes twice", "daily 02:00-02:30", "Europe/Berlin", "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T00:00:00Z 2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z 2026-10-25T01:30:00Z", "2026-10-26T01:00:00Z 2026-10-26T01:30:00Z"}},
		{"an hour that comes twice", "daily 02:00-03:00", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:00:00Z 2026-10-25T02:00:00Z"}},
		{"begins and ends at a time that comes twice", "daily 02:30-04:00", "Europe/Berlin", "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T00:30:00Z 2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z 2026-10-25T03:00:00Z"}},
		{"the same in the south", "daily 02:00-03:00", "Australia/Sydney", "2026-04-04T12:00:00Z", []string{"2026-04-04T15:00:00Z 2026-04-04T17:00:00Z"}},
		{"a day that does not exist", "fri", "Pacific/Apia", "2011-12-29T12:00:00Z", []string{"2012-01-05T10:00:00Z 2012-01-06T10:00:00Z"}},
		{"a midnight that does not exist", "sun 00:00-02:00", "America/Sao_Paulo", "2018-11-03T12:00:00Z", []string{"2018-11-04T03:00:00Z 2018-11-04T04:00:00Z"}},
		{"without an end", "daily", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-28T12:00:00Z -"}},
	} {
		h := hoursOf(t, c.zone, c.entry)
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		at := now.UnixNano()
		for _, want := range c.want {
			p, ok := h.Period(at)
			got := time.Unix(0, p.From).UTC().Format(time.RFC3339) + " -"
			if p.Until != 0 {
				got = strings.TrimSuffix(got, "-") + time.Unix(0, p.Until).UTC().Format(time.RFC3339)
			}
			if !ok || got != want {
				t.Errorf("%s: %q in %s is %s (%t), want %s", c.name, c.entry, c.zone, got, ok, want)
			}
			at = p.Until
		}
	}
	if p, ok := (&Hours{zone: time.UTC}).Period(0); ok {
		t.Errorf("no hours have the period %v", p)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("weekdays 18:00-08:00", "Europe/Berlin")
	f.Add("mon,fri-sun 1:00-2:00,3:00-24:00", "")
	f.Fuzz(func(t *testing.T, entry, zone string) {
		var fs setting.Faults
		Check(&fs, "", "every", []string{entry}, zone)
		h, err := Parse([]string{entry}, zone)
		if (err == nil) != (len(fs) == 0) {
			t.Fatalf("%q: %v, and yet %v", entry, err, fs)
		}
		if err != nil {
			return
		}
		at := int64(1_780_000_000e9)
		p, ok := h.Period(at)
		if !ok || p.From < at || !h.Contain(p.From) || p.Until != 0 && (p.Until <= p.From || h.Contain(p.Until)) {
			t.Fatalf("%q in %q: %v %t", entry, zone, p, ok)
		}
	})
}

func BenchmarkContain(b *testing.B) {
	h := hoursOf(b, "Europe/Berlin", "weekdays 18:00-08:00", "weekends")
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC).UnixNano()
	b.ReportAllocs()
	for b.Loop() {
		if h.Contain(at) {
			b.Fatal("noon on a Monday")
		}
	}
}
