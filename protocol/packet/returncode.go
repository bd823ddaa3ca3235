package packet

// ReturnCode gives the Connect Return code of 3.1 and 3.1.1 that means the same
// (MQTT 3.1.1, table 3.1). ok is false when there is none: then the Network
// Connection is closed without CONNACK [MQTT-3.2.2-6 of 3.1.1].
func (c ReasonCode) ReturnCode() (code uint8, ok bool) {
	switch c {
	case Success:
		return 0, true
	case UnsupportedProtocolVersion:
		return 1, true
	case ClientIdentifierNotValid:
		return 2, true
	case ServerUnavailable, ServerBusy, QuotaExceeded, ConnectionRateExceeded, UseAnotherServer, ServerMoved:
		return 3, true
	case BadUserNameOrPassword:
		return 4, true
	case NotAuthorized, Banned, BadAuthenticationMethod:
		return 5, true
	}
	return 0, false
}

// returnCode reads a Connect Return code of 3.1 or 3.1.1.
func (c *cursor) returnCode() ReasonCode {
	switch code := c.byte("the Connect Return code"); code {
	case 0:
		return Success
	case 1:
		return UnsupportedProtocolVersion
	case 2:
		return ClientIdentifierNotValid
	case 3:
		return ServerUnavailable
	case 4:
		return BadUserNameOrPassword
	case 5:
		return NotAuthorized
	default:
		c.fail(violation("MQTT-3.2.2-8", "CONNACK with return code %d", code))
		return UnspecifiedError
	}
}
