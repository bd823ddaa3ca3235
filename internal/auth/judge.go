package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
)

// Judge is all those whom an instance asks about its Clients. A nil Judge asks
// nobody.
type Judge struct {
	// Authenticators are asked in turn, until one knows the Client.
	Authenticators []Authenticator
	// Authorizers have to allow, each of them, what a Client does.
	Authorizers []Authorizer
	// Go has a question put, away from the actors; nil: on a goroutine of its own.
	Go func(put func())
}

// Question is a Client that wants to be let in.
type Question struct {
	Client    Client
	Named     bool // it sent a user name, or has one of its certificate
	Anonymous bool // its listener lets in who does not say who he is
	Proven    bool // an exchange of AUTH packets proved who it is
}

// Verdict is the answer.
type Verdict struct {
	Permissions Permissions // nil: everything
	Admission   Admission   // nil: it holds as long as the connection
	Err         error       // why it is not let in; nil: it is
}

// AtOnce is the Verdict if nobody has to be asked for it.
func (j *Judge) AtOnce(q Question) (Verdict, bool) {
	if len(j.authorizers()) > 0 {
		return Verdict{}, false
	}
	known, err := j.plain(q)
	return Verdict{Err: err}, known
}

// Ask asks about a Client on another goroutine, within limit, and hands the
// Verdict to tell there.
func (j *Judge) Ask(q Question, limit time.Duration, tell func(Verdict)) {
	put := func() {
		answer(limit, func(ctx context.Context) Verdict { return j.ask(ctx, q) },
			func(reason any) Verdict { return Verdict{Err: Panicked(reason)} }, tell)
	}
	if j.Go != nil {
		j.Go(put)
		return
	}
	go put()
}

// plain tells who needs no Authenticator.
func (j *Judge) plain(q Question) (known bool, err error) {
	switch {
	case q.Proven, q.Client.Certified, !q.Named && q.Anonymous:
		return true, nil
	case len(j.authenticators()) > 0:
		return false, nil
	case q.Anonymous: // the name says nothing
		return true, nil
	default:
		return true, &Refusal{packet.NotAuthorized, "the listener lets in nobody who cannot be authenticated"}
	}
}

func (j *Judge) ask(ctx context.Context, q Question) Verdict {
	known, err := j.plain(q)
	var admission Admission
	if !known {
		admission, err = j.authenticate(ctx, q)
	}
	if err != nil {
		return Verdict{Err: err}
	}
	q.Client.Verified = !known || q.Client.Certified
	var all every
	for _, a := range j.Authorizers {
		p, err := a.Permissions(ctx, q.Client)
		if err != nil {
			return Verdict{Err: err}
		}
		if p != nil {
			all = append(all, p)
		}
		if a, ok := p.(Admission); ok {
			admission = together(admission, a)
		}
	}
	switch len(all) {
	case 0:
		return Verdict{Admission: admission}
	case 1:
		return Verdict{Permissions: all[0], Admission: admission}
	}
	return Verdict{Permissions: all, Admission: admission}
}

func (j *Judge) authenticate(ctx context.Context, q Question) (Admission, error) {
	for _, a := range j.Authenticators {
		if admission, err := admit(ctx, a, q.Client); !errors.Is(err, ErrUnknown) {
			return admission, err
		}
	}
	if q.Named {
		return nil, &Refusal{packet.BadUserNameOrPassword, "nobody knows this user name"}
	}
	return nil, &Refusal{packet.NotAuthorized, "the client gave no user name"}
}

func admit(ctx context.Context, a Authenticator, c Client) (Admission, error) {
	if a, ok := a.(Admitter); ok {
		return a.Admit(ctx, c)
	}
	return nil, a.Authenticate(ctx, c)
}

// Exchange begins an extended authentication with the first that knows its
// method; nil: nobody does.
func (j *Judge) Exchange(c Client, method string) Exchange {
	for _, a := range j.authenticators() {
		if e, ok := a.(Exchanger); ok {
			if step := e.Exchange(c, method); step != nil {
				return step
			}
		}
	}
	return nil
}

// Exchanges tells whether any method may be known.
func (j *Judge) Exchanges() bool {
	return slices.ContainsFunc(j.authenticators(), func(a Authenticator) bool { _, ok := a.(Exchanger); return ok })
}

func (j *Judge) authenticators() []Authenticator {
	if j == nil {
		return nil
	}
	return j.Authenticators
}

func (j *Judge) authorizers() []Authorizer {
	if j == nil {
		return nil
	}
	return j.Authorizers
}

// together holds as long as both do; one of them may be nil.
func together(one, other Admission) Admission {
	if one == nil {
		return other
	}
	return both{one, other}
}

type both struct{ one, other Admission }

// Holds implements Admission.
func (b both) Holds() bool { return b.one.Holds() && b.other.Holds() }

// every allows what all of them allow.
type every []Permissions

// MayPublish implements Permissions.
func (e every) MayPublish(topic []byte, qos packet.QoS, retain bool) bool {
	return !slices.ContainsFunc(e, func(p Permissions) bool { return !p.MayPublish(topic, qos, retain) })
}

// MaySubscribe implements Permissions.
func (e every) MaySubscribe(filter string, qos packet.QoS) bool {
	return !slices.ContainsFunc(e, func(p Permissions) bool { return !p.MaySubscribe(filter, qos) })
}
