package failover

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// usual are options with which an upstream that failed is tried again after 500 to 1000 ms at first, and after 16 to 32 s at last.
func usual(order Order) Options {
	return Options{Order: order, StayFor: 30_000, Initial: 1000, Maximum: 32_000}
}

// up brings the candidate up, so that it carries.
func (h *host) up() (upstream int) {
	c, ok := h.f.Candidate()
	require.True(h.t, ok, "there is no candidate")
	h.ready(c.ID)
	if carrier, ok := h.f.Carrier(); ok && carrier.ID != c.ID {
		require.True(h.t, carrier.Leaving)
		h.lose(carrier.ID, End{Asked: true})
	}
	h.carries(c.ID)
	return c.Index
}

func (h *host) loseCarrier(end End) {
	c, ok := h.f.Carrier()
	require.True(h.t, ok, "none carries")
	h.lose(c.ID, end)
}

func (h *host) failCandidate(end End) {
	c, ok := h.f.Candidate()
	require.True(h.t, ok, "there is no candidate")
	h.lose(c.ID, end)
}

func (h *host) candidate() int {
	c, ok := h.f.Candidate()
	if !ok {
		return -1
	}
	return c.Index
}

func TestPriorityGoesOnAtOnceAndComesBack(t *testing.T) {
	h := newHost(t, usual(Priority), "a", "b", "c")
	require.Equal(t, 0, h.up())
	h.elapse(60_000)
	h.loseCarrier(End{Text: "cut"})
	require.Equal(t, 1, h.up(), "at once")
	require.Equal(t, Waiting, h.f.Upstreams()[0].State)
	require.Equal(t, "cut", h.f.Upstreams()[0].LastError)

	retry := h.f.Next()
	require.True(t, retry >= h.now+500 && retry <= h.now+1000, "%d ms", retry-h.now)
	h.elapse(retry - h.now)
	p, ok := h.f.Probe()
	require.True(t, ok)
	require.Equal(t, 0, p.Index)
	h.lose(p.ID, End{Text: "still down"})
	h.elapse(h.f.Next() - h.now)
	p, ok = h.f.Probe()
	require.True(t, ok)
	h.ready(p.ID)
	h.elapse(29_999)
	require.Equal(t, -1, h.candidate(), "not healthy for long enough")
	h.elapse(1)
	require.Equal(t, 0, h.candidate())

	h.failCandidate(End{Text: "subscription refused"})
	c, ok := h.f.Carrier()
	require.True(t, ok && c.Carries && !c.Leaving, "the link was touched")
	require.Equal(t, 1, c.Index)

	h.elapse(h.f.Next() - h.now)
	p, ok = h.f.Probe()
	require.True(t, ok)
	h.ready(p.ID)
	h.elapse(30_000)
	require.Equal(t, 0, h.up())
	require.Equal(t, []int{0, 1, 0}, h.carriedTo)
}

// The candidate takes over without a new attempt if the carrier dies while it is on its way.
func TestCarrierDiesWhileACandidateComes(t *testing.T) {
	h := newHost(t, usual(Priority), "a", "b")
	h.failCandidate(End{})
	require.Equal(t, 1, h.up())
	h.elapse(h.f.Next() - h.now)
	p, _ := h.f.Probe()
	h.ready(p.ID)
	h.elapse(30_000)
	before := h.attempts
	h.loseCarrier(End{})
	require.Equal(t, 0, h.up())
	require.Equal(t, before, h.attempts)
}

func TestTheOnlyUpstream(t *testing.T) {
	h := newHost(t, usual(Priority), "a")
	h.up()
	h.elapse(9_999)
	h.loseCarrier(End{})
	require.Equal(t, -1, h.candidate(), "it did not carry for long enough")
	h.elapse(h.f.Next() - h.now)
	h.up()
	h.elapse(10_000)
	h.loseCarrier(End{})
	require.Equal(t, 0, h.candidate(), "at once")
	h.failCandidate(End{})
	require.Equal(t, 1, h.f.Upstreams()[0].Failures)
}

func TestBackoffDoublesUpToTheMaximum(t *testing.T) {
	h := newHost(t, usual(Priority), "a")
	for _, pause := range []int64{1000, 2000, 4000, 8000, 16_000, 32_000, 32_000, 32_000} {
		h.failCandidate(End{})
		wait := h.f.Next() - h.now
		require.True(t, wait >= pause/2 && wait <= pause, "%d ms instead of %d", wait, pause)
		h.elapse(wait - 1)
		require.Equal(t, -1, h.candidate())
		h.elapse(1)
	}
}

func TestJitterIsSpread(t *testing.T) {
	seen := make(map[int64]bool)
	for seed := range uint64(50) {
		o := usual(Priority)
		o.Rand = rand.New(rand.NewPCG(seed, 0))
		h := newHost(t, o, "a")
		h.failCandidate(End{})
		seen[h.f.Next()-h.now] = true
	}
	require.Greater(t, len(seen), 30)
}

