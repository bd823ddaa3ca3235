package peer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupemq/troupe/protocol/packet"
)

// role is the variable by which the tests' own binary, started again, plays a broker or a harness.
const role = "TROUPE_PEER_TEST_ROLE"

func TestMain(m *testing.M) {
	if played := os.Getenv(role); played != "" {
		if err := play(played, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "fake:", err)
			os.Exit(3)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// play is a broker that knows CONNECT alone, in several moods, and the harness that starts one.
func play(played string, args []string) error {
	switch played {
	case "version":
		fmt.Println("Fake broker, release 1.2.3 (test)")
		os.Exit(1) // as some do
	case "doomed":
		fmt.Println("reading the configuration")
		return fmt.Errorf("no such option: fish")
	case "harness":
		r, err := fake("willing").Start(context.Background())
		if err != nil {
			return err
		}
		fmt.Println(r.Target.URI)
		select {} // until it is killed
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	if err != nil {
		return err
	}
	if played == "stubborn" {
		signal.Ignore(syscall.SIGTERM)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go serve(conn, played)
	}
}

func serve(conn net.Conn, played string) {
	in := bufio.NewReader(conn)
	for {
		first, err := in.ReadByte()
		if err != nil {
			return
		}
		length, err := in.ReadByte() // these clients say nothing long
		if err != nil {
			return
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		switch {
		case played == "mute":
		case packet.Type(first>>4) == packet.TypeConnect && played == "strict":
			_, _ = conn.Write([]byte{0x20, 2, 0, 5})
		case packet.Type(first>>4) == packet.TypeConnect:
			_, _ = conn.Write([]byte{0x20, 2, 0, 0})
		case packet.Type(first>>4) == packet.TypePublish && played == "mortal":
			fmt.Fprintln(os.Stderr, "assertion failed: fish")
			os.Exit(7)
		}
	}
}

// fake is a peer that the tests' binary plays.
func fake(played string, more ...string) Peer {
	binary, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return Peer{Binary: binary, Version: "1", Definition: Definition{
		Name:        "fake",
		Binary:      []string{binary},
		Command:     append([]string{"{binary}", "{port}"}, more...),
		Environment: []string{role + "=" + played},
	}}
}
