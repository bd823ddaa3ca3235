package password

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/protocol/packet"
)

func client(name, password string) auth.Client {
	return auth.Client{Username: name, Password: []byte(password)}
}

func TestAuthenticate(t *testing.T) {
	a := New(users(t, "ann:"+cheap("secret")+"\n"), NewHashing(0))
	ctx := context.Background()
	require.NoError(t, a.Authenticate(ctx, client("ann", "secret")))
	require.NoError(t, a.Authenticate(ctx, client("ann", "secret")))
	require.ErrorIs(t, a.Authenticate(ctx, client("bob", "secret")), auth.ErrUnknown)
	require.ErrorIs(t, a.Authenticate(ctx, client("", "secret")), auth.ErrUnknown)
	for _, wrong := range []auth.Client{client("ann", "Secret"), client("ann", ""), {Username: "ann"}} {
		err := a.Authenticate(ctx, wrong)
		require.Equal(t, &auth.Refusal{Code: packet.BadUserNameOrPassword, Reason: "the password is wrong"}, err)
	}
}

func TestNobodyIsKnownWithoutUsers(t *testing.T) {
	a := New(nil, NewHashing(0))
	require.ErrorIs(t, a.Authenticate(context.Background(), client("ann", "secret")), auth.ErrUnknown)
	require.Nil(t, a.Users())
}

func TestSetForgetsWhoWasHere(t *testing.T) {
	a := New(users(t, "ann:"+cheap("one")+"\nbob:"+cheap("b")+"\n"), NewHashing(0))
	ctx := context.Background()
	require.NoError(t, a.Authenticate(ctx, client("ann", "one")))
	require.NoError(t, a.Authenticate(ctx, client("bob", "b")))
	a.Set(users(t, "ann:"+cheap("two")+"\n"))
	require.Error(t, a.Authenticate(ctx, client("ann", "one")))
	require.NoError(t, a.Authenticate(ctx, client("ann", "two")))
	require.ErrorIs(t, a.Authenticate(ctx, client("bob", "b")), auth.ErrUnknown)
}

// fill takes all room for hashing.
func fill(a *Authenticator) (empty func()) {
	h := a.hashes.of
	for range h.most {
		<-first(a.hashes.come())
	}
	return func() {
		for range h.most {
			h.leave()
		}
	}
}

func first(turn chan struct{}, _ *list.Element) chan struct{} { return turn }

// Who waits for others that are hashed gives up in time; who was here does not
// wait.
func TestWaitingEndsWithTheContext(t *testing.T) {
	a := New(users(t, "ann:"+cheap("a")+"\nbob:"+cheap("b")+"\n"), NewHashing(0))
	require.NoError(t, a.Authenticate(context.Background(), client("ann", "a")))
	empty := fill(a)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	for _, c := range []auth.Client{client("bob", "b"), client("ann", "wrong"), client("eve", "e")} {
		refusal := (*auth.Refusal)(nil)
		require.True(t, errors.As(a.Authenticate(ctx, c), &refusal), c.Username)
		require.Equal(t, packet.ServerBusy, refusal.Code)
	}
	require.NoError(t, a.Authenticate(ctx, client("ann", "a")))
	empty()
	require.NoError(t, a.Authenticate(context.Background(), client("bob", "b")))
	require.Zero(t, a.hashes.of.busy)
}

