// Package topic knows Topic Names and Topic Filters: what is valid, what
// matches what, and how to find the few subscriptions of a publish, or the few
// Retained Messages of a subscription, among very many.
//
// Start with [ValidateName], [ValidateFilter] and [Match], which say what the
// specification says (MQTT 5.0 sections 4.7 and 4.8.2). [Index] maps Topic
// Filters to subscribers, [Tree] maps Topic Names to values; both are
// immutable, so that one goroutine edits while any number read:
//
//	e := index.Edit()
//	e.Put("sensors/+/temperature", subscriber, v)
//	index = e.Commit()
//
//	var m topic.Matches[V] // kept and reused by the reader
//	index.Match([]byte("sensors/7/temperature"), &m)
//
// [Mapping] turns names that match one Topic Filter into names at another place,
// [Overlap] tells whether two filters have names in common, and [Covers] whether
// one has all that the other has.
//
// Index and Tree take only what the validators accept: with anything else they
// stay sound, but what they find is not defined. The package holds no
// subscription options, no messages and no locks, and knows no packets.
package topic
