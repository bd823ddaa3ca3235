// Package bridge does to the bridges of the binary what networks and upstreams do: it starts brokers, with a proxy in front of each that delays,
// throttles, swallows or resets, sends numbered messages through, stops, freezes and kills processes, and counts what was lost, came twice or out
// of order. What a publisher was told is safe is what must arrive.
//
// It is a module of its own, so that who embeds the broker does not get the dependencies of the proxy; the tests of cmd/troupe run it. There are
// only tests. They need a Unix; those with Mosquitto in them need that installed.
package bridge
