//go:build race

package badger_test

// race: the detector makes writing twenty times slower.
const race = true
