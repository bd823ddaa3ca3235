package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
)

// knockWithin bounds one attempt to connect: a broker that is not ready may accept and say nothing.
const knockWithin = 2 * time.Second

// refused is a return code of CONNACK that will not change by itself.
type refused byte

func (r refused) Error() string {
	return fmt.Sprintf("it refuses an anonymous Client: return code %d", byte(r))
}

// knock connects as a Client and leaves again. The error says how far it came.
func knock(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, knockWithin)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	hello := packet.Connect{Version: packet.V311, CleanStart: true, KeepAlive: 60, ClientID: []byte("troupe-bench-probe")}
	if _, err := conn.Write(hello.Append(nil)); err != nil {
		return err
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(bufio.NewReader(conn), answer); err != nil {
		return fmt.Errorf("it accepts connections, but CONNECT gets no CONNACK: %w", err)
	}
	var connack packet.Connack
	if err := connack.Decode(answer, packet.V311); err != nil {
		return fmt.Errorf("CONNECT gets % x, which is no CONNACK: %w", answer, err)
	}
	switch connack.Code {
	case packet.Success:
	case packet.ServerUnavailable: // it may be about to become available
		return errors.New("CONNECT is refused: the server is unavailable")
	default:
		return refused(answer[3])
	}
	_, _ = conn.Write((&packet.Disconnect{}).Append(nil, packet.V311))
	return nil
}
