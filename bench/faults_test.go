package bench

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe/protocol/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// long is a duration that no test waits for: their runs end by the number of messages.
const long = time.Minute

// endAfter ends the counted span when a fake broker has come so far.
func endAfter(enough <-chan struct{}) Option { return func(r *run) { r.enough = enough } }

// pairs is some traffic.
func pairs(qos packet.QoS) Traffic {
	return Traffic{Publishers: 3, Subscribers: 3, PublishQoS: qos, SubscribeQoS: qos, Payload: 64, Loop: Closed, Window: 20}
}

func workload(traffic ...Traffic) Workload {
	return Workload{Name: "test", Kind: Messages, Duration: long, Traffic: traffic}
}

// Of an honest broker nothing is said but what it did, whatever the traffic.
func TestHonestBroker(t *testing.T) {
	t.Parallel()
	change := func(do func(*Traffic)) Traffic {
		traffic := pairs(packet.QoS0)
		do(&traffic)
		return traffic
	}
	for name, traffic := range map[string]Traffic{
		"QoS 0":          pairs(packet.QoS0),
		"QoS 1":          pairs(packet.QoS1),
		"QoS 2":          pairs(packet.QoS2),
		"QoS 2 to 1":     change(func(t *Traffic) { t.PublishQoS, t.SubscribeQoS = 2, 1 }),
		"MQTT 5":         change(func(t *Traffic) { t.PublishVersion, t.SubscribeVersion, t.PublishQoS = 5, 5, 1 }),
		"5 to 3.1.1":     change(func(t *Traffic) { t.PublishVersion, t.SubscribeVersion = 5, 4 }),
		"fan-out":        change(func(t *Traffic) { t.Publishers, t.Subscribers = 2, 7 }),
		"fan-in":         change(func(t *Traffic) { t.Publishers, t.Subscribers, t.Topics = 7, 2, 3 }),
		"fan-in, QoS 2":  change(func(t *Traffic) { t.Publishers, t.Subscribers, t.PublishQoS, t.SubscribeQoS = 7, 2, 2, 2 }),
		"filters":        change(func(t *Traffic) { t.Publishers, t.Subscribers, t.Filters = 2, 4, 5 }),
		"open":           change(func(t *Traffic) { t.Loop, t.Window, t.Rate = Open, 0, 20_000 }),
		"no payload":     change(func(t *Traffic) { t.Payload = 0 }),
		"small payload":  change(func(t *Traffic) { t.Payload, t.Publishers, t.Subscribers, t.Topics = 10, 7, 2, 3 }),
		"large payload":  change(func(t *Traffic) { t.Payload, t.Window = 300_000, 2 }),
		"pressed, QoS 1": change(func(t *Traffic) { t.Press, t.PublishQoS, t.SubscribeQoS, t.ReadRate = true, 1, 1, 1000 }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFakeBroker(t)
			enough := b.after(600)
			b.start()
			result, err := Run(t.Context(), workload(traffic), b.target(), endAfter(enough))
			require.NoError(t, err)
			require.Empty(t, result.Partial)
			d := result.Delivery
			require.GreaterOrEqual(t, d.Delivered, int64(600))
			require.Equal(t, d.Expected, d.Delivered)
			require.Equal(t, Delivery{Traffic: "bench", Sent: d.Sent, Expected: d.Expected, Delivered: d.Delivered, Rate: d.Rate}, *d)
			if traffic.Payload >= 24 {
				require.LessOrEqual(t, result.Latency.Count, d.Delivered)
				require.Positive(t, result.Latency.P50)
				require.LessOrEqual(t, result.Latency.P50, result.Latency.Max)
				require.NotEmpty(t, result.Latency.Histogram)
			} else {
				require.Nil(t, result.Latency)
			}
		})
	}
}

func TestBrokerThatDrops(t *testing.T) {
	for name, payload := range map[string]int{"stamped": 64, "counted alone": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFakeBroker(t)
			dropped := int64(0)
			b.fault = func(n int, send func()) {
				if n%1000 == 0 {
					dropped++
					return
				}
				send()
			}
			traffic := pairs(packet.QoS1)
			traffic.Payload = payload
			enough := b.after(5000)
			result, err := Run(t.Context(), workload(traffic), b.start().target(), endAfter(enough))
			require.NoError(t, err)
			b.mu.Lock()
			defer b.mu.Unlock()
			require.GreaterOrEqual(t, dropped, int64(5))
			require.Equal(t, dropped, result.Delivery.Lost)
			require.Zero(t, result.Delivery.Duplicated)
			require.Zero(t, result.Delivery.Reordered)
		})
	}
}

