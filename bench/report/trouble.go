package report

import (
	"fmt"
	"strings"
)

// troubles are what went wrong with runs as a whole, each kind with its rounds.
type troubles []trouble

type trouble struct {
	rounds []string
	what   string
}

func (all *troubles) add(round int, what string) {
	number := fmt.Sprint(round)
	for i := range *all {
		if (*all)[i].what == what {
			(*all)[i].rounds = append((*all)[i].rounds, number)
			return
		}
	}
	*all = append(*all, trouble{[]string{number}, what})
}

func (t trouble) String() string {
	if len(t.rounds) == 1 {
		return "round " + t.rounds[0] + " " + t.what
	}
	last := len(t.rounds) - 1
	return "rounds " + strings.Join(t.rounds[:last], ", ") + " and " + t.rounds[last] + " " + t.what
}
