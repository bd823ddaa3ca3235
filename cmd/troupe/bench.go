package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/troupemq/troupe/bench"
	"github.com/troupemq/troupe/bench/report"
)

// errWorse is a comparison in which something got worse.
var errWorse = errors.New("something got worse")

func newBench(stderr *os.File) *cobra.Command {
	c := newBenchRun(stderr, "bench WORKLOAD...")
	c.Short = "Measure this and other brokers"
	c.AddCommand(newBenchRun(stderr, "run WORKLOAD..."), newBenchList(), newBenchDescribe(), newBenchCompare(), newBenchReport(), newNullBroker())
	return c
}

func newBenchDescribe() *cobra.Command {
	var o overrides
	c := &cobra.Command{
		Use:   "describe WORKLOAD",
		Short: "Print a workload as a file, with what the flags change",
		Long: `Describe prints a workload as the file that says what its clients do: save it
under another name, change it, and give bench its path.`,
		Args: exactly("WORKLOAD"),
		RunE: func(c *cobra.Command, args []string) error {
			workloads, err := o.load(c.Flags(), args)
			if err != nil {
				return err
			}
			e := yaml.NewEncoder(c.OutOrStdout())
			e.SetIndent(2)
			if err := e.Encode(workloads[0]); err != nil {
				return err
			}
			return e.Close()
		},
	}
	o.addFlags(c.Flags())
	return c
}

func newBenchReport() *cobra.Command {
	var to outputs
	c := &cobra.Command{
		Use:   "report FILE.json",
		Short: "Show a report again, as a table or in other forms",
		Args:  exactly("FILE.json"),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := readReport(args[0])
			if err != nil {
				return err
			}
			if err := to.check(); err != nil {
				return err
			}
			if err := to.write(r); err != nil {
				return err
			}
			if to.any() {
				return nil
			}
			return r.Table(c.OutOrStdout())
		},
	}
	to.addFlags(c.Flags())
	return c
}

func newBenchCompare() *cobra.Command {
	terms := report.DefaultTerms()
	by, failOn := string(terms.By), "worse"
	c := &cobra.Command{
		Use:   "compare OLD.json NEW.json",
		Short: "Say what changed from one report to another by more than noise",
		Long: `Compare judges every figure that both reports have: better, WORSE, no difference
seen, or too few rounds to tell. The rounds of one are held against those of the
other by the test of Mann and Whitney. Loss and failed runs that the new report
alone has are worse without a test. Of different machines it compares multiples
of a broker's figures that is the same in both reports: the null broker's, or
another's of the same version.

Exit codes: 0 nothing got worse; 1 something did (--fail-on); 2 a file that is
no report.`,
		Args: exactly("OLD.json", "NEW.json"),
		RunE: func(c *cobra.Command, args []string) error {
			terms.By = report.By(by)
			if err := terms.Validate(); err != nil {
				return usageError{err}
			}
			if failOn != "worse" && failOn != "unclear" && failOn != "never" {
				return usageError{fmt.Errorf("--fail-on: %q is not allowed; allowed: worse, unclear, never", failOn)}
			}
			old, err := readReport(args[0])
			if err != nil {
				return err
			}
			new, err := readReport(args[1])
			if err != nil {
				return err
			}
			verdicts := report.Compare(old, new, terms)
			if err := verdicts.Table(c.OutOrStdout()); err != nil {
				return err
			}
			unclear := verdicts.Count(report.TooFew) + verdicts.Count(report.Incomparable)
			switch {
			case failOn != "never" && verdicts.Count(report.Worse) > 0:
				return errWorse
			case failOn == "unclear" && (unclear > 0 || len(verdicts.Judgements) == 0):
				return errors.New("not all could be judged")
			}
			return nil
		},
	}
	f := c.Flags()
	f.Float64Var(&terms.Level, "level", terms.Level, "how unlikely a difference must be by chance, as a `probability`")
	f.Float64Var(&terms.Least, "least", terms.Least, "how much medians must differ to matter, as a `part` of the old one")
	f.StringVar(&by, "by", by, "what is compared: absolute, ratio (to a broker that is the same) or auto, which is absolute on one machine")
	f.StringVar(&failOn, "fail-on", failOn, "what exit code 1 stands for: worse, unclear (worse, or not judged) or never")
	return c
}

func readReport(name string) (*report.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, usageError{err}
	}
	defer f.Close()
	r, err := report.Read(f)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", name, err)}
	}
	return r, nil
}

// exactly are arguments that all must be there, and no others.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usageError{fmt.Errorf("%s: %s is missing", c.CommandPath(), names[len(args)])}
		case len(args) > len(names):
			return usageError{fmt.Errorf("%s takes %d arguments: %q is one too many", c.CommandPath(), len(names), args[len(names)])}
		}
		return nil
	}
}

// workloadNames are those that come with the program.
func workloadNames() (names []string) {
	for _, w := range bench.Workloads() {
		names = append(names, w.Name)
	}
	return names
}
