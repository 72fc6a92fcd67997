package timestamp

import (
	"bytes"
	"time"
)

// abbreviations are the offsets, in minutes, of unambiguous zone abbreviations. PostgreSQL's default list agrees with it. Ambiguous ones are left out on
// purpose: CST is used in America, China and Cuba, IST in India, Ireland and Israel, BST in Britain and Bangladesh, AST in Arabia and the Atlantic. They
// are accepted only if --timezone names a zone that uses them.
var abbreviations = map[string]int{
	"UTC": 0, "GMT": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "MET": 60, "MEST": 120, "EET": 120, "EEST": 180, "MSK": 180, "TRT": 180, "SAST": 120,
	"EST": -300, "EDT": -240, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420, "AKST": -540, "AKDT": -480, "HST": -600, "BRT": -180, "ART": -180,
	"JST": 540, "KST": 540, "HKT": 480, "SGT": 480, "PKT": 300, "WIB": 420, "ICT": 420,
	"AEST": 600, "AEDT": 660, "ACST": 570, "ACDT": 630, "AWST": 480, "NZST": 720, "NZDT": 780,
}

// ambiguous are the abbreviations in logs that stand for several zones.
var ambiguous = map[string]bool{"CST": true, "IST": true, "BST": true, "AST": true, "ADT": true, "AMT": true, "GST": true, "SST": true, "WST": true, "ECT": true, "PYT": true}

// maxZoneName bounds the length of a zone's name in a line, and maxZones the number of cached zones.
const (
	maxZoneName = 40
	maxZones    = 64
)

// zoneWord returns the length of the first word if it may name a zone: capital letters, or a name such as Europe/Berlin.
func zoneWord(b []byte) int {
	n := 0
	for n < len(b) && n < maxZoneName && (isLetter(b[n]) || n > 0 && (b[n] == '/' || b[n] == '_' || b[n] == '-' || b[n] == '+' || isDigit(b[n]))) {
		n++
	}
	return n
}

// named parses the zone at the start of b, sets it in the moment, and returns the rest. ok is false if b does not begin with a zone.
func (c *Clock) named(m *moment, b []byte) (rest []byte, ok bool) {
	n := zoneWord(b)
	if n < 2 || n < len(b) && b[n] != ' ' && b[n] != ']' && b[n] != ',' && b[n] != ')' && b[n] != ':' && b[n] != '"' && b[n] != '\t' {
		return b, false
	}
	if bytes.IndexByte(b[:n], '/') > 0 {
		zone := c.load(b[:n])
		if zone == nil {
			return b, false
		}
		m.zone = zone
		return b[n:], true
	}
	if !upper(b[:n]) {
		return b, false
	}
	minutes, known := abbreviations[string(b[:n])]
	several := ambiguous[string(b[:n])]
	if !known && !several && c.Zone == nil {
		return b, false
	}
	if c.Zone != nil { // the given zone's own meaning has priority
		at := time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, 0, c.Zone)
		for _, near := range [...]time.Time{at, at.Add(-time.Hour), at.Add(time.Hour)} { // the hour that occurs twice
			if name, offset := near.Zone(); name == string(b[:n]) {
				m.zoned, m.offset = true, offset
				return b[n:], true
			}
		}
	}
	switch {
	case known:
		m.zoned, m.offset = true, minutes*60
		return b[n:], true
	case several:
		m.unclear = AmbiguousZone
		return b[n:], true
	}
	return b, false
}

func upper(b []byte) bool {
	for _, c := range b {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// load returns a zone by its name in the time zone database, or nil if the database has no such zone.
func (c *Clock) load(name []byte) *time.Location {
	if zone, ok := c.zones[string(name)]; ok {
		return zone
	}
	zone, err := time.LoadLocation(string(name))
	if err != nil {
		zone = nil
	}
	if c.zones == nil || len(c.zones) >= maxZones {
		c.zones = map[string]*time.Location{}
	}
	c.zones[string(name)] = zone
	return zone
}
