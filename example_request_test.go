package troupe_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupemq/troupe"
)

// Requests may be handled at the same time, and by several programs that share
// the work. Answers go where they are allowed to, and nowhere else.
func ExampleBroker_Respond() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	broker, stop := started()
	defer stop()
	_, err := broker.Respond(ctx, "$share/workers/sums", troupe.AtLeastOnce,
		func(_ context.Context, request *troupe.Message) (troupe.Message, error) {
			var a, b int
			_, err := fmt.Sscan(string(request.Payload), &a, &b)
			return troupe.Message{Payload: fmt.Append(nil, a+b)}, err
		},
		troupe.WithConcurrency(4), troupe.WithResponseTopics("$troupe/response/+"))
	check(err)
	answer, err := broker.Request(ctx, troupe.Message{Topic: "sums", Payload: []byte("2 40")})
	check(err)
	fmt.Printf("%s\n", answer.Payload)
	// Output: 42
}
