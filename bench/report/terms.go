package report

import "fmt"

// Terms are what a comparison of two Reports goes by.
type Terms struct {
	// Level is how unlikely a difference must be by chance alone, as a probability.
	Level float64
	// Least is how much medians must differ to matter, as a part of the old one.
	Least float64
	// By is what is compared.
	By By
}

// By is what of two Reports is compared.
type By string

const (
	// Auto: the figures as they are if both Reports are of one machine, else Ratio.
	Auto By = "auto"
	// Absolute: the figures as they are.
	Absolute By = "absolute"
	// Ratio: each figure as a multiple, round by round, of that of a Broker which is the same in both Reports: the null broker,
	// or the first other one of the same version.
	Ratio By = "ratio"
)

// DefaultTerms are 1% and 5%.
func DefaultTerms() Terms { return Terms{Level: 0.01, Least: 0.05, By: Auto} }

// Validate says what is not allowed.
func (t Terms) Validate() error {
	switch {
	case !(t.Level >= 1e-6 && t.Level <= 0.5):
		return fmt.Errorf("level %g is not allowed; allowed: 0.000001 to 0.5", t.Level)
	case !(t.Least >= 0 && t.Least <= 10):
		return fmt.Errorf("least difference %g is not allowed; allowed: 0 to 10, where 0.05 is 5%%", t.Least)
	case t.By != Auto && t.By != Absolute && t.By != Ratio:
		return fmt.Errorf("comparing by %q is not allowed; allowed: %s, %s, %s", t.By, Auto, Absolute, Ratio)
	}
	return nil
}
