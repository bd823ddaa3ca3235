// Package acl says what Clients may publish and subscribe to, by the rules of a
// file. Start with [Read] and [New]; the [Authorizer] is what an instance asks.
//
// Rules are looked at in their order, and the first that matches decides; what
// none matches is denied. They are compiled for each Client when it is first
// judged by them: to the few that concern it, with its names put in. A Client
// asks for the current rules each time, so that others hold at once.
//
// Rules about connecting say who may have which Client Identifier; without any
// everybody may have each.
//
// A user name that nobody has vouched for is none. A Client Identifier is what the
// Client says, always.
package acl
