package configs

// choice is a type that allows a few words.
type choice interface{ allowed() []string }

// Durability is what an acknowledgement to a Client says is safe. It has no
// meaning for an instance without a data directory.
type Durability string

// What an acknowledgement says is safe, each including what those before it say.
const (
	DurabilityMemory  Durability = "memory"  // nothing yet: it is written within the flush bounds of Persistence
	DurabilityProcess Durability = "process" // survives the end of the process, kill -9 included
	DurabilityDisk    Durability = "disk"    // survives a loss of power: fsync before the acknowledgement
)

func (Durability) allowed() []string {
	return []string{string(DurabilityMemory), string(DurabilityProcess), string(DurabilityDisk)}
}

// OnError says what happens when the device of the data directory fails.
type OnError string

// What happens when the device fails.
const (
	OnErrorStop     OnError = "stop"      // the instance stops with the reason
	OnErrorReadOnly OnError = "read-only" // it goes on and takes nothing that it would have to keep
)

func (OnError) allowed() []string { return []string{string(OnErrorStop), string(OnErrorReadOnly)} }

// Transport carries the bytes of a connection.
type Transport string

// What carries the bytes.
const (
	TransportTCP Transport = "tcp"
	TransportTLS Transport = "tls"
)

func (Transport) allowed() []string { return []string{string(TransportTCP), string(TransportTLS)} }

// Scheme is how a URI says it.
func (t Transport) Scheme() string {
	if t == TransportTLS {
		return "mqtts"
	}
	return "mqtt"
}

// ClientCertificate says whether Clients of a TLS listener need a certificate.
type ClientCertificate string

// Whether Clients need a certificate.
const (
	CertificateOptional ClientCertificate = "optional"
	CertificateRequired ClientCertificate = "required"
)

func (ClientCertificate) allowed() []string {
	return []string{string(CertificateOptional), string(CertificateRequired)}
}

// CertificateUsername says where the user name of a Client comes from.
type CertificateUsername string

// Where the user name comes from.
const (
	UsernameConnect    CertificateUsername = "connect"     // the CONNECT packet
	UsernameCommonName CertificateUsername = "common-name" // the Subject of the certificate
	UsernameSAN        CertificateUsername = "san"         // its first Subject Alternative Name
)

func (CertificateUsername) allowed() []string {
	return []string{string(UsernameConnect), string(UsernameCommonName), string(UsernameSAN)}
}

// OnFailure says what becomes of an instance that fails.
type OnFailure string

// What becomes of an instance that fails.
const (
	OnFailureAuto    OnFailure = "auto"     // restart if there are others in the process, otherwise stop
	OnFailureRestart OnFailure = "restart"  // it is started again, after a pause
	OnFailureStop    OnFailure = "stop"     // it stays stopped
	OnFailureStopAll OnFailure = "stop-all" // the process ends
)

func (OnFailure) allowed() []string {
	return []string{string(OnFailureAuto), string(OnFailureRestart), string(OnFailureStop), string(OnFailureStopAll)}
}

// Overflow says what gives way when a queue is full.
type Overflow string

// What gives way when a queue is full.
const (
	OverflowDropOldest Overflow = "drop-oldest" // the message that waited longest
	OverflowDropNewest Overflow = "drop-newest" // the message that came last
	OverflowReject     Overflow = "reject"      // the publisher is told: 0x97
)

func (Overflow) allowed() []string {
	return []string{string(OverflowDropOldest), string(OverflowDropNewest), string(OverflowReject)}
}

// LogLevel is the least that is logged.
type LogLevel string

// The levels of logging, each including those after it.
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)

func (LogLevel) allowed() []string {
	return []string{string(LogDebug), string(LogInfo), string(LogWarn), string(LogError)}
}

// LogFormat is the form of log lines.
type LogFormat string

// The forms of log lines.
const (
	LogAuto    LogFormat = "auto" // console on a terminal, JSON otherwise
	LogConsole LogFormat = "console"
	LogJSON    LogFormat = "json"
)

func (LogFormat) allowed() []string {
	return []string{string(LogAuto), string(LogConsole), string(LogJSON)}
}
