// Package bench measures MQTT brokers, from outside, as a client of theirs: any broker that speaks MQTT 3.1.1 or 5 will do.
//
// A [Workload] says what the clients do, a [Target] which broker they do it to, and [Run] returns what it cost and whether
// anything was lost, repeated or put out of order. Comparing several brokers fairly is the business of package suite, showing
// what came out that of package report; the command line of both is `troupe bench`.
package bench