func TestPermanentRefusalsBackOffInFull(t *testing.T) {
	for _, code := range []packet.ReasonCode{0x84, 0x85, 0x86, 0x87, 0x8A} {
		h := newHost(t, usual(Priority), "a")
		h.failCandidate(End{Code: code})
		require.GreaterOrEqual(t, h.f.Next()-h.now, int64(16_000), "%#x", code)
	}
	for _, code := range []packet.ReasonCode{0x88, 0x89, 0x97} {
		h := newHost(t, usual(Priority), "a")
		h.failCandidate(End{Code: code})
		require.LessOrEqual(t, h.f.Next()-h.now, int64(1000), "%#x", code)
	}
}

func TestRotate(t *testing.T) {
	h := newHost(t, usual(Rotate), "a", "b", "c")
	for i := range 7 {
		require.Equal(t, i%3, h.up())
		h.elapse(60_000)
		_, probes := h.f.Probe()
		require.False(t, probes)
		h.loseCarrier(End{})
	}
}

func TestRandomIsAnyOther(t *testing.T) {
	h := newHost(t, usual(Random), "a", "b", "c")
	seen := make(map[int]bool)
	last := h.up()
	for range 50 {
		h.elapse(60_000)
		h.loseCarrier(End{})
		i := h.up()
		require.NotEqual(t, last, i)
		seen[i], last = true, i
	}
	require.Len(t, seen, 3)
}

func TestServerReference(t *testing.T) {
	for _, code := range []packet.ReasonCode{packet.UseAnotherServer, packet.ServerMoved} {
		o := usual(Priority)
		o.Follow = true
		h := newHost(t, o, "a", "b")
		h.failCandidate(End{Code: code, Reference: "there"})
		c, ok := h.f.Candidate()
		require.True(t, ok)
		require.Equal(t, "there", c.Reference)
		require.Equal(t, 0, c.Index)
		h.up()
		h.elapse(60_000)
		h.loseCarrier(End{})
		c, ok = h.f.Candidate()
		require.True(t, ok)
		require.Equal(t, 1, c.Index, "back to the list")
		require.Empty(t, c.Reference)

		o.Follow = false
		h = newHost(t, o, "a", "b")
		h.failCandidate(End{Code: code, Reference: "there"})
		require.Equal(t, 1, h.candidate())
	}
}

// Servers that send the bridge round in a circle are not followed for ever.
func TestServerReferencesInACircle(t *testing.T) {
	o := usual(Priority)
	o.Follow = true
	h := newHost(t, o, "a")
	for range referencesMost {
		h.failCandidate(End{Code: packet.UseAnotherServer, Reference: "there"})
	}
	h.failCandidate(End{Code: packet.UseAnotherServer, Reference: "there"})
	require.Equal(t, -1, h.candidate())
	require.Equal(t, 1+referencesMost, h.f.Upstreams()[0].Failures)
}

func TestSwitch(t *testing.T) {
	h := newHost(t, usual(Rotate), "a", "b", "c")
	h.up()
	to := func(i int) {
		actions, err := h.f.Switch(i, h.now)
		require.NoError(t, err)
		h.do(actions)
	}
	to(2)
	require.Equal(t, 2, h.up())
	to(Any)
	require.Equal(t, 0, h.up())
	to(2)
	to(1)
	require.Equal(t, 1, h.up(), "the last word counts")
	_, err := h.f.Switch(1, h.now)
	require.ErrorIs(t, err, ErrThere)
	_, err = h.f.Switch(3, h.now)
	require.ErrorIs(t, err, ErrUnknown)
	h.do(h.f.Pause(h.now))
	_, err = h.f.Switch(2, h.now)
	require.ErrorIs(t, err, ErrPaused)

	h = newHost(t, usual(Rotate), "a")
	h.up()
	_, err = h.f.Switch(Any, h.now)
	require.ErrorIs(t, err, ErrNoOther)
}

// An upstream that is backing off is tried all the same when somebody asks for it, and what carries is not touched if that fails.
func TestSwitchToOneThatIsDown(t *testing.T) {
	h := newHost(t, usual(Rotate), "a", "b")
	h.failCandidate(End{})
	h.up()
	actions, err := h.f.Switch(0, h.now)
	require.NoError(t, err)
	h.do(actions)
	h.failCandidate(End{})
	c, ok := h.f.Carrier()
	require.True(t, ok && c.Carries && c.Index == 1)
}

func TestPauseLeavesInOrder(t *testing.T) {
	h := newHost(t, usual(Priority), "a", "b")
	h.failCandidate(End{})
	h.up()
	h.do(h.f.Pause(h.now))
	require.Equal(t, Leave, h.told[len(h.told)-1].Kind)
	h.loseCarrier(End{Asked: true})
	require.Zero(t, h.f.Next())
	h.elapse(3_600_000)
	require.Empty(t, h.links)
	h.do(h.f.Resume(h.now))
	require.Equal(t, 0, h.up())
}

