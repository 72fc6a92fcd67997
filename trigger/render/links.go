package render

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// NamedLink is a link of a message with the word that people click on.
type NamedLink struct{ Word, URL string }

// Links returns the links of a message that has several alerts or one: to its alert, or to all where they are of several incidents, and to the silence of the one
// incident that they are of.
func (v *View) Links() []NamedLink {
	var l trigger.Links
	for i := range v.All {
		if a := &v.All[i]; a.Links.Open != "" {
			l.Open = a.Links.Open
		}
	}
	if v.Key() == "" {
		if len(v.All) > 1 {
			l.Open = l.Open[:strings.LastIndex(l.Open, "/")+1]
			l.Open = strings.TrimSuffix(l.Open, "/")
		}
		return namedLinks(l)
	}
	for i := range v.All {
		if silence := v.All[i].Links.Silence; silence != "" && !v.Resolved() {
			l.Silence = silence
		}
	}
	return namedLinks(l)
}

// LinksOf returns the links of one alert.
func LinksOf(a *trigger.Alert) []NamedLink { return namedLinks(a.Links) }

func namedLinks(l trigger.Links) (list []NamedLink) {
	for _, one := range []NamedLink{{"Open", l.Open}, {"Silence 1 h", l.Silence}} {
		if one.URL != "" {
			list = append(list, one)
		}
	}
	return list
}

// Click returns the address that a tap on a message leads to: generator_url, the runbook, or the page; "" for none.
func (v *View) Click(s *trigger.Settings) string {
	if link := Link(s, v.First()); link != "" {
		return link
	}
	for _, l := range v.Links() {
		return l.URL
	}
	return ""
}

// HasDomain reports whether the host of an address is an IP address or has a dot. Services that check addresses refuse others, such as http://nas:2021, and with
// them the message.
func HasDomain(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.Is4() || err != nil && strings.Contains(strings.Trim(u.Hostname(), "."), ".")
}
