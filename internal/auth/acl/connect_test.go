package acl

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/protocol/packet"
)

func TestWhoMayHaveAClientIdentifier(t *testing.T) {
	type who struct{ client, user string }
	for text, all := range map[string]map[who]bool{
		"rules: [{permission: allow, users: ann, topics: a}]": { // nobody has said anything
			{"c", "ann"}: true, {"c", "bob"}: true, {"c", ""}: true,
		},
		"rules: [{permission: allow, actions: connect, clients: ['${username}', '${username}:*']}]": {
			{"ann", "ann"}: true, {"ann:1", "ann"}: true, {"ann:", "ann"}: true, {"ann1", "ann"}: false, {"bob:1", "ann"}: false,
			{":1", ""}: false, {"", ""}: false, {"c", ""}: false, {"*:1", "*"}: true, {"ann:1", "*"}: false, {"${username}:1", "ann"}: false,
		},
		`rules:
- {permission: allow, actions: connect, users: admin}
- {permission: deny, actions: connect, clients: "${username}-secret"}
- {permission: deny, actions: connect, users: stolen}
- {permission: allow, actions: connect, clients: "${username}-*"}
- {permission: allow, actions: connect, anonymous: true, clients: "guest-*"}`: {
			{"ann-1", "admin"}: true, {"ann-1", "ann"}: true, {"ann-secret", "ann"}: false, {"stolen-1", "stolen"}: false,
			{"guest-1", ""}: true, {"guest-secret", ""}: false, {"guest-1", "ann"}: false, {"ann-1", ""}: false,
		},
	} {
		r := rules(t, text)
		for c, want := range all {
			require.Equal(t, want, r.mayConnect(c.client, c.user), "%+v", c)
		}
	}
}

// Other rules hold for who is connected: it is admitted by those in force.
func TestClientIdentifiersAreJudgedByTheRulesInForce(t *testing.T) {
	ctx := context.Background()
	a := New(rules(t, "rules: [{permission: allow, actions: connect, clients: '${username}'}, {permission: allow, topics: a}]"))
	ann := auth.Client{ID: "ann", Username: "ann", Verified: true}
	p, err := a.Permissions(ctx, ann)
	require.NoError(t, err)
	require.True(t, p.MayPublish([]byte("a"), 0, false))
	require.False(t, p.MayPublish([]byte("b"), 0, false), "what a rule about connecting allows is nothing else")
	admission := p.(auth.Admission)
	require.True(t, admission.Holds())
	for _, c := range []auth.Client{{ID: "bob", Username: "ann", Verified: true}, {ID: "ann", Username: "ann"}} { // nobody vouches for the second
		_, err = a.Permissions(ctx, c)
		require.Equal(t, packet.NotAuthorized, auth.CodeOf(err))
		require.ErrorContains(t, err, "no rule allows this user to connect with this client identifier")
	}
	a.Set(rules(t, "rules: [{permission: allow, actions: connect, users: bob}]"))
	require.False(t, admission.Holds())
	a.Set(nil)
	require.True(t, admission.Holds())
}
