// Package client is an MQTT client that spends little, so that on a machine that it shares with a broker the broker is
// measured and not the client. It speaks MQTT 3.1.1 and 5 over TCP, TLS and WebSocket. It reads whatever has come at once
// and hands it out unparsed, and it writes PUBLISH packets from memory that was made ready before, in bulk.
//
// It is no client for applications: it checks little of what comes, keeps no state of a Session and sends no PINGREQ.
package client