// A broker that swallows whole windows does not stop the run: what seems lost is not waited for.
func TestBrokerThatDropsWindows(t *testing.T) {
	t.Parallel()
	b := newFakeBroker(t)
	b.fault = func(n int, send func()) {
		if n > 100 && n <= 160 { // all that three publishers with 20 each may have on the way
			return
		}
		send()
	}
	enough := b.after(300)
	result, err := Run(t.Context(), workload(pairs(packet.QoS0)), b.start().target(), endAfter(enough))
	require.NoError(t, err)
	require.EqualValues(t, 60, result.Delivery.Lost)
	require.GreaterOrEqual(t, result.Delivery.Delivered, int64(240))
}

func TestBrokerThatDuplicates(t *testing.T) {
	t.Parallel()
	for _, qos := range []packet.QoS{0, 1, 2} {
		b := newFakeBroker(t)
		doubled := int64(0)
		b.fault = func(n int, send func()) {
			send()
			if n%100 == 0 {
				doubled++
				send()
			}
		}
		enough := b.after(1000)
		result, err := Run(t.Context(), workload(pairs(qos)), b.start().target(), endAfter(enough))
		require.NoError(t, err)
		b.mu.Lock()
		require.GreaterOrEqual(t, doubled, int64(10))
		require.Equal(t, doubled, result.Delivery.Duplicated)
		b.mu.Unlock()
		require.Zero(t, result.Delivery.Lost)
		require.Zero(t, result.Delivery.Reordered)
		require.Equal(t, result.Delivery.Expected, result.Delivery.Delivered)
	}
}

func TestBrokerThatReorders(t *testing.T) {
	b := newFakeBroker(t)
	var held func()
	swapped := int64(0)
	b.fault = func(n int, send func()) {
		switch {
		case n%50 == 0:
			held = send
			return
		case held != nil:
			send()
			held()
			held = nil
			swapped++
			return
		}
		send()
	}
	traffic := pairs(packet.QoS0)
	traffic.Publishers, traffic.Subscribers = 1, 1 // so that neighbours are of one flow
	enough := b.after(1001)
	result, err := Run(t.Context(), workload(traffic), b.start().target(), endAfter(enough))
	require.NoError(t, err)
	b.mu.Lock()
	defer b.mu.Unlock()
	if held != nil {
		swapped-- // nothing came after it
	}
	require.GreaterOrEqual(t, result.Delivery.Reordered, int64(19))
	require.InDelta(t, swapped, result.Delivery.Reordered, 1)
	require.Zero(t, result.Delivery.Duplicated)
}

func TestBrokerThatIsSlow(t *testing.T) {
	t.Parallel()
	for _, loop := range []Loop{Open, Closed} {
		b := newFakeBroker(t)
		b.delay = 50 * time.Millisecond
		traffic := pairs(packet.QoS0)
		if traffic.Loop = loop; loop == Open {
			traffic.Window, traffic.Rate = 0, 1000
		}
		enough := b.after(200)
		result, err := Run(t.Context(), workload(traffic), b.start().target(), endAfter(enough))
		require.NoError(t, err)
		require.GreaterOrEqual(t, result.Latency.P50, 50*time.Millisecond)
		require.Zero(t, result.Delivery.Lost)
	}
}

// A message that is sent late since the broker did not read counts from when it was due.
func TestBrokerThatStops(t *testing.T) {
	t.Parallel()
	b := newFakeBroker(t)
	b.fault = func(n int, send func()) {
		if n == 100 {
			time.Sleep(100 * time.Millisecond) // under mu: it takes nothing meanwhile
		}
		send()
	}
	traffic := pairs(packet.QoS1)
	traffic.Loop, traffic.Window, traffic.Rate = Open, 0, 1000
	enough := b.after(300)
	result, err := Run(t.Context(), workload(traffic), b.start().target(), endAfter(enough))
	require.NoError(t, err)
	require.GreaterOrEqual(t, result.Latency.Max, 90*time.Millisecond)
	require.GreaterOrEqual(t, result.Latency.P99, 50*time.Millisecond, "about a hundred of 300 messages were due meanwhile")
}

func TestBrokerThatMisroutes(t *testing.T) {
	b := newFakeBroker(t)
	enough := b.after(300)
	b.fault = func(n int, send func()) {
		send()
		if n%100 == 0 {
			s := b.subscriptions[0]
			s.conn.deliver(packet.Publish{Topic: []byte("bench/1/0"), Payload: append([]byte{0, 0, 0, 1}, make([]byte, 60)...)}, 0)
		}
	}
	traffic := pairs(packet.QoS0)
	traffic.Publishers, traffic.Subscribers = 3, 3
	result, err := Run(t.Context(), workload(traffic), b.start().target(), endAfter(enough))
	require.NoError(t, err)
	require.Positive(t, result.Delivery.Misrouted+result.Delivery.Duplicated)
	require.Zero(t, result.Delivery.Lost)
}

