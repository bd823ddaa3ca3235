package bench

import "crypto/tls"

// Target is a broker that runs.
type Target struct {
	// Name and Version are what reports call it.
	Name    string
	Version string
	// URI is mqtt://host:port, mqtts://, ws:// or wss:// (with a path).
	URI string
	// TLS is used for mqtts and wss; nil: the system's roots.
	TLS *tls.Config
	// Username and Password go into CONNECT if Username is not empty.
	Username string
	Password string
	// PID is the broker's process on this machine, to measure what it uses; 0: not known, and nothing of that is reported.
	PID int
}
