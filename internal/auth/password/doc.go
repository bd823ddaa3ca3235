// Package password knows users by the passwords of a file. Start with [Read]
// and [New]; the [Authenticator] is what an instance asks. [Set] and [Delete]
// edit a file.
//
// A line of the file is a user: its name, a colon, and an Argon2id hash in the
// PHC format, as in ann:$argon2id$v=19$m=19456,t=2,p=1$SALT$KEY. Lines that are
// empty or begin with # are left alone.
//
// To hash costs tens of milliseconds and 19 MiB, on purpose. An Authenticator
// hashes on the goroutine that asks, and on few of them at a time. What it found
// right it knows again without that, so that a broker which lost all its Clients
// can take them back at once: see [Authenticator].
package password
