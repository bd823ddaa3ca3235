package auth

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// remembers the Client that it was asked about, and allows everything.
type remembers struct{ client *Client }

func (r remembers) Permissions(_ context.Context, c Client) (Permissions, error) {
	*r.client = c
	return nil, nil
}

// An Authorizer is told whether anybody vouches for the user name.
func TestWhoseNameIsVerified(t *testing.T) {
	var asked Client
	alone := &Judge{Authorizers: []Authorizer{remembers{&asked}}}
	beside := &Judge{Authenticators: []Authenticator{knows("ann")}, Authorizers: alone.Authorizers}
	trusted := named("ann")
	trusted.Anonymous = true
	proven := named("ann")
	proven.Proven = true
	certified := named("ann")
	certified.Client.Certified = true
	for _, c := range []struct {
		judge *Judge
		q     Question
		want  bool
	}{
		{beside, named("ann"), true}, {beside, trusted, true}, {beside, certified, true}, {alone, certified, true},
		{alone, trusted, false}, {beside, proven, false}, {beside, Question{Anonymous: true}, false},
	} {
		require.NoError(t, c.judge.verdict(c.q).Err)
		require.Equal(t, c.want, asked.Verified, "%+v", c.q)
	}
}
