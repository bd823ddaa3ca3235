package control

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"
)

// ErrNotRunning is wrapped by Connect when nobody answers in a data directory.
var ErrNotRunning = errors.New("no instance answers there")

// proofMost is how long an instance at a port has to show that it is one.
const proofMost = 10 * time.Second

// Client asks a running instance.
type Client struct {
	at    string // what it talks to, for people
	name  string // where that is
	host  string
	token string // empty: none is needed
	http  http.Client
}

// Connect finds out whether an instance answers in the data directory dir, and is
// then ready to ask it. The error is an [ErrNotRunning] if none does.
func Connect(ctx context.Context, dir string) (*Client, error) {
	path := Socket(dir)
	first, err := dial(ctx, path)
	if err == nil {
		_ = first.Close()
		return newClient("control socket "+path, path, access{}, func(ctx context.Context) (net.Conn, error) { return dial(ctx, path) }), nil
	}
	if c, ok, err := connectLoopback(ctx, tokenFile(dir)); ok || err != nil {
		return c, err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return nil, fmt.Errorf("control socket %s: %w", path, ErrNotRunning)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("control socket %s: %w; only the user that the broker runs as may use it", path, err)
	}
	return nil, fmt.Errorf("control socket %s: %w", path, err)
}

// connectLoopback goes by the file that tells of a port, if there is one.
func connectLoopback(ctx context.Context, file string) (c *Client, there bool, err error) {
	a, err := readAccess(file)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, false, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, true, fmt.Errorf("control file: %w; only the user that the broker runs as may read it", err)
	case err != nil:
		return nil, true, fmt.Errorf("control file %s: %w", file, err)
	}
	at := "control port " + a.Address + " of " + file
	c = newClient(at, a.Address+" of "+file, a, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", a.Address)
	})
	// The port of an instance that was killed may be another program's by now.
	limited, cancel := context.WithTimeout(ctx, proofMost)
	defer cancel()
	if !c.proven(limited, a) {
		if err := ctx.Err(); err != nil {
			return nil, true, fmt.Errorf("%s: %w", at, err)
		}
		return nil, true, fmt.Errorf("%s: %w", at, ErrNotRunning)
	}
	c.token = a.Token
	return c, true, nil
}

func newClient(at, name string, a access, dial func(context.Context) (net.Conn, error)) *Client {
	c := &Client{at: at, name: name, host: a.Address, http: http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if c.host == "" {
		c.host = socketHost // it says nothing: the socket is the instance's
	}
	return c
}

// proven tells whether who answers knows the token, without telling it.
func (c *Client) proven(ctx context.Context, a access) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.host+"/", nil)
	if err != nil {
		return false
	}
	challenge := rand.Text()
	r.Header.Set(challengeHeader, challenge)
	answer, err := c.http.Do(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return hmac.Equal([]byte(answer.Header.Get(proofHeader)), []byte(a.proof(challenge)))
}

// ask sends in, if it is not nil, and reads the answer into out, if that is not nil.
func (c *Client) ask(ctx context.Context, method, target string, in, out any) error {
	body, err := c.do(ctx, method, target, in)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("%s: the answer is not understood: %w", c.at, err)
	}
	return nil
}

func (c *Client) do(ctx context.Context, method, target string, in any) (io.ReadCloser, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.host+target, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.at, err)
	}
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return answer.Body, nil
	}
	defer func() { _ = answer.Body.Close() }()
	problem := new(Problem)
	if json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(problem) != nil || problem.Title == "" {
		problem = &Problem{Status: answer.StatusCode, Title: answer.Status}
	}
	return nil, fmt.Errorf("the instance at %s: %w", c.name, problem)
}
