package suite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/troupemq/troupe/bench"
	"github.com/troupemq/troupe/bench/peer"
	"github.com/troupemq/troupe/bench/report"
)

// stage has fake brokers, and writes down what happens to them.
type stage struct {
	t   *testing.T
	log []string
}

func (s *stage) broker(name string) Broker {
	return Broker{
		Broker: report.Broker{Name: name, Version: "1"},
		uri:    "mqtt://127.0.0.1:1883",
		start: func(context.Context) (instance, error) {
			s.log = append(s.log, "start "+name)
			return instance{
				target: bench.Target{Name: name},
				died:   make(chan error),
				stop: func() error {
					s.log = append(s.log, "stop "+name)
					return nil
				},
			}, nil
		},
	}
}

// measure writes down and measures nothing.
func (s *stage) measure(_ context.Context, w bench.Workload, t bench.Target, _ ...bench.Option) (bench.Result, error) {
	s.log = append(s.log, w.Name+" on "+t.Name)
	return bench.Result{Workload: w.Name, Target: t.Name, Delivery: &bench.Delivery{Delivered: 1}}, nil
}

func workload(name string) bench.Workload {
	return bench.Workload{
		Name: name, Kind: bench.Messages, WarmUp: time.Second, Duration: 5 * time.Second,
		Traffic: []bench.Traffic{{Publishers: 1, Subscribers: 1, Payload: 128, Loop: bench.Closed, Window: 10}},
	}
}

// ran is a report's runs in a line.
func ran(r *report.Report) string {
	var all []string
	for _, run := range r.Runs {
		line := fmt.Sprintf("%s%d %s", run.Result.Workload, run.Round, run.Result.Target)
		if run.Failed != "" {
			line += " failed: " + run.Failed
		}
		if run.Result.Partial != "" {
			line += " partial: " + run.Result.Partial
		}
		all = append(all, line)
	}
	return strings.Join(all, ", ")
}

func ignore(Event) {}

func TestAlternates(t *testing.T) {
	s := &stage{t: t}
	idle := bench.Workload{Name: "I", Kind: bench.Idle, Connections: 10}
	null := s.broker("null")
	null.Null = true
	p := Plan{
		Workloads: []bench.Workload{workload("A"), idle},
		Brokers:   []Broker{s.broker("a"), Missing(peer.Definition{Name: "gone"}, errors.New("no gone on PATH")), s.broker("b"), null},
		Rounds:    2,
		Command:   "troupe bench",
		measure:   s.measure,
	}
	r, err := p.Run(t.Context(), ignore)
	require.NoError(t, err)
	require.Equal(t, "A1 a, A1 b, A1 null, A2 a, A2 b, A2 null, I1 a, I1 b, I2 a, I2 b", ran(r))
	require.Equal(t, []string{"start a", "A on a", "stop a", "start b", "A on b", "stop b", "start null", "A on null", "stop null"}, s.log[:9])
	require.Equal(t, []report.Broker{{Name: "a", Version: "1"}, {Name: "gone", Missing: "no gone on PATH"}, {Name: "b", Version: "1"},
		{Name: "null", Version: "1", Null: true}}, r.Brokers)
	require.Equal(t, report.Schema, r.Schema)
	require.Equal(t, 2, r.Rounds)
	require.Equal(t, "troupe bench", r.Command)
	require.Equal(t, p.Workloads, r.Workloads)
	require.Empty(t, r.Ended)
	require.NotZero(t, r.Machine.Cores)
	require.NotEmpty(t, r.Machine.System)
	require.NotEmpty(t, r.Machine.Go)
}

func TestTellsHowFarItIs(t *testing.T) {
	s := &stage{t: t}
	var events []Event
	p := Plan{Workloads: []bench.Workload{workload("A")}, Brokers: []Broker{s.broker("a"), s.broker("b")}, Rounds: 2, measure: s.measure}
	r, err := p.Run(t.Context(), func(e Event) { events = append(events, e) })
	require.NoError(t, err)
	require.Len(t, events, 12)
	for i, e := range events {
		require.Equal(t, []EventKind{Began, Progressed, Ended}[i%3], e.Kind)
		require.Equal(t, "A", e.Workload)
		require.Equal(t, []string{"a", "b"}[i/3%2], e.Broker)
		require.Equal(t, 1+i/6, e.Round)
		require.Equal(t, 2, e.Rounds)
		require.Equal(t, 1+i/3, e.Step)
		require.Equal(t, 4, e.Steps)
		require.Equal(t, e.Kind == Progressed, e.Progress.Phase == Starting)
		require.Equal(t, e.Kind == Ended, e.Run != nil)
	}
	require.Equal(t, &r.Runs[3], events[11].Run)
	require.Zero(t, events[11].Remaining)
	require.LessOrEqual(t, events[0].Remaining, 4*8*time.Second)
	require.Greater(t, events[0].Remaining, 3*8*time.Second, "four runs of 8 s, as is guessed at first")
}