// Many who come with the same name and password while one of them is hashed cost
// one hash.
func TestAStormCostsOneHash(t *testing.T) {
	a := New(users(t, "ann:"+newHash([]byte("a")).String()+"\n"), NewHashing(0))
	empty := fill(a)
	var all sync.WaitGroup
	answers := make(chan error, 200)
	for range cap(answers) {
		all.Go(func() { answers <- a.Authenticate(context.Background(), client("ann", "a")) })
	}
	began := time.Now()
	empty()
	all.Wait()
	took := time.Since(began)
	for range cap(answers) {
		require.NoError(t, <-answers)
	}
	one := time.Now()
	users(t, "").Check("nobody", nil)
	require.Less(t, took, time.Duration(cap(answers)/4)*time.Since(one), "each was hashed")
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	a, v := New(nil, NewHashing(0)), new(verified)
	for i := range verifiedMost + 10 {
		sum := a.sum("ann", fmt.Append(nil, i))
		v.add(sum)
		require.True(t, v.has(sum))
	}
	require.Len(t, v.sums, verifiedMost)
	// Where the name ends and the password begins is a part of it, and so is the key.
	require.NotEqual(t, a.sum("ann", []byte("b")), a.sum("an", []byte("nb")))
	require.NotEqual(t, a.sum("ann", []byte("b")), New(nil, NewHashing(0)).sum("ann", []byte("b")))
}

// A user who is not there costs what a wrong password costs. It is the count of
// hashes that is compared, since time is not to be trusted in a test.
func TestUnknownUsersAreHashedToo(t *testing.T) {
	u := users(t, "# none\nann:"+newHash([]byte("a")).String()+"\nold:"+cheap("b")+"\n")
	require.Equal(t, u.hashes["ann"].memory, u.nobody.memory)
	require.Equal(t, u.hashes["ann"].iterations, u.nobody.iterations)
	require.Len(t, u.nobody.key, len(u.hashes["ann"].key))
	require.EqualValues(t, memoryKiB, users(t, "").nobody.memory)
	a := New(u, NewHashing(0))
	defer fill(a)()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	// It has to wait like all who are hashed.
	require.NotErrorIs(t, a.Authenticate(ctx, client("eve", "a")), auth.ErrUnknown)
}

func BenchmarkHash(b *testing.B) {
	u := users(b, "ann:"+newHash([]byte("a")).String())
	for b.Loop() {
		u.Check("ann", []byte("a"))
	}
}

func BenchmarkRemembered(b *testing.B) {
	a := New(users(b, "ann:"+cheap("a")), NewHashing(0))
	c := client("ann", "a")
	b.ReportAllocs()
	for b.Loop() {
		if a.Authenticate(context.Background(), c) != nil {
			b.Fatal("refused")
		}
	}
}

// Who was let in is admitted for as long as there is the same user with the same
// hash, whatever else is in the file.
func TestAdmissionsEndWithTheUser(t *testing.T) {
	ann, bob := "ann:"+cheap("a")+"\n", "bob:"+cheap("b")+"\n"
	a := New(users(t, ann+bob), NewHashing(0))
	admit := func(name, secret string) auth.Admission {
		t.Helper()
		admission, err := a.Admit(context.Background(), client(name, secret))
		require.NoError(t, err)
		return admission
	}
	first, other := admit("ann", "a"), admit("bob", "b")
	remembered := admit("ann", "a")
	for file, want := range map[string][2]bool{
		ann + bob:                {true, true},
		"# sorted\n" + bob + ann: {true, true},
		ann:                      {true, false},
		"":                       {false, false},
		bob + "ann:" + newHash([]byte("a")).String() + "\n": {false, true}, // the same password, set again
		bob + "ann:" + cheap("c") + "\n":                    {false, true},
	} {
		a.Set(users(t, file))
		require.Equal(t, want, [2]bool{first.Holds(), other.Holds()}, file)
		require.Equal(t, first.Holds(), remembered.Holds())
	}
	a.Set(nil)
	require.False(t, first.Holds())

	// Whoever is hashed while the users change is judged by those that there are then.
	a.Set(users(t, ann))
	empty := fill(a)
	waits := make(chan auth.Admission, 1)
	go func() {
		admission, err := a.Admit(context.Background(), client("ann", "a"))
		if err != nil && !errors.Is(err, auth.ErrUnknown) { // it came too late
			t.Error(err)
		}
		waits <- admission
	}()
	a.Set(users(t, bob))
	empty()
	if admission := <-waits; admission != nil {
		require.False(t, admission.Holds())
	}
}
