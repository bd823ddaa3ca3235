package report

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bench"
)

// rounds is a report of one workload and one broker, with a broker beside that is ever the same, of figures that scatter by 2%
// around factor times the usual.
func rounds(n int, factor float64, seed uint64) *Report {
	random := rand.New(rand.NewPCG(seed, 0))
	around := func(v float64) float64 { return v * (1 + 0.02*(2*random.Float64()-1)) }
	r := &Report{Schema: Schema, Rounds: n,
		Machine:   Machine{System: "Linux 6.18", CPU: "a", Cores: 2, Memory: 8 << 30},
		Workloads: []bench.Workload{{Name: "A", Kind: bench.Messages, Traffic: []bench.Traffic{{Publishers: 1, Subscribers: 1, Loop: bench.Closed, Window: 1}}}},
		Brokers:   []Broker{{Name: "troupe", Version: "1"}, {Name: "mosquitto", Version: "2"}},
	}
	for i := range n {
		mood := 1 + random.Float64() // of the machine: both brokers of a round have the same
		for _, b := range r.Brokers {
			speed := around(1000 / mood)
			cost := around(10 * mood)
			if b.Name == "troupe" {
				speed, cost = speed/factor, cost*factor
			}
			r.Runs = append(r.Runs, Run{Round: i + 1, Result: bench.Result{Workload: "A", Target: b.Name, Took: time.Second,
				Delivery: &bench.Delivery{Sent: 1000, Expected: 1000, Delivered: 1000, Rate: speed},
				Usage:    &bench.Usage{CPUPerMillion: cost, PeakResident: 1 << 20}}})
		}
	}
	return r
}

