package command

// The exit codes.
const (
	Fine     = 0
	Findings = 1 // the command did its work, and the answer is bad: a delivery failed, or no dead letter has that id
	Rules    = 2 // rules or triggers have problems
	Usage    = 3 // the command line or the configuration cannot be used
)

// Error is an error that ends the program with a code of its own. An empty text means that the command has reported everything already.
type Error struct {
	Code int
	Text string
}

func (e *Error) Error() string { return e.Text }

// UsageError is a command line that cannot be parsed. The program adds how to get help.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }
