package admin

import "fmt"

// trouble is something that is wrong.
type trouble struct {
	Mark  mark
	Where string
	Link  string
	What  string
}

// troubles are what is wrong with an instance.
func (i *instance) troubles() (all []trouble) {
	add := func(m mark, where, what string) {
		all = append(all, trouble{m, where, i.Link, what})
	}
	switch i.State.Text {
	case "failed":
		add(bad, i.Name, fmt.Sprintf("failed %s ago, and is not started again: %s", i.For, i.Error))
	case "waiting":
		add(bad, i.Name, fmt.Sprintf("failed, and is started again in %s: %s", i.Next, i.Error))
	}
	if i.Trouble != "" {
		add(bad, i.Name, "storage: "+i.Trouble)
	}
	for n := range i.Bridges {
		b := &i.Bridges[n]
		where := i.Name + " › " + b.Name
		waits := "; nothing waits"
		if b.Queued > 0 {
			waits = "; what waits: " + b.Waiting()
		}
		if b.Strained {
			waits += ", and who publishes to it is slowed down"
		}
		switch {
		case b.State.Text == "ended":
			add(bad, where, "has ended; the log says why"+waits)
		case b.State.Mark == bad:
			text := "is not connected" + waits
			if b.Error != "" {
				text += ". " + b.Error
			}
			add(bad, where, text)
		case b.State.Mark == warn:
			add(warn, where, "is "+b.State.Text+", as somebody ordered"+waits)
		case b.Strained:
			add(warn, where, "is far behind"+waits)
		}
		for _, u := range b.Upstreams {
			if u.State.Mark == bad && b.State.Mark != bad {
				add(warn, where, "upstream "+u.Name+" cannot take over: "+u.Error)
			}
		}
	}
	for n := range i.Shares {
		if s := &i.Shares[n]; s.Mark == warn {
			add(warn, i.Name, fmt.Sprintf("%s: %s of %s%s (%d %%)", s.Name, s.Used, s.Most, s.Noun(), s.Percent))
		}
	}
	return all
}
