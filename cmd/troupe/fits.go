package main

import (
	"errors"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/machine"
)

// fits judges whether instances can be on this machine together, and warns of
// what only may become too much.
func fits(log *zap.Logger) func(all []configs.Config) error {
	return func(all []configs.Config) error {
		warnings, err := machine.This().Check(all...)
		for _, text := range warnings {
			log.Warn("the configuration may be too much for this machine", zap.String("warning", text))
		}
		if problems := (configs.Problems)(nil); errors.As(err, &problems) {
			return problems.Lines()
		}
		return err
	}
}

// strains are all things of a configuration that are too much for this machine,
// or may be. It need not be the one that the configuration is for.
func strains(all []configs.Instance) []string {
	list := make([]configs.Config, len(all))
	for i := range all {
		list[i] = all[i].Config
	}
	warnings, err := machine.This().Check(list...)
	if problems := (configs.Problems)(nil); errors.As(err, &problems) {
		for _, p := range problems {
			warnings = append(warnings, p.Error())
		}
	}
	return warnings
}
