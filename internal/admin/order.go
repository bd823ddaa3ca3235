package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/troupemq/troupe/internal/control"
)

// order is a button: a request to a route of the API, relative to the page.
type order struct {
	Label   string
	Method  string // POST or DELETE, which the script alone can send
	ID      string // of the element
	URL     string
	Confirm string // what is asked before; empty: nothing is interrupted
	Waits   string // what is said until the answer is here
	Done    string // what is said then
}

// instanceOrders are what an instance can be told in its state.
func instanceOrders(i *control.Instance, answers bool, last bool) []order {
	do := func(action, label, confirm, waits, done string) order {
		return order{
			Label: label, Method: http.MethodPost, ID: action + "-" + i.Name, URL: "v1/instances/" + url.PathEscape(i.Name) + "/" + action,
			Confirm: confirm, Waits: i.Name + " " + waits, Done: i.Name + " " + done,
		}
	}
	start := do("start", "Start", "", "is being started …", "runs")
	question := fmt.Sprintf("Stop instance %s? It stays stopped until somebody starts it.", i.Name)
	if i.Connections > 0 {
		question = fmt.Sprintf("Stop instance %s? It closes %s and stays stopped until somebody starts it.", i.Name, countOf(i.Connections, "connection", "connections"))
	}
	switch {
	case last:
		question += " It is the last that runs: the process ends with it, and cannot be started from here."
	case answers:
		question += " It is the one that answers this page: use that of another instance to start it again."
	}
	stop := do("stop", "Stop", question, "is being stopped …", "is stopped")
	reload := do("reload", "Reload", fmt.Sprintf("Reload the configuration of instance %s? What has changed takes effect at once: bridges that are not in it any more close, and new rules hold for Clients that are connected.", i.Name),
		"reads its configuration …", "has its configuration as it is now")
	switch i.State {
	case control.InstanceStopped, control.InstanceFailed:
		remove := do("remove", "Remove", fmt.Sprintf("Remove instance %s from the process? Its data and its configuration stay where they are; if the process was started with that file, the next SIGHUP or start brings it back.", i.Name),
			"is being removed …", "is removed")
		remove.Method, remove.URL = http.MethodDelete, strings.TrimSuffix(remove.URL, "/remove")
		return []order{start, reload, remove}
	case control.InstanceWaiting:
		return []order{start, stop, reload}
	case control.InstanceRunning:
		return []order{stop, reload}
	default:
		return []order{stop}
	}
}

// bridgeOrder makes an order to a bridge of an instance.
func bridgeOrder(instance, bridge, action, label, confirm, waits, done string) order {
	return order{
		Label: label, Method: http.MethodPost, ID: action + "-" + instance + "-" + bridge,
		URL:     "v1/bridges/" + url.PathEscape(bridge) + "/" + action + "?instance=" + url.QueryEscape(instance),
		Confirm: confirm, Waits: "Bridge " + bridge + " " + waits, Done: "Bridge " + bridge + " " + done,
	}
}

// bridgeOrders are what a bridge can be told in its state.
func bridgeOrders(instance string, b *control.Bridge) []order {
	do := func(action, label, confirm, waits, done string) order {
		return bridgeOrder(instance, b.Name, action, label, confirm, waits, done)
	}
	switch b.State {
	case "paused", "draining":
		return []order{do("resume", "Resume", "", "is being resumed …", "goes on")}
	case "removing", "ended":
		return nil
	}
	all := []order{
		do("pause", "Pause", fmt.Sprintf("Pause bridge %s? Its link is closed, and what is published for it waits here until it is resumed.", b.Name),
			"is being paused …", "is paused"),
		do("drain", "Drain", fmt.Sprintf("Drain bridge %s? It takes nothing more, and is idle once the upstream has acknowledged all that waits, until it is resumed.", b.Name),
			"drains: this may take as long as the upstream is away …", "is drained: nothing waits any more"),
	}
	if len(b.Upstreams) > 1 {
		all = append(all, do("switch", "Switch", fmt.Sprintf("Switch bridge %s to its next upstream? The link that is there is left once the other is connected.", b.Name),
			"is being switched …", "goes to its next upstream"))
	}
	return all
}

// upstreamOrders are what a bridge can be told about one of its upstreams.
func upstreamOrders(instance string, b *control.Bridge, upstream string) []order {
	switch b.State {
	case "paused", "removing", "ended":
		return nil
	}
	if len(b.Upstreams) < 2 || upstream == b.Upstream {
		return nil
	}
	o := bridgeOrder(instance, b.Name, "switch", "Switch here", fmt.Sprintf("Switch bridge %s to %s? The link that is there is left once the other is connected.", b.Name, upstream),
		"is being switched to "+upstream+" …", "goes to "+upstream)
	o.ID += "-" + upstream
	o.URL += "&to=" + url.QueryEscape(upstream)
	return []order{o}
}