func TestBrokerThatDies(t *testing.T) {
	b := newFakeBroker(t)
	dead := b.after(500)
	b.start()
	go func() {
		<-dead
		b.stop()
	}()
	result, err := Run(t.Context(), workload(pairs(packet.QoS1)), b.target())
	require.ErrorContains(t, err, "workload test: bench-")
	require.NotEmpty(t, result.Partial)
	require.Positive(t, result.Delivery.Delivered)
	require.Positive(t, result.Took)
}

func TestCancelled(t *testing.T) {
	b := newFakeBroker(t)
	enough := b.after(500)
	b.start()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	why := errors.New("the operator has seen enough")
	go func() {
		<-enough
		cancel(why)
	}()
	result, err := Run(ctx, workload(pairs(packet.QoS0)), b.target())
	require.ErrorIs(t, err, why)
	require.NotEmpty(t, result.Partial)
	require.Positive(t, result.Delivery.Delivered)
}

// Traffic beside the one measured is checked too.
func TestBeside(t *testing.T) {
	b := newFakeBroker(t)
	calm, flood := pairs(packet.QoS1), pairs(packet.QoS0)
	calm.Name, calm.Loop, calm.Window, calm.Rate = "calm", Open, 0, 5000
	flood.Name = "flood"
	enough := b.after(2000)
	result, err := Run(t.Context(), workload(calm, flood), b.start().target(), endAfter(enough))
	require.NoError(t, err)
	require.Equal(t, "calm", result.Delivery.Traffic)
	require.Len(t, result.Beside, 1)
	require.Equal(t, "flood", result.Beside[0].Traffic)
	require.Positive(t, result.Beside[0].Delivered)
	require.Zero(t, result.Beside[0].Lost)
	require.Zero(t, result.Delivery.Lost)
}

func TestBrokerThatForgetsRetained(t *testing.T) {
	t.Parallel()
	b := newFakeBroker(t)
	b.keeps = 70
	w := Workload{Name: "test", Kind: Retained, Count: 100, Payload: 10}
	result, err := Run(t.Context(), w, b.start().target())
	require.NoError(t, err)
	require.Equal(t, Replay{Expected: 100, Received: 70, First: result.Replay.First, Took: result.Took}, *result.Replay)
	require.Empty(t, b.retained, "what the run left is to be removed")
	require.Nil(t, result.Memory, "the process is not known")
}

// What was acknowledged for Sessions that are away and does not come when they are back, or comes twice, is seen.
func TestBrokerThatForgetsWhatItAcknowledged(t *testing.T) {
	w := Workload{Name: "w", Kind: Acknowledged, Connections: 3, Payload: 100, Window: 10, Duration: 100 * time.Millisecond}
	var dropped, doubled int64
	b := newFakeBroker(t)
	b.fault = func(n int, send func()) {
		switch {
		case n%10 == 0 && n < 50: // not the last of a Session, that nothing would be waited for
			dropped++
		case n%25 == 1 && n < 100:
			doubled++
			send()
			send()
		default:
			send()
		}
	}
	result, err := Run(t.Context(), w, b.start().target(), func(r *run) { r.patience = 200 * time.Millisecond })
	require.NoError(t, err)
	d := *result.Delivery
	require.Positive(t, dropped)
	require.Equal(t, d.Sent, d.Expected)
	require.Equal(t, dropped, d.Lost)
	require.Equal(t, doubled, d.Duplicated)
	require.Equal(t, d.Sent-dropped, d.Delivered)
	require.Zero(t, d.Reordered+d.Misrouted+d.Unacknowledged)

	b.mu.Lock()
	require.Empty(t, b.sessions, "they are ended after the run")
	b.mu.Unlock()
}

func TestConnectsToBrokerThatDies(t *testing.T) {
	b := newFakeBroker(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	died := false
	die := WithProgress(func(p Progress) {
		if p.Phase == Measuring && !died {
			died = true
			b.stop()
		}
	})
	w := Workload{Name: "test", Kind: Connects, Connections: 3, Duration: long}
	result, err := Run(ctx, w, b.start().target(), die)
	require.ErrorContains(t, err, "workload test: connect to "+b.target().URI)
	require.NotEmpty(t, result.Partial)
	require.NotZero(t, result.Connects.Failed)
}

func TestNeeds(t *testing.T) {
	for _, test := range []struct {
		workload     Workload
		files, ports int
	}{
		{workload(pairs(0), pairs(0)), 12 + spare, 12},
		{Workload{Kind: Idle, Connections: 15_000}, 15_000 + spare, 7_500},
		{Workload{Kind: Queued, Connections: 100}, 101 + spare, 101},
		{Workload{Kind: Retained, Count: 100_000}, 2 + spare, 2},
		{Workload{Kind: Connects, Connections: 64}, 64 + spare, 1},
	} {
		files, ports := test.workload.Needs()
		require.Equal(t, test.files, files)
		require.Equal(t, test.ports, ports)
	}
}
