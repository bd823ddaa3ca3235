package bridge

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/bridge/link"
	"github.com/troupemq/troupe/configs"
)

func TestTopics(t *testing.T) {
	s := newScene(t, 10_000, settings(t, func(c *configs.Bridge) { c.StateTopic = "state/north" }, "mqtt://a", "mqtt://b"))
	s.establish()
	topics := s.published()
	require.Equal(t, "connecting", topics["$SYS/broker/bridge/north/state"])
	require.Equal(t, "0", topics["$SYS/broker/connection/troupe-north/state"])
	require.Equal(t, "0", topics["state/north"])
	require.Equal(t, "0", topics["$SYS/broker/bridge/north/queued/messages"])
	s.carry(s.last())
	topics = s.published()
	require.Equal(t, "connected", topics["$SYS/broker/bridge/north/state"])
	require.Equal(t, "mqtt://a", topics["$SYS/broker/bridge/north/upstream"])
	require.Equal(t, "1", topics["$SYS/broker/connection/troupe-north/state"])
	require.Equal(t, "1", topics["state/north"])
	require.Regexp(t, `^20\d\d-\d\d-\d\dT[\d:]*Z$`, topics["$SYS/broker/bridge/north/since"])

	s.handle.Figures.Queued.Store(7)
	s.handle.Figures.OldestAt.Store(s.Loop.Now() - 5_000)
	s.handle.Figures.DroppedFull.Store(2)
	require.Equal(t, "0", s.published()["$SYS/broker/bridge/north/queued/messages"])
	s.pass(10_100)
	topics = s.published()
	require.Equal(t, "7", topics["$SYS/broker/bridge/north/queued/messages"])
	require.Equal(t, "15", topics["$SYS/broker/bridge/north/queued/age"])
	require.Equal(t, "2", topics["$SYS/broker/bridge/north/dropped/full"])

	s.end(s.last(), link.Ended{Cause: errors.New("cut")})
	topics = s.published()
	require.Equal(t, "cut", topics["$SYS/broker/bridge/north/error"])
	require.Equal(t, "", topics["$SYS/broker/bridge/north/upstream"])
	require.Equal(t, "0", topics["state/north"])
	s.Send(s.bridge, (*message.Credit)(nil))
	require.Contains(t, s.published(), "$SYS/broker/bridge/north/state")
}

func TestWithoutAnIntervalOnlyTheStateIsPublished(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	s.carry(s.last())
	s.handle.Figures.Queued.Store(7)
	s.pass(60_000)
	topics := s.published()
	require.Equal(t, "connected", topics["$SYS/broker/bridge/north/state"])
	require.Len(t, topics, len(states)+1)
}

func TestWhoCannotKeepUpGetsFiguresLater(t *testing.T) {
	s := newScene(t, 10_000, settings(t, nil, "mqtt://a"))
	s.establish()
	s.reader.Deep = 5000
	s.handle.Figures.Queued.Store(1)
	s.pass(10_100)
	s.published()
	s.handle.Figures.Queued.Store(2)
	s.pass(10_100)
	require.Equal(t, "1", s.published()["$SYS/broker/bridge/north/queued/messages"])
	s.reader.Deep = 0
	s.pass(10_100)
	require.Equal(t, "2", s.published()["$SYS/broker/bridge/north/queued/messages"])
}

func TestTopicsAfterAReload(t *testing.T) {
	s := begun(t, settings(t, func(c *configs.Bridge) { c.StateTopic = "state/north" }, "mqtt://a"))
	s.carry(s.last())
	after := settings(t, func(c *configs.Bridge) { c.StateTopic = "state/other" }, "mqtt://a")
	after.ClientID = "me"
	s.Send(s.bridge, &Reload{after, nil})
	topics := s.published()
	require.Equal(t, "", topics["state/north"])
	require.Equal(t, "1", topics["state/other"])
	require.Equal(t, "", topics["$SYS/broker/connection/troupe-north/state"])
	require.Equal(t, "1", topics["$SYS/broker/connection/me/state"])
}

// Each figure of a bridge moves a topic.
func TestEveryFigureHasATopic(t *testing.T) {
	for i := range reflect.TypeFor[message.BridgeFigures]().NumField() {
		h := new(Handle)
		field := reflect.ValueOf(&h.Figures).Elem().Field(i).Addr().Interface()
		switch f := field.(type) {
		case *atomic.Int64:
			f.Store(7)
		case *atomic.Bool:
			f.Store(true)
		}
		shown := 0
		for _, f := range figures {
			if f.value(h, 1_000_000) != 0 {
				shown++
			}
		}
		require.Equal(t, 1, shown, reflect.TypeFor[message.BridgeFigures]().Field(i).Name)
	}
}

// The operator's page lists every topic and no other.
func TestTopicsAreDocumented(t *testing.T) {
	var published []string
	for _, f := range states {
		published = append(published, f.topic)
	}
	for _, f := range figures {
		published = append(published, f.topic)
	}
	slices.Sort(published)
	require.Equal(t, published, slices.Compact(slices.Clone(published)), "a topic is there twice")
	page, err := os.ReadFile("../docs/operating.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n## $SYS of bridges\n")
	require.True(t, found, "there is no section $SYS of bridges")
	section, _, _ = strings.Cut(section, "\n## ")
	require.Contains(t, section, "`"+connectionTopic("<client_id>")+"`")
	var documented []string
	for line := range strings.Lines(section) {
		if cell, ok := strings.CutPrefix(line, "| `"); ok {
			topic, _, _ := strings.Cut(cell, "`")
			documented = append(documented, spelledOut(topic)...)
		}
	}
	require.ElementsMatch(t, published, documented)
	for _, s := range []State{Connecting, Connected, Switching, Waiting, Draining, Paused, Removing, Ended} {
		require.Contains(t, section, "`"+string(s)+"`")
	}
}

// spelledOut makes a/1x and a/2x of a/{1,2}x.
func spelledOut(topic string) []string {
	prefix, rest, ok := strings.Cut(topic, "{")
	if !ok {
		return []string{topic}
	}
	list, suffix, _ := strings.Cut(rest, "}")
	var topics []string
	for part := range strings.SplitSeq(list, ",") {
		topics = append(topics, prefix+part+suffix)
	}
	return topics
}
