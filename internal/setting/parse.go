package setting

// ParseError is the reason why a text is not a value of its type. It does not repeat the text, which may be secret. Hint says how to write
// such a value, or is empty.
type ParseError struct{ Message, Hint string }

// Error returns the message with its hint.
func (e *ParseError) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}