func TestEstimates(t *testing.T) {
	var e estimates
	a, b := step{workload: workload("A"), broker: Broker{Broker: report.Broker{Name: "a"}}}, step{workload: workload("A"), broker: Broker{Broker: report.Broker{Name: "b"}}}
	other := step{workload: workload("B"), broker: a.broker}
	require.Equal(t, 24*time.Second, e.remaining([]step{a, b, other}, 0))
	e.add(a, 10*time.Second)
	require.Equal(t, 28*time.Second, e.remaining([]step{a, b, other}, 0), "the other broker takes as long, the other workload as was guessed")
	e.add(b, 20*time.Second)
	require.Equal(t, 35*time.Second, e.remaining([]step{a, b, other}, 3*time.Second))
	require.Equal(t, 28*time.Second, e.remaining([]step{a, b, other}, time.Hour))
	require.Equal(t, 5*time.Second, guess(bench.Workload{Connections: 15_000}))
	require.Equal(t, 7*time.Second, guess(bench.Workload{Count: 100_000}))
}

// One broker's failures are no reason not to measure the others.
func TestFailuresAreReportedAndTheOthersGoOn(t *testing.T) {
	s := &stage{t: t}
	lame, mortal, odd := s.broker("lame"), s.broker("mortal"), s.broker("odd")
	lame.start = func(context.Context) (instance, error) { return instance{}, errors.New("lame did not answer") }
	died := make(chan error, 1)
	healthy := mortal.start
	mortal.start = func(ctx context.Context) (instance, error) {
		i, err := healthy(ctx)
		i.died = died
		return i, err
	}
	p := Plan{Workloads: []bench.Workload{workload("A")}, Brokers: []Broker{lame, mortal, odd, s.broker("good")}, Rounds: 2, afterlife: time.Millisecond}
	p.measure = func(ctx context.Context, w bench.Workload, target bench.Target, o ...bench.Option) (bench.Result, error) {
		r, err := s.measure(ctx, w, target, o...)
		switch target.Name {
		case "mortal":
			died <- errors.New("mortal died: exit status 7")
			<-ctx.Done()
			r.Partial = "cut short"
			return r, errors.New("connection reset")
		case "odd":
			return bench.Result{Partial: "cut short"}, errors.New("it broke the rules")
		}
		return r, err
	}
	r, err := p.Run(t.Context(), ignore)
	require.NoError(t, err)
	round := func(n int) string {
		return fmt.Sprintf("A%[1]d lame failed: lame did not answer, A%[1]d mortal partial: mortal died: exit status 7, "+
			"A%[1]d odd failed: it broke the rules, A%[1]d good", n)
	}
	require.Equal(t, round(1)+", "+round(2), ran(r))
	require.Empty(t, r.Ended)
}

// The clients of a broker that dies may notice before its process is gone.
func TestDeathIsTheReasonAlsoIfItIsHeardLate(t *testing.T) {
	s := &stage{t: t}
	b := s.broker("mortal")
	died := make(chan error, 1)
	b.start = func(context.Context) (instance, error) {
		return instance{died: died, stop: func() error { return nil }}, nil
	}
	p := Plan{Workloads: []bench.Workload{workload("A")}, Brokers: []Broker{b}, Rounds: 1, afterlife: time.Hour}
	p.measure = func(context.Context, bench.Workload, bench.Target, ...bench.Option) (bench.Result, error) {
		time.AfterFunc(20*time.Millisecond, func() { died <- errors.New("mortal died") })
		return bench.Result{}, errors.New("connection reset")
	}
	r, err := p.Run(t.Context(), ignore)
	require.NoError(t, err)
	require.Equal(t, "A1 mortal failed: mortal died", ran(r))
}

