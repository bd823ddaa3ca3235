package troupe

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
)

// A Broker that New did not make, as a program has that went on after an error,
// says so from each of its methods, and panics in none.
func TestABrokerThatIsNone(t *testing.T) {
	for name, b := range map[string]*Broker{"nil": nil, "zero": {}} {
		value := reflect.ValueOf(b)
		for i := range value.NumMethod() {
			method, function := value.Type().Method(i).Name, value.Method(i)
			t.Run(name+"/"+method, func(t *testing.T) {
				arguments := make([]reflect.Value, function.Type().NumIn())
				for n := range arguments {
					arguments[n] = reflect.Zero(function.Type().In(n))
					if function.Type().In(n) == reflect.TypeFor[context.Context]() {
						arguments[n] = reflect.ValueOf(t.Context())
					}
				}
				if function.Type().IsVariadic() {
					arguments = arguments[:len(arguments)-1]
				}
				results := function.Call(arguments)
				for _, result := range results {
					if err, ok := result.Interface().(error); ok || result.Type() == reflect.TypeFor[error]() {
						require.Error(t, err)
					}
				}
			})
		}
	}
}

// So do those that need more than nothing, and what answers others.
func TestWhatABrokerThatIsNoneSays(t *testing.T) {
	for name, b := range map[string]*Broker{"nil": nil, "zero": {}} {
		ctx := t.Context()
		ours, theirs := net.Pipe()
		defer ours.Close()
		_, subscribed := b.Subscribe(ctx, "a", AtLeastOnce, func(*Message) {})
		_, channel := b.SubscribeChan(ctx, "a", AtLeastOnce, make(chan *Message))
		_, responds := b.Respond(ctx, "a", AtLeastOnce, func(context.Context, *Message) (Message, error) { return Message{}, nil })
		_, requested := b.Request(ctx, Message{Topic: "a"})
		_, reloaded := b.Reload(ctx, configs.Defaults())
		for i, err := range []error{
			b.Start(ctx), b.Probe(ctx), b.Err(), b.Publish(ctx, Message{Topic: "a"}), b.Serve(theirs, ServeOptions{}),
			subscribed, channel, responds, requested, reloaded, b.Shutdown(ctx),
		} {
			require.ErrorIs(t, err, ErrNotRunning, "%s: %d", name, i)
		}
		wait(t, b.Done(), "the end of none")
		require.Equal(t, InstanceStopped, b.Status().State)
		for _, handler := range []http.Handler{b.AdminHandler(), b.WebSocketHandler(ServeOptions{})} {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/instances", nil))
			require.Equal(t, http.StatusServiceUnavailable, w.Code, name)
		}
	}
}

// So does a Subscription that no Broker made.
func TestASubscriptionThatIsNone(t *testing.T) {
	for name, s := range map[string]*Subscription{"nil": nil, "zero": {}} {
		require.ErrorIs(t, s.Close(), ErrNotRunning, name)
		require.ErrorIs(t, s.Err(), ErrNotRunning, name)
		wait(t, s.Done(), "the end of none")
		require.Zero(t, s.Dropped(), name)
		require.Zero(t, s.Waiting(), name)
	}
}
