package main

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/troupemq/troupe/configs"
)

type settings struct{ machines, office, cloud, dir string }

func (s settings) ofOffice() configs.Config { return s.of("office", s.office) }

// ofMachines is the broker that has the bridges.
func (s settings) ofMachines() configs.Config {
	c := s.of("machines", s.machines)

	office := configs.NewBridge("office", "instance://office")
	office.Forward = []configs.Forward{configs.NewForward("sensors/#", "plant/sensors/#")}

	cloud := configs.NewBridge("cloud", strings.Split(s.cloud, ",")...)
	cloud.Backoff = configs.Backoff{Initial: configs.Duration(50 * time.Millisecond), Maximum: configs.Duration(30 * time.Second)}
	cloud.Forward = []configs.Forward{configs.NewForward("alarms/#", "plant7/alarms/#")}
	cloud.Receive = []configs.Receive{configs.NewReceive("plant7/commands/#", "commands/#")}

	c.Bridges = []configs.Bridge{office, cloud}
	return c
}

func (s settings) of(name, address string) configs.Config {
	c := configs.Defaults()
	c.Name = name
	c.DataDir = filepath.Join(s.dir, name)
	c.Listeners[0].Address = address
	c.Supervision.OnFailure = configs.OnFailureRestart
	return c
}
