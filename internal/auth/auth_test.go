package auth

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

func ask(limit time.Duration, f func(context.Context) packet.ReasonCode) packet.ReasonCode {
	told := make(chan packet.ReasonCode, 1)
	Ask(limit, f, packet.UnspecifiedError, func(c packet.ReasonCode) { told <- c })
	return <-told
}

func TestAskTellsTheAnswer(t *testing.T) {
	require.Equal(t, packet.Banned, ask(time.Minute, func(context.Context) packet.ReasonCode { return packet.Banned }))
}

func TestAskSurvivesAPanic(t *testing.T) {
	require.Equal(t, packet.UnspecifiedError, ask(time.Minute, func(context.Context) packet.ReasonCode { panic("boom") }))
}

func TestAskEndsTheContextInTime(t *testing.T) {
	require.Equal(t, packet.ServerBusy, ask(time.Millisecond, func(ctx context.Context) packet.ReasonCode {
		<-ctx.Done()
		return packet.ServerBusy
	}))
}
