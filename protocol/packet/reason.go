package packet

import "fmt"

// ReasonCode says how an operation ended (section 2.4). The codes of MQTT 5.0
// stand for the return codes of the earlier versions too: Append and Decode
// translate.
type ReasonCode uint8

// The Reason Codes of MQTT 5.0, table 2-6.
const (
	Success                             ReasonCode = 0x00 // also Normal disconnection and Granted QoS 0
	GrantedQoS1                         ReasonCode = 0x01
	GrantedQoS2                         ReasonCode = 0x02
	DisconnectWithWill                  ReasonCode = 0x04
	NoMatchingSubscribers               ReasonCode = 0x10
	NoSubscriptionExisted               ReasonCode = 0x11
	ContinueAuthentication              ReasonCode = 0x18
	Reauthenticate                      ReasonCode = 0x19
	UnspecifiedError                    ReasonCode = 0x80
	MalformedPacket                     ReasonCode = 0x81
	ProtocolError                       ReasonCode = 0x82
	ImplementationSpecificError         ReasonCode = 0x83
	UnsupportedProtocolVersion          ReasonCode = 0x84
	ClientIdentifierNotValid            ReasonCode = 0x85
	BadUserNameOrPassword               ReasonCode = 0x86
	NotAuthorized                       ReasonCode = 0x87
	ServerUnavailable                   ReasonCode = 0x88
	ServerBusy                          ReasonCode = 0x89
	Banned                              ReasonCode = 0x8A
	ServerShuttingDown                  ReasonCode = 0x8B
	BadAuthenticationMethod             ReasonCode = 0x8C
	KeepAliveTimeout                    ReasonCode = 0x8D
	SessionTakenOver                    ReasonCode = 0x8E
	TopicFilterInvalid                  ReasonCode = 0x8F
	TopicNameInvalid                    ReasonCode = 0x90
	PacketIdentifierInUse               ReasonCode = 0x91
	PacketIdentifierNotFound            ReasonCode = 0x92
	ReceiveMaximumExceeded              ReasonCode = 0x93
	TopicAliasInvalid                   ReasonCode = 0x94
	PacketTooLarge                      ReasonCode = 0x95
	MessageRateTooHigh                  ReasonCode = 0x96
	QuotaExceeded                       ReasonCode = 0x97
	AdministrativeAction                ReasonCode = 0x98
	PayloadFormatInvalid                ReasonCode = 0x99
	RetainNotSupported                  ReasonCode = 0x9A
	QoSNotSupported                     ReasonCode = 0x9B
	UseAnotherServer                    ReasonCode = 0x9C
	ServerMoved                         ReasonCode = 0x9D
	SharedSubscriptionsNotSupported     ReasonCode = 0x9E
	ConnectionRateExceeded              ReasonCode = 0x9F
	MaximumConnectTime                  ReasonCode = 0xA0
	SubscriptionIdentifiersNotSupported ReasonCode = 0xA1
	WildcardSubscriptionsNotSupported   ReasonCode = 0xA2
)

// IsError tells failures (0x80 and above) from success (section 2.4).
func (c ReasonCode) IsError() bool { return c >= 0x80 }

