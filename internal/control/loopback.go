package control

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The names of the file that tells of a port, and of what it is called while it is made.
const (
	tokenFileName    = "control.json"
	newTokenFileName = "control.json.new"
)

// access is what the file says: it lets in whoever can read it.
type access struct {
	Address string `json:"address"` // host:port
	Token   string `json:"token"`   // of this start of the instance and no other
}

// Any program of the machine may connect to a port, so each side shows that it
// knows the token: the client in a header, as bearer; the server first, by a code
// of what the client has just made up. Or the token would be told to whoever
// got the port of an instance that was killed.
const (
	challengeHeader = "Troupe-Challenge"
	proofHeader     = "Troupe-Proof"
	challengeMost   = 128
)

// proof is what only who knows the token can say to a challenge.
func (a access) proof(challenge string) string {
	code := hmac.New(sha256.New, []byte(a.Token))
	_, _ = io.WriteString(code, challenge)
	return hex.EncodeToString(code.Sum(nil))
}

// listenLoopback opens a port on loopback, and writes a file that tells of it. What
// comes back answers for next those who know the token.
func listenLoopback(file string, next http.Handler) (net.Listener, http.Handler, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		var other error
		if l, other = net.Listen("tcp6", "[::1]:0"); other != nil {
			return nil, nil, plain(err)
		}
	}
	a := access{l.Addr().String(), rand.Text()}
	if err := a.write(file); err != nil {
		_ = l.Close()
		return nil, nil, err
	}
	return l, &guard{a, next}, nil
}

// write makes the file, readable for the user alone from its first moment.
func (a access) write(file string) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	made := filepath.Join(filepath.Dir(file), newTokenFileName)
	if err := unlink(made); err != nil {
		return err
	}
	f, err := os.OpenFile(made, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(made, file)
	}
	if err != nil {
		_ = unlink(made)
	}
	return err
}

// readAccess reads the file.
func readAccess(file string) (access, error) {
	var a access
	f, err := os.Open(file)
	if err != nil {
		return a, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4<<10))
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("it is not understood: %w; remove it if the instance does not run, and restart the instance else", err)
	}
	if at, err := netip.ParseAddrPort(a.Address); err != nil || !at.Addr().IsLoopback() || a.Token == "" {
		return a, fmt.Errorf("%q is no address on loopback, or the token is missing; remove it if the instance does not run, and restart the instance else", a.Address)
	}
	return a, nil
}

// guard lets in who knows the token.
type guard struct {
	access
	next http.Handler
}

// ServeHTTP implements http.Handler.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A page that a browser takes for one of this machine, because the name of its
	// site was made to point here, still says the name.
	if !g.names(r.Host) {
		refuse(w, http.StatusMisdirectedRequest, fmt.Sprintf("the request is for host %q; only %s is answered here", r.Host, g.Address))
		return
	}
	if challenge := r.Header.Get(challengeHeader); challenge != "" && len(challenge) <= challengeMost {
		w.Header().Set(proofHeader, g.proof(challenge))
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	want, got := sha256.Sum256([]byte(g.Token)), sha256.Sum256([]byte(strings.TrimSpace(token)))
	if !strings.EqualFold(scheme, "bearer") || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, http.StatusUnauthorized, "the token is missing or not that of this instance; send Authorization: Bearer with the token in "+tokenFileName+" in its data directory, which changes with each start")
		return
	}
	g.next.ServeHTTP(w, r)
}

// names tells whether a Host header names this port.
func (g *guard) names(host string) bool {
	at, err := netip.ParseAddrPort(g.Address)
	return host == g.Address || err == nil && strings.EqualFold(host, "localhost:"+strconv.Itoa(int(at.Port())))
}
