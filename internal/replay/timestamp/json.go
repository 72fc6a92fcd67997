package timestamp

import (
	"math"

	"github.com/tidwall/gjson"
)

// timeKeys are the keys that hold the time in lines of JSON. The first one with a readable time counts.
var timeKeys = [...]string{
	"time", "ts", "timestamp", "@timestamp", "time_local", "time_iso8601", "t", "@t", "asctime", "datetime", "date", "eventTime", "log_time", "timeMillis",
	"instant", "Timestamp", "Time", "event_time", "created", "__REALTIME_TIMESTAMP",
}

// timePaths are the same keys, escaped as paths for gjson.
var timePaths = func() (paths [len(timeKeys)]string) {
	for i, key := range timeKeys {
		paths[i] = gjson.Escape(key)
	}
	return paths
}()

// JSON returns the time of a JSON object, in ns: that of the first of the usual keys that has one.
func (c *Clock) JSON(line []byte) (ns int64, ok bool) {
	for _, path := range timePaths {
		if v := gjson.GetBytes(line, path); v.Exists() {
			if ns, ok := timeOf(c, &v); ok {
				return ns, true
			}
		}
	}
	return 0, false
}

// timeOf parses a value: a text in any of textForms, or a number since 1970 in seconds, ms, µs or ns. The magnitude of the number determines its unit.
func timeOf(c *Clock, v *gjson.Result) (int64, bool) {
	switch v.Type {
	case gjson.String:
		text := []byte(v.Str)
		if len(text) < 10 {
			return 0, false
		}
		for _, form := range textForms {
			if ns, ok := form(c, text); ok || c.Why != NoTime {
				return ns, ok
			}
		}
		if isDigits(text) {
			return unixNumber(gjson.Parse(v.Str).Num)
		}
		c.Why = unclear(text)
		return 0, false
	case gjson.JSON:
		if v.IsObject() {
			return nestedTime(c, v)
		}
		return 0, false
	case gjson.Number:
		if ns, ok := unixTime(c, []byte(v.Raw)); ok { // exact, unlike a float64
			return ns, true
		}
		if n := v.Num; n > 1e17 { // ns have more digits than a float64 can represent
			return v.Int(), v.Int() > 0
		}
		return unixNumber(v.Num)
	}
	return 0, false
}

// textForms are the forms of time that values of JSON have.
var textForms = [...]func(c *Clock, b []byte) (int64, bool){(*Clock).ISO, (*Clock).dayFirst, unixTime, (*Clock).ctime, (*Clock).monthFirst, (*Clock).compact, (*Clock).syslog}

// nestedTime parses a time that is an object: {"$date": …} (MongoDB), {"epochSecond": …, "nanoOfSecond": …} (log4j) and {"seconds": …, "nanos": …}
// (protocol buffers).
func nestedTime(c *Clock, v *gjson.Result) (int64, bool) {
	if date := v.Get("$date"); date.Exists() {
		if number := date.Get("$numberLong"); number.Exists() {
			return unixNumber(number.Float())
		}
		if date.Type == gjson.JSON {
			return 0, false
		}
		return timeOf(c, &date)
	}
	for _, names := range [...][2]string{{"epochSecond", "nanoOfSecond"}, {"seconds", "nanos"}} {
		if seconds := v.Get(names[0]); seconds.Exists() {
			ns, ok := unixNumber(seconds.Float())
			part := v.Get(names[1]).Int()
			return ns + part, ok && part >= 0 && part < 1e9
		}
	}
	return 0, false
}

// unixNumber converts a number since 1970 to ns. The magnitudes of the units do not overlap between 1980 and 2200.
func unixNumber(n float64) (int64, bool) {
	const first, last = 3.1e8, 7.26e9
	for scale := 1e9; scale >= 1; scale /= 1e3 {
		if n*scale >= first*1e9 && n*scale <= last*1e9 {
			whole, part := math.Modf(n)
			return int64(whole)*int64(scale) + int64(math.Round(part*scale)), true
		}
	}
	return 0, false
}
