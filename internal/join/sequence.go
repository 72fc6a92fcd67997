package join

// Sequence joins the lines of one stream that come one by one. The zero value is ready.
type Sequence struct {
	trace Trace
	text  []byte // of the record so far, its lines separated by line feeds
	held  bool
}

// Add adds a line of the given time in ns, and calls emit with the text of the record before it, if that is complete.
func (s *Sequence) Add(line []byte, time int64, emit func(text []byte) error) error {
	if s.held && s.trace.Open() && s.trace.Continue(line, time) == Continues {
		s.text = append(append(s.text, lineFeed...), line...)
		return nil
	}
	if err := s.End(emit); err != nil {
		return err
	}
	var ok bool
	if s.trace, ok = Begin(line, time); !ok {
		s.trace = Trace{}
	}
	s.text, s.held = append(s.text[:0], line...), true
	return nil
}

// End calls emit with the text of the last record.
func (s *Sequence) End(emit func(text []byte) error) error {
	if !s.held {
		return nil
	}
	s.held = false
	return emit(Text(s.text))
}