// String gives the name of the code in lower case, such as "topic alias
// invalid", or "reason code 0x7f" for one that does not exist.
func (c ReasonCode) String() string {
	switch c {
	case Success:
		return "success"
	case GrantedQoS1:
		return "granted QoS 1"
	case GrantedQoS2:
		return "granted QoS 2"
	case DisconnectWithWill:
		return "disconnect with Will Message"
	case NoMatchingSubscribers:
		return "no matching subscribers"
	case NoSubscriptionExisted:
		return "no subscription existed"
	case ContinueAuthentication:
		return "continue authentication"
	case Reauthenticate:
		return "re-authenticate"
	case UnspecifiedError:
		return "unspecified error"
	case MalformedPacket:
		return "malformed packet"
	case ProtocolError:
		return "protocol error"
	case ImplementationSpecificError:
		return "implementation specific error"
	case UnsupportedProtocolVersion:
		return "unsupported protocol version"
	case ClientIdentifierNotValid:
		return "Client Identifier not valid"
	case BadUserNameOrPassword:
		return "bad User Name or Password"
	case NotAuthorized:
		return "not authorized"
	case ServerUnavailable:
		return "server unavailable"
	case ServerBusy:
		return "server busy"
	case Banned:
		return "banned"
	case ServerShuttingDown:
		return "server shutting down"
	case BadAuthenticationMethod:
		return "bad authentication method"
	case KeepAliveTimeout:
		return "Keep Alive timeout"
	case SessionTakenOver:
		return "session taken over"
	case TopicFilterInvalid:
		return "Topic Filter invalid"
	case TopicNameInvalid:
		return "Topic Name invalid"
	case PacketIdentifierInUse:
		return "Packet Identifier in use"
	case PacketIdentifierNotFound:
		return "Packet Identifier not found"
	case ReceiveMaximumExceeded:
		return "Receive Maximum exceeded"
	case TopicAliasInvalid:
		return "Topic Alias invalid"
	case PacketTooLarge:
		return "packet too large"
	case MessageRateTooHigh:
		return "message rate too high"
	case QuotaExceeded:
		return "quota exceeded"
	case AdministrativeAction:
		return "administrative action"
	case PayloadFormatInvalid:
		return "payload format invalid"
	case RetainNotSupported:
		return "retain not supported"
	case QoSNotSupported:
		return "QoS not supported"
	case UseAnotherServer:
		return "use another server"
	case ServerMoved:
		return "server moved"
	case SharedSubscriptionsNotSupported:
		return "shared subscriptions not supported"
	case ConnectionRateExceeded:
		return "connection rate exceeded"
	case MaximumConnectTime:
		return "maximum connect time"
	case SubscriptionIdentifiersNotSupported:
		return "Subscription Identifiers not supported"
	case WildcardSubscriptionsNotSupported:
		return "wildcard subscriptions not supported"
	}
	return fmt.Sprintf("reason code 0x%02x", uint8(c))
}

// Allows tells whether a packet of type t may carry the code (table 2-6).
func (t Type) Allows(c ReasonCode) bool {
	switch t {
	case TypeConnack:
		switch c {
		case Success, UnspecifiedError, MalformedPacket, ProtocolError, ImplementationSpecificError,
			UnsupportedProtocolVersion, ClientIdentifierNotValid, BadUserNameOrPassword, NotAuthorized,
			ServerUnavailable, ServerBusy, Banned, BadAuthenticationMethod, TopicNameInvalid, PacketTooLarge,
			QuotaExceeded, PayloadFormatInvalid, RetainNotSupported, QoSNotSupported, UseAnotherServer,
			ServerMoved, ConnectionRateExceeded:
			return true
		}
	case TypePuback, TypePubrec:
		switch c {
		case Success, NoMatchingSubscribers, UnspecifiedError, ImplementationSpecificError, NotAuthorized,
			TopicNameInvalid, PacketIdentifierInUse, QuotaExceeded, PayloadFormatInvalid:
			return true
		}
	case TypePubrel, TypePubcomp:
		return c == Success || c == PacketIdentifierNotFound
	case TypeSuback:
		switch c {
		case Success, GrantedQoS1, GrantedQoS2, UnspecifiedError, ImplementationSpecificError, NotAuthorized,
			TopicFilterInvalid, PacketIdentifierInUse, QuotaExceeded, SharedSubscriptionsNotSupported,
			SubscriptionIdentifiersNotSupported, WildcardSubscriptionsNotSupported:
			return true
		}
	case TypeUnsuback:
		switch c {
		case Success, NoSubscriptionExisted, UnspecifiedError, ImplementationSpecificError, NotAuthorized,
			TopicFilterInvalid, PacketIdentifierInUse:
			return true
		}
	case TypeDisconnect:
		switch c {
		case Success, DisconnectWithWill, UnspecifiedError, MalformedPacket, ProtocolError,
			ImplementationSpecificError, NotAuthorized, ServerBusy, ServerShuttingDown, BadAuthenticationMethod,
			KeepAliveTimeout, SessionTakenOver, TopicFilterInvalid, TopicNameInvalid, ReceiveMaximumExceeded,
			TopicAliasInvalid, PacketTooLarge, MessageRateTooHigh, QuotaExceeded, AdministrativeAction,
			PayloadFormatInvalid, RetainNotSupported, QoSNotSupported, UseAnotherServer, ServerMoved,
			SharedSubscriptionsNotSupported, ConnectionRateExceeded, MaximumConnectTime,
			SubscriptionIdentifiersNotSupported, WildcardSubscriptionsNotSupported:
			return true
		}
	case TypeAuth:
		return c == Success || c == ContinueAuthentication || c == Reauthenticate
	}
	return false
}
