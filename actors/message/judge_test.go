package message_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
)

// The last answer ends it, whoever gives it.
func TestJudgeIsDoneWithTheLastAnswer(t *testing.T) {
	var done []int64
	j := message.NewJudge(2, func(revoked int64) { done = append(done, revoked) })
	j.Ask()
	j.Ask()
	j.Answer(0) // the first registry has asked two
	j.Answer(1)
	j.Undelivered() // its session has ended
	require.Empty(t, done)
	j.Answer(0)
	require.Equal(t, []int64{1}, done)
}
