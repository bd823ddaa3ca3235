package password

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What new hashes are made with: the least of what OWASP recommends for
// Argon2id that does with one thread.
const (
	memoryKiB  = 19 * 1024
	iterations = 2
	threads    = 1
	saltBytes  = 16
	keyBytes   = 32
)

// What hashes of a file may ask for at most, so that one line cannot hold up a
// broker.
const (
	memoryMost     = 1 << 20 // KiB
	iterationsMost = 64
	bytesMost      = 64 // of salt and key
)

// hash is what a password is checked against.
type hash struct {
	memory, iterations uint32
	threads            uint8
	salt, key          []byte
}

// newHash hashes a password with a salt of its own.
func newHash(password []byte) *hash {
	h := &hash{memory: memoryKiB, iterations: iterations, threads: threads, salt: make([]byte, saltBytes)}
	_, _ = rand.Read(h.salt) // never fails
	h.key = h.derive(password, keyBytes)
	return h
}

func (h *hash) derive(password []byte, length int) []byte {
	return argon2.IDKey(password, h.salt, h.iterations, h.memory, h.threads, uint32(length))
}

// matches tells whether it was made of this password.
func (h *hash) matches(password []byte) bool {
	return subtle.ConstantTimeCompare(h.derive(password, len(h.key)), h.key) == 1
}

// same tells whether both were made of one password with one salt.
func (h *hash) same(other *hash) bool {
	return h.memory == other.memory && h.iterations == other.iterations && h.threads == other.threads &&
		bytes.Equal(h.salt, other.salt) && bytes.Equal(h.key, other.key)
}

// String is the hash in the PHC format.
func (h *hash) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.iterations, h.threads, encode(h.salt), encode(h.key))
}

// setAgain is the way out of most of what can be wrong with a hash.
const setAgain = "set the password with troupe passwd set"

// parseHash reads one in the PHC format. The error never holds the text, which
// may be a password that somebody wrote there.
func parseHash(text string) (*hash, error) {
	parts := strings.Split(text, "$")
	if len(parts) < 2 || parts[0] != "" {
		return nil, errors.New("what is behind the name is no hash; " + setAgain)
	}
	switch parts[1] {
	case "argon2id":
	case "argon2i", "argon2d":
		return nil, fmt.Errorf("has a hash of %s; allowed: argon2id; %s", parts[1], setAgain)
	case "6", "7":
		return nil, errors.New("has a hash of mosquitto_passwd, which is not known here; " + setAgain)
	case "2a", "2b", "2y":
		return nil, errors.New("has a hash of bcrypt, which is not known here; " + setAgain)
	default:
		return nil, errors.New("has a hash of a kind that is not known here; allowed: argon2id; " + setAgain)
	}
	if len(parts) != 6 {
		return nil, errors.New("has a hash that is cut off or too long; it has the form $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY; " + setAgain)
	}
	if parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, fmt.Errorf("has a hash of another version of Argon2; allowed: v=%d; %s", argon2.Version, setAgain)
	}
	h := new(hash)
	if err := h.parseCost(parts[3]); err != nil {
		return nil, err
	}
	var err error
	if h.salt, err = parseBytes("salt", parts[4], 8); err != nil {
		return nil, err
	}
	if h.key, err = parseBytes("key", parts[5], 16); err != nil {
		return nil, err
	}
	return h, nil
}

// parseCost reads m=19456,t=2,p=1.
func (h *hash) parseCost(text string) error {
	costs := strings.Split(text, ",")
	values := [3]uint64{}
	for i, name := range []string{"m=", "t=", "p="} {
		if len(costs) != 3 || !strings.HasPrefix(costs[i], name) {
			return errors.New("has a hash without its cost; it has the form m=19456,t=2,p=1; " + setAgain)
		}
		n, err := strconv.ParseUint(costs[i][len(name):], 10, 32)
		if err != nil {
			return fmt.Errorf("has a hash whose cost %s is no number; %s", name[:1], setAgain)
		}
		values[i] = n
	}
	memory, iterations, threads := values[0], values[1], values[2]
	switch {
	case threads < 1 || threads > 255:
		return fmt.Errorf("has a hash with p=%d; allowed: 1 to 255", threads)
	case memory < 8*threads || memory > memoryMost:
		return fmt.Errorf("has a hash with m=%d, in KiB; allowed: %d to %d", memory, 8*threads, memoryMost)
	case iterations < 1 || iterations > iterationsMost:
		return fmt.Errorf("has a hash with t=%d; allowed: 1 to %d", iterations, iterationsMost)
	}
	h.memory, h.iterations, h.threads = uint32(memory), uint32(iterations), uint8(threads)
	return nil
}

func parseBytes(name, text string, least int) ([]byte, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("has a hash whose %s is no base64 without padding; %s", name, setAgain)
	}
	if len(b) < least || len(b) > bytesMost {
		return nil, fmt.Errorf("has a hash whose %s has %d bytes; allowed: %d to %d; %s", name, len(b), least, bytesMost, setAgain)
	}
	return b, nil
}
