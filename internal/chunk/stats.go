package chunk

import "sync/atomic"

// Stats returns the counts since the decoder was made.
func (d *Decoder) Stats() Stats {
	s := d.stats.load()
	s.OriginsEvicted, s.LabelsIgnored = d.origins.evicted.Load(), d.origins.refused.Load()
	held, bytes, dropped := d.joiner.state()
	s.HeldLines, s.HeldBytes, s.DroppedBytes = int64(held), int64(bytes), dropped
	waiting, waitingBytes := d.traces.state()
	s.WaitingRecords, s.WaitingBytes = int64(waiting), int64(waitingBytes)
	return s
}

// Stats counts events and lines. When no call is under way, no line is unfinished and no record waits,
//
//	Events + Joined + Cut + Split = Markers + Textless + Excluded + Parts + Continued + Records
type Stats struct {
	Events         int64 // that could be read, group markers included
	Markers        int64 // starts and ends of groups
	Broken         int64 // places where there was no event where one had to be
	LostBytes      int64 // passed over at those places
	Textless       int64 // events without text: empty, or no map and no text
	Excluded       int64 // lines and events of containers with the label fluentbit-trigger.enable=false
	Records        int64 // handed to the caller
	Split          int64 // further events of containers, or lines, that stood in one record of docker_events
	Parts          int64 // events that are parts of a line
	Joined         int64 // lines made of parts
	Cut            int64 // lines handed over without their end
	Overlong       int64 // lines longer than 1 MiB
	DroppedBytes   int64 // of those lines
	HeldLines      int64 // unfinished lines now
	HeldBytes      int64 // their size
	Continued      int64 // lines that became a part of the record before them: of a stack trace
	JoinedRecords  int64 // records of several lines
	JoinedLines    int64 // lines of these records
	CutRecords     int64 // records that ended at a bound
	WaitingRecords int64 // records that wait for further lines now
	WaitingBytes   int64 // their size
	OriginsEvicted int64 // origins evicted because the table was full
	LabelsIgnored  int64 // origins whose label names a workload that is not theirs to name
}

// counters is the part of Stats that readings add to.
type counters struct {
	events, markers, broken, lostBytes, textless, excluded, records, split, parts, joined, cut, overlong, continued, joinedRecords, joinedLines, cutRecords atomic.Int64
}

func (c *counters) pairs(s *Stats) [16]struct {
	sum  *atomic.Int64
	term *int64
} {
	return [16]struct {
		sum  *atomic.Int64
		term *int64
	}{
		{&c.events, &s.Events}, {&c.markers, &s.Markers}, {&c.broken, &s.Broken}, {&c.lostBytes, &s.LostBytes},
		{&c.textless, &s.Textless}, {&c.excluded, &s.Excluded}, {&c.records, &s.Records}, {&c.split, &s.Split}, {&c.parts, &s.Parts},
		{&c.joined, &s.Joined}, {&c.cut, &s.Cut}, {&c.overlong, &s.Overlong},
		{&c.continued, &s.Continued}, {&c.joinedRecords, &s.JoinedRecords}, {&c.joinedLines, &s.JoinedLines}, {&c.cutRecords, &s.CutRecords},
	}
}

func (c *counters) add(s *Stats) {
	for _, p := range c.pairs(s) {
		if *p.term != 0 {
			p.sum.Add(*p.term)
		}
	}
}

func (c *counters) load() (s Stats) {
	for _, p := range c.pairs(&s) {
		*p.term = p.sum.Load()
	}
	return s
}
