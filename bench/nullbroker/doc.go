// Package nullbroker is a broker that does nothing but move bytes: what it reaches is the ceiling of the machine it runs on, and
// what other brokers are held against.
//
// It has no protocol state beyond who is paired with whom, which Client Identifiers say: X-pub-i sends to X-sub-j. As many
// publishers as subscribers make pairs; more publishers fan in, each to the subscriber of its number modulo theirs; fewer fan
// out, each to the subscribers whose number modulo theirs is its own. Frames of publishers go to their subscribers as they are,
// whatever their topic, and in pairs the subscriber's acknowledgements back, so that QoS 1 and 2 are between the two of them.
// CONNECT, SUBSCRIBE, UNSUBSCRIBE and PINGREQ get ready-made answers. Nothing is kept, matched or counted, and what arrives for
// nobody is thrown away.
//
// [Serve] runs it, on Linux, in one thread; [Carries] tells for which workloads that is enough.
package nullbroker