func TestReload(t *testing.T) {
	h := newHost(t, usual(Priority), "a", "b")
	h.failCandidate(End{})
	h.up()
	failures := h.f.Upstreams()[0].Failures
	h.do(h.f.Reload(usual(Priority), []Entry{{Name: "x"}, {Name: "a"}, {Name: "b"}}, h.now))
	c, _ := h.f.Carrier()
	require.True(t, c.Carries && c.Index == 2, "it stays up")
	require.Equal(t, failures, h.f.Upstreams()[1].Failures, "it keeps its state")

	h.do(h.f.Reload(usual(Priority), []Entry{{Name: "a"}}, h.now))
	c, _ = h.f.Carrier()
	require.True(t, c.Carries && c.Index == -1, "it carries until the other one is ready")
	h.elapse(h.f.Next() - h.now)
	require.Equal(t, 0, h.up())
}

// A link that has to be made anew to the same upstream is pushed out by the new one, which goes on with the same Session.
func TestRenew(t *testing.T) {
	h := newHost(t, usual(Priority), "a", "b")
	h.up()
	h.do(h.f.Renew(h.now))
	require.Equal(t, 0, h.candidate())
	h.loseCarrier(End{Code: packet.SessionTakenOver})
	require.Equal(t, 0, h.up())
	require.Zero(t, h.f.Upstreams()[0].Failures)
	h.elapse(1)
	require.Equal(t, -1, h.candidate())
	require.Equal(t, []int{0, 0}, h.carriedTo)
}

func TestGuards(t *testing.T) {
	o := usual(Priority)
	o.ReadyIn, o.LeaveIn = 10_000, 20_000
	h := newHost(t, o, "a", "b")
	h.elapse(10_000)
	require.Equal(t, 1, h.candidate(), "the first does not come up")
	h.up()
	actions, err := h.f.Switch(0, h.now)
	require.NoError(t, err)
	h.do(actions)
	c, _ := h.f.Candidate()
	h.ready(c.ID)
	h.elapse(20_000)
	carrier, _ := h.f.Carrier()
	require.Equal(t, c.ID, carrier.ID, "the old one does not leave")
}

// A new link to the same upstream would push out the one that leaves in order.
func TestResumeWaitsForTheLinkThatLeaves(t *testing.T) {
	o := usual(Priority)
	o.LeaveIn = 20_000
	h := newHost(t, o, "a")
	h.up()
	h.do(h.f.Pause(h.now))
	h.do(h.f.Resume(h.now))
	require.Equal(t, -1, h.candidate())
	h.loseCarrier(End{Asked: true})
	require.Equal(t, 0, h.candidate())
}

func TestResumeWaitsForNoUpstream(t *testing.T) {
	h := newHost(t, usual(Priority), "a")
	h.failCandidate(End{Code: packet.NotAuthorized})
	h.do(h.f.Pause(h.now))
	h.do(h.f.Resume(h.now))
	require.Equal(t, 0, h.candidate())
}

func TestReloadThatMakesTheProbeWorse(t *testing.T) {
	h := newHost(t, usual(Priority), "a", "b")
	h.failCandidate(End{})
	h.up()
	h.elapse(h.f.Next() - h.now)
	p, ok := h.f.Probe()
	require.True(t, ok)
	h.ready(p.ID)
	h.do(h.f.Reload(usual(Priority), []Entry{{Name: "b"}, {Name: "a"}}, h.now))
	_, ok = h.f.Probe()
	require.False(t, ok)
	h.elapse(60_000)
	require.Equal(t, -1, h.candidate())
}

func TestReloadWithAShorterPause(t *testing.T) {
	h := newHost(t, usual(Priority), "a")
	h.failCandidate(End{Code: packet.NotAuthorized})
	o := usual(Priority)
	o.Maximum = 2000
	h.do(h.f.Reload(o, []Entry{{Name: "a"}}, h.now))
	require.LessOrEqual(t, h.f.Next()-h.now, int64(2000))
}

// An instance of this process that refused is tried again soon, since it may be reloaded too, and at once after a reload.
func TestReloadWithAnInstanceThatRefused(t *testing.T) {
	h := newHost(t, usual(Priority), "a")
	for range 10 {
		h.failCandidate(End{Code: packet.BadUserNameOrPassword, Near: true})
		h.elapse(h.f.Next() - h.now)
	}
	h.failCandidate(End{Code: packet.BadUserNameOrPassword, Near: true})
	require.Equal(t, -1, h.candidate())
	h.do(h.f.Reload(usual(Priority), []Entry{{Name: "a", Near: true}}, h.now))
	require.Equal(t, 0, h.candidate())
	h.failCandidate(End{Code: packet.BadUserNameOrPassword, Near: true})
	require.LessOrEqual(t, h.f.Next()-h.now, usual(Priority).Initial)
}

// What cannot be renewed at once is tried again, and carries as it was meanwhile.
func TestRenewFails(t *testing.T) {
	h := newHost(t, usual(Priority), "a")
	h.up()
	h.do(h.f.Renew(h.now))
	h.failCandidate(End{})
	c, ok := h.f.Carrier()
	require.True(t, ok && c.Carries)
	h.elapse(h.f.Next() - h.now)
	require.Equal(t, 0, h.candidate())
}
