package topic

// Error says which rule a Topic Name or Topic Filter breaks. Every error of
// this package is one of the values below.
type Error struct {
	Text      string
	Statement string // identifier of the normative statement, e.g. "MQTT-4.7.3-1"
}

func (e *Error) Error() string { return e.Text + " [" + e.Statement + "]" }

var (
	// ErrEmpty: a Topic Name or Topic Filter has no character.
	ErrEmpty error = &Error{"topic is empty", "MQTT-4.7.3-1"}
	// ErrNull: a Topic Name or Topic Filter holds U+0000.
	ErrNull error = &Error{"topic holds a null character", "MQTT-4.7.3-2"}
	// ErrTooLong: a Topic Name or Topic Filter is longer than 65,535 bytes.
	ErrTooLong error = &Error{"topic is longer than 65,535 bytes", "MQTT-4.7.3-3"}
	// ErrEncoding: a Topic Name or Topic Filter is not well-formed UTF-8.
	ErrEncoding error = &Error{"topic is not well-formed UTF-8", "MQTT-1.5.4-1"}
	// ErrWildcard: a Topic Name holds `+` or `#`.
	ErrWildcard error = &Error{"topic name holds a wildcard", "MQTT-4.7.0-1"}
	// ErrMultiLevel: a Topic Filter has `#` elsewhere than as its whole last level.
	ErrMultiLevel error = &Error{"`#` is not the whole last level of the filter", "MQTT-4.7.1-1"}
	// ErrSingleLevel: a Topic Filter has a `+` that is not a whole level.
	ErrSingleLevel error = &Error{"`+` is not a whole level of the filter", "MQTT-4.7.1-2"}
	// ErrShareName: a Shared Subscription has an empty ShareName.
	ErrShareName error = &Error{"share name is empty", "MQTT-4.8.2-1"}
	// ErrShareFilter: a Shared Subscription has a wildcard in its ShareName, or
	// no Topic Filter behind it.
	ErrShareFilter error = &Error{"share name holds a wildcard or is not followed by a filter", "MQTT-4.8.2-2"}
)
