package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
)

// ErrNotRunning is wrapped by Connect when nobody answers at a socket, or there
// is none.
var ErrNotRunning = errors.New("no instance answers there")

// Client asks a running instance.
type Client struct {
	path string
	http http.Client
}

// Connect finds out whether an instance answers at the socket at path, and is
// then ready to ask it. The error is an [ErrNotRunning] if none does.
func Connect(ctx context.Context, path string) (*Client, error) {
	first, err := dial(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return nil, fmt.Errorf("control socket %s: %w", path, ErrNotRunning)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("control socket %s: %w; only the user that the broker runs as may use it", path, err)
	case err != nil:
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	_ = first.Close()
	return &Client{path, http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
	}}}, nil
}

// Storage asks what uses the space.
func (c *Client) Storage(ctx context.Context) (Storage, error) {
	body, err := c.get(ctx, "/v1/storage")
	if err != nil {
		return Storage{}, err
	}
	defer func() { _ = body.Close() }()
	var answer Storage
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return Storage{}, fmt.Errorf("control socket %s: the answer is not understood: %w", c.path, err)
	}
	return answer, nil
}

// Backup asks for a backup. Whether it is complete its own form tells: see
// persistence/backup.
func (c *Client) Backup(ctx context.Context) (io.ReadCloser, error) { return c.get(ctx, "/v1/backup") }

func (c *Client) get(ctx context.Context, target string) (io.ReadCloser, error) {
	return c.do(ctx, http.MethodGet, target)
}

func (c *Client) do(ctx context.Context, method, target string) (io.ReadCloser, error) {
	// The host says nothing: the socket is the instance's.
	r, err := http.NewRequestWithContext(ctx, method, "http://instance"+target, nil)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", c.path, err)
	}
	if answer.StatusCode == http.StatusOK || answer.StatusCode == http.StatusNoContent {
		return answer.Body, nil
	}
	defer func() { _ = answer.Body.Close() }()
	problem := new(Problem)
	if json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(problem) != nil || problem.Title == "" {
		problem = &Problem{Status: answer.StatusCode, Title: answer.Status}
	}
	return nil, fmt.Errorf("the instance at %s: %w", c.path, problem)
}
