package auth

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

func (j *Judge) verdict(q Question) Verdict {
	if v, ok := j.AtOnce(q); ok {
		return v
	}
	told := make(chan Verdict, 1)
	j.Ask(q, time.Minute, func(v Verdict) { told <- v })
	return <-told
}

func named(name string) Question {
	return Question{Client: Client{Username: name}, Named: true}
}

// knows lets in one user, and knows of no other.
func knows(name string) Authenticator {
	return AuthenticatorFunc(func(_ context.Context, c Client) error {
		if c.Username != name {
			return ErrUnknown
		}
		return nil
	})
}

func TestWithoutAnybodyToAsk(t *testing.T) {
	for _, j := range []*Judge{nil, {}} {
		for _, c := range []struct {
			q  Question
			in bool
		}{
			{Question{Anonymous: true}, true},
			{Question{Anonymous: true, Named: true}, true},
			{Question{}, false},
			{named("ann"), false},
			{Question{Proven: true}, true},
			{Question{Client: Client{Certified: true}, Named: true}, true},
		} {
			v, ok := j.AtOnce(c.q)
			require.True(t, ok)
			require.Equal(t, c.in, v.Err == nil, "%+v", c.q)
			require.Nil(t, v.Permissions)
			if !c.in {
				require.Equal(t, packet.NotAuthorized, CodeOf(v.Err))
			}
		}
		require.False(t, j.Exchanges())
		require.Nil(t, j.Exchange(Client{}, "method"))
	}
}

func TestAuthenticatorsAreAskedInTurn(t *testing.T) {
	refused := &Refusal{packet.Banned, "mallory"}
	j := &Judge{Authenticators: []Authenticator{
		knows("ann"),
		AuthenticatorFunc(func(_ context.Context, c Client) error {
			switch c.Username {
			case "ann":
				panic("the first knows her")
			case "mallory":
				return refused
			case "broken":
				panic("boom")
			}
			return ErrUnknown
		}),
		knows("bob"), knows("mallory"),
	}}
	require.NoError(t, j.verdict(named("ann")).Err)
	require.NoError(t, j.verdict(named("bob")).Err)
	require.Equal(t, refused, j.verdict(named("mallory")).Err)
	require.Equal(t, packet.UnspecifiedError, CodeOf(j.verdict(named("broken")).Err))
	require.Equal(t, packet.BadUserNameOrPassword, CodeOf(j.verdict(named("eve")).Err))

	// A name that nobody knows lets nobody in, wherever it comes from.
	eve := named("eve")
	eve.Anonymous = true
	require.Equal(t, packet.BadUserNameOrPassword, CodeOf(j.verdict(eve).Err))
	require.Equal(t, packet.NotAuthorized, CodeOf(j.verdict(Question{}).Err))
	require.NoError(t, j.verdict(Question{Anonymous: true}).Err)
}

type rights struct {
	p   Permissions
	err error
}

func (r rights) Permissions(context.Context, Client) (Permissions, error) { return r.p, r.err }

type only string

func (o only) MayPublish(topic []byte, _ packet.QoS, _ bool) bool { return string(topic) == string(o) }
func (o only) MaySubscribe(filter string, _ packet.QoS) bool      { return filter == string(o) }

type all struct{}

func (all) MayPublish([]byte, packet.QoS, bool) bool { return true }
func (all) MaySubscribe(string, packet.QoS) bool     { return true }

func TestAllAuthorizersHaveToAllow(t *testing.T) {
	anonymous := Question{Anonymous: true}
	permissions := func(a ...Authorizer) Permissions {
		v := (&Judge{Authorizers: a}).verdict(anonymous)
		require.NoError(t, v.Err)
		return v.Permissions
	}
	require.Nil(t, permissions(rights{}))
	require.Equal(t, only("a"), permissions(rights{}, rights{p: only("a")}))
	p := permissions(rights{p: only("a")}, rights{p: all{}})
	require.True(t, p.MayPublish([]byte("a"), 0, false))
	require.False(t, p.MayPublish([]byte("b"), 0, false))
	require.True(t, p.MaySubscribe("a", 0))
	require.False(t, p.MaySubscribe("b", 0))
	require.False(t, permissions(rights{p: only("a")}, rights{p: only("b")}).MayPublish([]byte("a"), 0, false))

	failed := errors.New("the directory does not answer")
	require.Equal(t, failed, (&Judge{Authorizers: []Authorizer{rights{}, rights{err: failed}}}).verdict(anonymous).Err)
	// Who is not let in is not looked up.
	require.Equal(t, packet.NotAuthorized, CodeOf((&Judge{Authorizers: []Authorizer{rights{err: failed}}}).verdict(Question{}).Err))
}

// admits is an Authenticator whose word has an end.
type admits struct {
	Authenticator
	admission Admission
}

func (a admits) Admit(ctx context.Context, c Client) (Admission, error) {
	return a.admission, a.Authenticate(ctx, c)
}

type holds bool

func (h holds) Holds() bool { return bool(h) }

// The Admission is that of the Authenticator that lets in, and of no other.
func TestAdmissionOfWhoLetsIn(t *testing.T) {
	j := &Judge{Authenticators: []Authenticator{admits{knows("ann"), holds(true)}, knows("bob"), admits{knows("eve"), holds(false)}}}
	for name, want := range map[string]Admission{"ann": holds(true), "bob": nil, "eve": holds(false)} {
		for _, authorizers := range [][]Authorizer{nil, {rights{p: all{}}}, {rights{p: all{}}, rights{p: all{}}}} {
			j.Authorizers = authorizers
			v := j.verdict(named(name))
			require.NoError(t, v.Err)
			require.Equal(t, want, v.Admission)
		}
	}
	certified := named("ann")
	certified.Client.Certified = true
	require.Nil(t, j.verdict(certified).Admission)
}

// rented is Permissions with an end.
type rented struct {
	all
	holds
}

func TestAdmissionHoldsAsLongAsAllDo(t *testing.T) {
	for _, c := range []struct{ user, rules, want bool }{{true, true, true}, {true, false, false}, {false, true, false}} {
		j := &Judge{
			Authenticators: []Authenticator{admits{knows("ann"), holds(c.user)}},
			Authorizers:    []Authorizer{rights{p: rented{holds: holds(c.rules)}}, rights{p: all{}}},
		}
		require.Equal(t, c.want, j.verdict(named("ann")).Admission.Holds())
		j.Authenticators = []Authenticator{knows("ann")}
		require.Equal(t, c.rules, j.verdict(named("ann")).Admission.Holds())
	}
}
