package packet

import "fmt"

// Error is a violation of the protocol. Every error that the package returns
// is an *Error.
type Error struct {
	// Code is what the peer is told in CONNACK or DISCONNECT, where its version
	// has room for it.
	Code ReasonCode
	// Text says what is wrong, for the log and the Reason String.
	Text string
	// Statement names the normative statement of MQTT 5.0, such as
	// "MQTT-2.1.3-1", for packets of all versions. Empty where the
	// specification states the rule without a number.
	Statement string
}

// Error gives Reason Code, text and statement in one line.
func (e *Error) Error() string {
	if e.Statement == "" {
		return e.Code.String() + ": " + e.Text
	}
	return e.Code.String() + ": " + e.Text + " [" + e.Statement + "]"
}

func malformed(statement, format string, a ...any) *Error {
	return &Error{MalformedPacket, fmt.Sprintf(format, a...), statement}
}

func violation(statement, format string, a ...any) *Error {
	return &Error{ProtocolError, fmt.Sprintf(format, a...), statement}
}