func TestWhatCannotBeStoppedIsNoted(t *testing.T) {
	s := &stage{t: t}
	b := s.broker("stubborn")
	b.Notes = "as it comes"
	b.start = func(context.Context) (instance, error) {
		return instance{stop: func() error { return errors.New("it was killed;\n\tit said no") }}, nil
	}
	p := Plan{Workloads: []bench.Workload{workload("A")}, Brokers: []Broker{b}, Rounds: 2, measure: s.measure}
	r, err := p.Run(t.Context(), ignore)
	require.NoError(t, err)
	require.Equal(t, "A1 stubborn, A2 stubborn", ran(r))
	require.Equal(t, "as it comes; it was killed; it said no", r.Brokers[0].Notes)
}

func TestCancelKeepsWhatThereIs(t *testing.T) {
	s := &stage{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	p := Plan{Workloads: []bench.Workload{workload("A")}, Brokers: []Broker{s.broker("a"), s.broker("b"), s.broker("c")}, Rounds: 2}
	p.measure = func(ctx context.Context, w bench.Workload, target bench.Target, o ...bench.Option) (bench.Result, error) {
		r, err := s.measure(ctx, w, target, o...)
		if target.Name == "b" {
			cancel()
			<-ctx.Done()
			return r, fmt.Errorf("measuring: %w", ctx.Err())
		}
		return r, err
	}
	r, err := p.Run(ctx, ignore)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "ended after 2 of 6 runs")
	require.Equal(t, "A1 a, A1 b partial: context canceled", ran(r))
	require.Equal(t, "context canceled", r.Ended)
	require.Equal(t, "stop b", s.log[len(s.log)-1], "it was stopped all the same")
}

func TestPlansThatCannotBeCarriedOut(t *testing.T) {
	s := &stage{t: t}
	null := s.broker("null")
	null.Null = true
	good := Plan{Workloads: []bench.Workload{workload("A")}, Brokers: []Broker{s.broker("a")}, Rounds: 1, measure: s.measure}
	big := workload("big")
	big.Traffic[0].Publishers, big.Traffic[0].Subscribers = 5_000_000, 5_000_000
	for complaint, change := range map[string]func(*Plan){
		"0 rounds":             func(p *Plan) { p.Rounds = 0 },
		"there is no workload": func(p *Plan) { p.Workloads = nil },
		`have the name "a"`:    func(p *Plan) { p.Brokers = append(p.Brokers, s.broker("a")) },
		"no broker to measure": func(p *Plan) { p.Brokers = nil },
		"catch it":             func(p *Plan) { p.Brokers = []Broker{Missing(peer.Definition{Name: "fish"}, errors.New("catch it"))} },
		"null broker cannot": func(p *Plan) {
			p.Brokers, p.Workloads = []Broker{null}, []bench.Workload{{Name: "I", Kind: bench.Idle, Connections: 1}}
		},
		"big needs 10000064": func(p *Plan) { p.Workloads = append(p.Workloads, big) },
		"workload":           func(p *Plan) { p.Workloads = []bench.Workload{{Name: "strange", Kind: "fish"}} },
	} {
		p := good
		change(&p)
		r, err := p.Run(t.Context(), func(Event) { t.Error("something was started") })
		require.ErrorContains(t, err, complaint)
		require.Nil(t, r)
	}
	require.Empty(t, s.log)
}

// A broker that runs already is one process in all rounds.
func TestTargetIsReused(t *testing.T) {
	s := &stage{t: t}
	target := bench.Target{Name: "mine", Version: "2", URI: "mqtt://127.0.0.1:1", PID: 5}
	var seen []bench.Target
	p := Plan{Workloads: []bench.Workload{workload("A")}, Brokers: []Broker{Target(target), s.broker("b")}, Rounds: 2}
	p.measure = func(ctx context.Context, w bench.Workload, t bench.Target, o ...bench.Option) (bench.Result, error) {
		seen = append(seen, t)
		return s.measure(ctx, w, t, o...)
	}
	r, err := p.Run(t.Context(), ignore)
	require.NoError(t, err)
	require.Equal(t, "A1 mine, A1 b, A2 mine, A2 b", ran(r))
	require.Equal(t, target, seen[0])
	require.Equal(t, target, seen[2])
	require.Equal(t, report.Broker{Name: "mine", Version: "2", Notes: "was running already, at mqtt://127.0.0.1:1"}, r.Brokers[0])
}
