package configs

import (
	"fmt"
	"strings"
)

// PasswordFile is auth.password_file of an instance, as [LoadAll] would read it,
// whatever is wrong with all else: the file may be yet to be made. instance is the
// name of one of several; empty: there is one. Empty, without an error, is that
// nothing is said.
func PasswordFile(files []string, instance string, in Inputs) (string, error) {
	drafts, problems := draftsOf(files)
	if len(drafts) == 0 {
		return "", problems.err()
	}
	with := alone
	if len(drafts) > 1 || drafts[0].entry != "" {
		with = several
	}
	on := in.layersFor(with)
	var names []string
	for _, d := range drafts {
		i, _ := d.instance(on, with)
		if i.Config.Name == instance || instance == "" && len(drafts) == 1 {
			return i.Config.Auth.PasswordFile, nil
		}
		names = append(names, i.Config.Name)
	}
	if instance == "" {
		return "", fmt.Errorf("the configuration has several instances; name one with --instance: %s", strings.Join(names, ", "))
	}
	return "", fmt.Errorf("--instance: there is no instance %q in the configuration; there are: %s", instance, strings.Join(names, ", "))
}
