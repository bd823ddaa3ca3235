// Package packet encodes and decodes the Control Packets of MQTT 3.1, 3.1.1
// and 5.0.
//
// Reading goes in two steps. [ReadHeader] judges the first bytes of a stream
// as they come in, in whatever pieces, and says how long the frame is; nothing
// is allocated for a packet that is malformed or too large. Once the whole
// frame is there, the Decode method of its type takes it. The decoded fields
// are views into the frame: they live as long as its buffer, and who keeps
// them longer copies them (see [Connect.Clone]). Packet structs are meant to
// be reused: Decode resets the receiver first. After an error the receiver's
// content is unspecified, but for [Connect], whose Version tells in which
// version to refuse.
//
// Writing is Append, which adds one frame to a buffer. It writes what the
// fields say, in the layout of the version; it does not judge. Fields that a
// version does not know are left out. Text and binary fields hold at most
// 65,535 bytes and a packet at most 268,435,455 after its fixed header; Append
// cuts longer fields. What comes from outside is judged by Decode, and a
// message of the host's own by [Publish.Validate].
//
// Decode judges every rule that needs no state: reserved bits, lengths, UTF-8,
// which properties a packet may have and how often, the range of each value,
// and the Reason Codes of each packet. Errors are of type [*Error] and carry
// the Reason Code to answer with and the normative statement of MQTT 5.0 that
// was violated. Rules that need the state of a Session, the direction of the
// packet, or the syntax of Topic Names and Topic Filters are not judged here.
//
// [Run] is what the broker hands on: one or more encoded PUBLISH frames shared
// by all their receivers.
//
// The package is pure. It knows no network, clock, goroutine or logger.
package packet
