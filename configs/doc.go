// Package configs says how one instance is set up: the typed [Config], its
// [Defaults], where values come from ([Load]) and what is allowed
// ([Config.Validate]).
//
// Values are laid over each other, later over earlier: the embedded
// default.yaml, one YAML, TOML or JSON file, TROUPE_ variables of the
// environment, flags. Lists are replaced as a whole, except that a variable
// such as TROUPE_LISTENERS_0_ADDRESS changes one field of one entry. Each layer
// is judged on its own while its positions are known, so that an unknown key or
// a value of the wrong type is reported with the place where it was written.
//
// Several instances of one process are read by [LoadAll], each as if it were
// alone, and compared by [Conflicts].
//
// A program that embeds the broker starts from Defaults, sets fields and needs
// no Load; [NewBridge], [NewForward] and [NewReceive] have the defaults of entries.
// The package reads its inputs, and the passwords and certificates that they name,
// and nothing else: it makes no directory, opens no port and keeps no state.
package configs