// steady is rounds on a machine without moods.
func steady(n int, factor float64, seed uint64) *Report {
	r := rounds(n, factor, seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range r.Runs {
		res := &r.Runs[i].Result
		f := 1.
		if res.Target == "troupe" {
			f = factor
		}
		res.Delivery.Rate = 1000 / f * (1 + 0.02*random.Float64())
		res.Usage.CPUPerMillion = 10 * f * (1 + 0.02*random.Float64())
	}
	return r
}

func verdicts(c Comparison, broker string) map[string]Verdict {
	all := make(map[string]Verdict)
	for _, j := range c.Judgements {
		if j.Broker == broker {
			all[j.Metric] = j.Verdict
		}
	}
	return all
}

func TestNoiseIsNoDifference(t *testing.T) {
	for seed := range uint64(20) {
		c := Compare(steady(5, 1, seed), steady(5, 1, seed+100), DefaultTerms())
		require.Equal(t, map[string]Verdict{"messages/s": Same, "CPU s/M": Same, "peak resident": Same}, verdicts(c, "troupe"))
		require.Empty(t, c.Remarks)
	}
}

func TestShiftIsSeen(t *testing.T) {
	for seed := range uint64(20) {
		c := Compare(steady(5, 1, seed), steady(5, 1.2, seed+100), DefaultTerms())
		require.Equal(t, map[string]Verdict{"messages/s": Worse, "CPU s/M": Worse, "peak resident": Same}, verdicts(c, "troupe"))
		require.Equal(t, map[string]Verdict{"messages/s": Same, "CPU s/M": Same, "peak resident": Same}, verdicts(c, "mosquitto"))
		c = Compare(steady(5, 1.2, seed), steady(5, 1, seed+100), DefaultTerms())
		require.Equal(t, Better, verdicts(c, "troupe")["CPU s/M"])
	}
}

// Of clean rounds even a small shift is no chance; it is the least difference that leaves it out.
func TestSmallShiftDoesNotMatter(t *testing.T) {
	old, new := steady(6, 1, 1), steady(6, 1.04, 2)
	require.Equal(t, Same, verdicts(Compare(old, new, DefaultTerms()), "troupe")["CPU s/M"])
	terms := DefaultTerms()
	terms.Least = 0.01
	require.Equal(t, Worse, verdicts(Compare(old, new, terms), "troupe")["CPU s/M"])
}

func TestTooFewRounds(t *testing.T) {
	c := Compare(steady(2, 1, 1), steady(2, 1.5, 2), DefaultTerms())
	require.Equal(t, map[string]Verdict{"messages/s": TooFew, "CPU s/M": TooFew, "peak resident": TooFew}, verdicts(c, "troupe"))
	require.Contains(t, c.summary(), "A verdict needs 5 rounds in each report.")
}

// On another machine it is the ratio to a broker of the same version that counts.
func TestAnotherMachine(t *testing.T) {
	old, new := rounds(5, 1, 1), rounds(5, 1, 2)
	for i := range new.Runs { // three times as fast
		new.Runs[i].Result.Delivery.Rate *= 3
		new.Runs[i].Result.Usage.CPUPerMillion /= 3
	}
	new.Machine.CPU = "b"
	new.Brokers[0].Version = "2"
	c := Compare(old, new, DefaultTerms())
	require.Equal(t, map[string]Verdict{"messages/s": Same, "CPU s/M": Same, "peak resident": Same}, verdicts(c, "troupe"))
	require.Equal(t, "mosquitto", c.Judgements[0].Reference)
	require.Empty(t, verdicts(c, "mosquitto"), "others are held against it")
	require.Contains(t, c.Remarks[0], "the machines differ: Linux 6.18, a, ")
	require.Contains(t, c.Remarks, "troupe: 1, then 2")

	terms := DefaultTerms()
	terms.By = Absolute
	require.Equal(t, Better, verdicts(Compare(old, new, terms), "mosquitto")["messages/s"])

	for _, vague := range []string{"", "unknown", "(devel) go1.26", "v1.0.1 abc+changes"} { // it may be anything
		old.Brokers[1].Version, new.Brokers[1].Version = vague, vague
		require.Equal(t, Incomparable, verdicts(Compare(old, new, DefaultTerms()), "troupe")["CPU s/M"], "%q", vague)
	}
}

// Where the machine has moods, ratios find what the figures themselves hide.
func TestRatiosSeeThroughMoods(t *testing.T) {
	old, new := rounds(5, 1, 3), rounds(5, 1.2, 4)
	require.Equal(t, Same, verdicts(Compare(old, new, DefaultTerms()), "troupe")["CPU s/M"])
	terms := DefaultTerms()
	terms.By = Ratio
	require.Equal(t, Worse, verdicts(Compare(old, new, terms), "troupe")["CPU s/M"])
}

// What is lost or fails in the new report alone is worse, however few the rounds.
func TestHarmNeedsNoTest(t *testing.T) {
	old, new := steady(1, 1, 1), steady(1, 1, 2)
	new.Runs[0].Result.Delivery.Lost = 1
	require.Equal(t, Worse, verdicts(Compare(old, new, DefaultTerms()), "troupe")["loss"])
	require.Equal(t, Better, verdicts(Compare(new, old, DefaultTerms()), "troupe")["loss"])

	new = steady(1, 1, 2)
	new.Runs[0].Failed = "it died"
	require.Equal(t, Worse, verdicts(Compare(old, new, DefaultTerms()), "troupe")["failed runs"])

	old, new = steady(1, 1, 1), steady(1, 1, 2)
	old.Runs[0].Result.Beside = []bench.Delivery{{Traffic: "flood", Expected: 9}}
	new.Runs[0].Result.Beside = []bench.Delivery{{Traffic: "flood", Expected: 9, Lost: 1}}
	require.Equal(t, Worse, verdicts(Compare(old, new, DefaultTerms()), "troupe")["loss of flood"])
}

func TestLossThatGrows(t *testing.T) {
	old, new := steady(5, 1, 1), steady(5, 1, 2)
	for i := range old.Runs {
		old.Runs[i].Result.Delivery.Lost = 10 + int64(i)
		new.Runs[i].Result.Delivery.Lost = 100 + int64(i)
	}
	require.Equal(t, Worse, verdicts(Compare(old, new, DefaultTerms()), "troupe")["loss"])
}

func TestOtherWorkloadIsNotCompared(t *testing.T) {
	old, new := steady(5, 1, 1), steady(5, 2, 2)
	new.Workloads[0].Traffic = []bench.Traffic{{Publishers: 1, Subscribers: 1, Loop: bench.Closed, Window: 2}}
	c := Compare(old, new, DefaultTerms())
	require.Empty(t, c.Judgements)
	require.Len(t, c.Remarks, 1)
	require.Contains(t, c.Remarks[0], "window 1, then ")
	require.Contains(t, c.summary(), "nothing in common")
}

func TestVerdictTable(t *testing.T) {
	old, new := steady(5, 1, 1), steady(5, 1.2, 2)
	new.Runs[0].Result.Delivery.Lost = 3
	golden(t, "verdicts.txt", Compare(old, new, DefaultTerms()).Table)
}

func TestTermsValidate(t *testing.T) {
	require.NoError(t, DefaultTerms().Validate())
	require.EqualError(t, Terms{Level: 0, Least: 0.05, By: Auto}.Validate(), "level 0 is not allowed; allowed: 0.000001 to 0.5")
	require.EqualError(t, Terms{Level: 0.01, Least: -1, By: Auto}.Validate(), "least difference -1 is not allowed; allowed: 0 to 10, where 0.05 is 5%")
	require.EqualError(t, Terms{Level: 0.01, By: "x"}.Validate(), `comparing by "x" is not allowed; allowed: auto, absolute, ratio`)
}

func TestRead(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, sample().JSON(&b))
	again, err := Read(&b)
	require.NoError(t, err)
	require.Equal(t, sample(), again)

	for text, want := range map[string]string{
		`{"schema": "troupe-bench/2"}`: `its schema is "troupe-bench/2", and this program reads "troupe-bench/1": use the program that wrote it, or measure again`,
		`{}`:                           `not the JSON report of a benchmark: it has no "schema"`,
		`# Benchmark`:                  `not the JSON report of a benchmark: byte 1: invalid character '#' looking for beginning of value`,
		`{"schema": "troupe-bench/1", "rounds": ""`: `not the JSON report of a benchmark: byte 41: unexpected end of JSON input`,
		`{"schema": "troupe-bench/1", "rounds": "x"}`: `not in order with schema "troupe-bench/1": ` +
			`json: cannot unmarshal string into Go struct field Report.rounds of type int`,
	} {
		_, err := Read(bytes.NewBufferString(text))
		require.EqualError(t, err, want)
	}
}
