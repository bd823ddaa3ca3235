package auth

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

func ask(limit time.Duration, f func(context.Context) packet.ReasonCode) packet.ReasonCode {
	told := make(chan packet.ReasonCode, 1)
	Ask(limit, f, func(any) packet.ReasonCode { return packet.UnspecifiedError }, func(c packet.ReasonCode) { told <- c })
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

func TestCodes(t *testing.T) {
	for want, err := range map[packet.ReasonCode]error{
		packet.Banned:           fmt.Errorf("wrapped: %w", &Refusal{packet.Banned, "for ever"}),
		packet.NotAuthorized:    &Refusal{}, // a refusal that forgot its code is one all the same
		packet.UnspecifiedError: errors.New("the directory does not answer"),
	} {
		require.Equal(t, want, CodeOf(err))
	}
	require.EqualError(t, &Refusal{packet.Banned, "for ever"}, "banned: for ever")
}
