// Package oracle compares protocol/packet with two other codecs: that of the
// mochi-mqtt broker, for all versions, and that of Eclipse Paho, for 5.0. It is
// a module of its own, so that who embeds the broker does not get their
// dependencies; the tests of protocol/packet run it.
//
// There are only tests. Each oracle's faults are listed beside it, one by one,
// and nothing else is left out of the comparison.
package oracle
