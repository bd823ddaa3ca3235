package bridge

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
)

// topics is what was last said on each topic.
type topics struct {
	mu   sync.Mutex
	said map[string]string
}

func watchTopics(t testing.TB, b *broker, filter string) *topics {
	t.Helper()
	x := &topics{said: make(map[string]string)}
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.address).SetProtocolVersion(4).SetClientID("reader").SetAutoReconnect(false).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.said[m.Topic()] = string(m.Payload())
		}))
	await(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	await(t, c.Subscribe(filter, 0, nil))
	return x
}

func (x *topics) all() map[string]string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return maps.Clone(x.said)
}

func (x *topics) String() string { return fmt.Sprint(x.all()) }

// has says whether something said matches a pattern.
func (x *topics) has(pattern string) bool { return regexp.MustCompile(pattern).MatchString(x.String()) }

// passwords is a file for Mosquitto, with somebody whose password is right.
func passwords(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "passwords")
	out, err := exec.Command("mosquitto_passwd", "-b", "-c", name, "somebody", "right").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return name
}

// subscribeAs is watch3 with credentials.
func (w *witness) subscribeAs(b *broker, username, password, filter string) {
	w.t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.address).SetProtocolVersion(4).SetClientID(w.id).
		SetUsername(username).SetPassword(password).SetAutoReconnect(false).SetOrderMatters(true).SetKeepAlive(0).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { w.take(m.Payload()) }))
	await(w.t, c.Connect())
	w.t.Cleanup(func() { c.Disconnect(0) })
	await(w.t, c.Subscribe(filter, 2, nil))
}
