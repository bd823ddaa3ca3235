package troupe

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPanicOfTheProgramsFunctionCostsOneMessage(t *testing.T) {
	logged := newDiary()
	b := start(t, logged.option())
	ctx := within(t)
	got := make(chan string, 2)
	_, err := b.Subscribe(ctx, "a", AtLeastOnce, func(m *Message) {
		if string(m.Payload) == "bad" {
			panic("boom")
		}
		got <- string(m.Payload)
	})
	require.NoError(t, err)
	for _, payload := range []string{"bad", "good"} {
		require.NoError(t, b.Publish(ctx, Message{Topic: "a", Payload: []byte(payload)}))
	}
	require.Equal(t, "good", wait(t, got, "what comes after the panic"))
	logged.await(t, 1, "a function of the program failed", "filter", "a")
}
