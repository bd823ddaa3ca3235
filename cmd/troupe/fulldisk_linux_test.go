package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// device mounts a small file system of its own.
func device(t *testing.T, size string) string {
	t.Helper()
	dir := place(t)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=700,size="+size); err != nil {
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
			t.Skip("this user may not mount a file system")
		}
		require.NoError(t, err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

// stuff writes a file until not a byte is left on its device.
func stuff(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	require.NoError(t, err)
	defer f.Close()
	for block := 1 << 20; block > 0; {
		if _, err = f.Write(make([]byte, block)); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			block /= 2
		}
	}
}

// rest waits until nothing is done to the files of a data directory: the library's
// compactors look for work up to a second after they were started.
func rest(t *testing.T, dir string) {
	t.Helper()
	before, since := "", time.Now()
	for deadline := time.Now().Add(patience); time.Since(since) < 1200*time.Millisecond; {
		require.True(t, time.Now().Before(deadline), "the files do not come to rest")
		if now := fmt.Sprint(names(t, dir)); now != before {
			before, since = now, time.Now()
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// On a device that is full the broker lives, acknowledges nothing that is not safe,
// and goes on by itself when there is room: whether it has filled the device, or
// somebody else has, to the last byte.
func TestRealFullDisk(t *testing.T) {
	dir := device(t, "64m")
	const file = "persistence: {memtable: 1MiB, min_free: 4MiB}\n"
	data, ballast := filepath.Join(dir, "data"), filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 32<<20), 0o600))
	broker := serveProcess(t, file, "--data-dir", data)
	sink := paho5(t, broker.address, lasting("sink", true))
	sink.subscribe(paho.SubscribeOptions{Topic: "queue", QoS: 1})
	require.NoError(t, sink.Disconnect(&paho.Disconnect{}))
	from := enter(t, broker.address, packet.V5, "from")
	payload := strings.Repeat("x", 50<<10)
	id, acked := 0, 0
	publish := func() {
		id++
		from.send((&packet.Publish{QoS: packet.QoS1, PacketID: uint16(id), Topic: []byte("queue"), Payload: fmt.Append(nil, id, payload)}).Append(nil, packet.V5))
	}
	take := func() {
		acked++
		var ack packet.Puback
		require.NoError(t, ack.Decode(from.expect(packet.TypePuback), packet.V5))
		require.Equal(t, packet.Success, ack.Code)
		require.EqualValues(t, acked, ack.PacketID)
	}
	lives := func(episodes int) {
		t.Helper()
		from.send([]byte{0xC0, 0})
		from.expect(packet.TypePingresp) // and no PUBACK before it
		guest := enter(t, broker.address, packet.V5, "guest")
		guest.send([]byte{0xC0, 0})
		guest.expect(packet.TypePingresp)
		require.Equal(t, episodes, strings.Count(broker.log.String(), "the disk is full"))
		r := command(t, file, nil, "storage", "-c", "c.yaml", "--data-dir", data)
		require.Zero(t, r.code, r.stderr)
		require.Contains(t, r.stdout, "nothing can be written")
	}

	// It fills the device itself: the acknowledgements come one by one until there is
	// none any more.
	full := func() bool { return strings.Contains(broker.log.String(), "the disk is full") }
	for !full() {
		publish()
		for from.in.Buffered() == 0 && !full() {
			_ = from.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			_, _ = from.in.Peek(1)
		}
		_ = from.conn.SetReadDeadline(time.Now().Add(patience))
		if from.in.Buffered() > 0 {
			take()
		}
	}
	require.Greater(t, acked, 100)
	lives(1)
	require.NoError(t, os.Remove(ballast))
	for acked < id {
		take()
	}

	for round := range 2 {
		rest(t, data)
		stuff(t, ballast)
		for range 15 { // what is mapped of a log is not yet on the device
			publish()
		}
		for deadline := time.Now().Add(patience); strings.Count(broker.log.String(), "the disk is full") < round+2; {
			require.True(t, time.Now().Before(deadline))
			time.Sleep(5 * time.Millisecond)
		}
		lives(round + 2)
		require.NoError(t, os.Remove(ballast))
		for acked < id {
			take()
		}
	}

	require.NoError(t, broker.command.Process.Kill())
	<-broker.done
	stuff(t, ballast) // on a full device it does not start, and says why
	r := command(t, file, nil, "serve", "-c", "c.yaml", "--listen", "127.0.0.1:0", "--data-dir", data)
	require.Equal(t, exitFailure, r.code)
	require.Regexp(t, `^troupe: no space left on the device: `+data+` has 0 MiB free and needs 4\n$`, r.stderr)
	require.NoError(t, os.Remove(ballast))
	second := serveProcess(t, file, "--data-dir", data)
	back := paho5(t, second.address, lasting("sink", false))
	require.True(t, back.connack.SessionPresent)
	for i := range id {
		p := back.next()
		require.True(t, strings.HasPrefix(string(p.Payload), fmt.Sprint(i+1, "x")), "%d", i)
	}
	back.nothingMore()
	require.NoError(t, back.Disconnect(&paho.Disconnect{}))
	require.NoError(t, second.command.Process.Signal(syscall.SIGTERM))
	require.Equal(t, exitDone, second.exit(t))
}

// An instance whose device another program has filled harms none beside it, and ends
// in order: what it has acknowledged is there when there is room again.
func TestFullDiskOfOneInstance(t *testing.T) {
	dir := device(t, "128m")
	data, ballast := filepath.Join(dir, "data"), filepath.Join(dir, "ballast")
	files := map[string]string{"all.yaml": "persistence: {memtable: 8MiB, min_free: 4MiB}\nshutdown: {grace_period: 100ms}\ninstances:\n" +
		"- {name: full, data_dir: '" + data + "', listeners: [{name: tcp, address: '127.0.0.1:0'}]}\n" +
		"- {name: other, data_dir: other, listeners: [{name: tcp, address: '127.0.0.1:0'}]}\n"}
	place := place(t)
	s := serveSeveral(t, place, files, "-c", "all.yaml")
	s.says("troupe: other: data directory")
	from, beside := enter(t, s.address("full"), packet.V5, "from"), enter(t, s.address("other"), packet.V5, "beside")
	kept := func(p *peer, id int) {
		p.send((&packet.Publish{QoS: packet.QoS1, Retain: true, PacketID: uint16(id), Topic: fmt.Append(nil, "kept/", id),
			Payload: []byte(strings.Repeat("x", 100<<10))}).Append(nil, packet.V5))
	}
	const acknowledged = 25
	for id := range acknowledged {
		kept(from, id+1)
		from.expect(packet.TypePuback)
	}
	stuff(t, ballast) // all of it is in the log: nothing is merged meanwhile
	kept(from, acknowledged+1)
	s.says("the disk is full", `"instance":"full"`)
	kept(beside, 1)
	beside.expect(packet.TypePuback)
	require.NoError(t, s.command.Process.Signal(syscall.SIGTERM))
	require.Contains(t, []int{exitDone, exitFailure}, s.exit(t), s.log) // what it knows of its files may have been written before
	s.says("the log is left as it is", `"instance":"full"`)
	require.NotContains(t, s.log.String(), "SIGBUS")

	require.NoError(t, os.Remove(ballast))
	s = serveSeveral(t, place, files, "-c", "all.yaml")
	s.says("troupe: other: data directory")
	back := enter(t, s.address("full"), packet.V5, "back")
	back.send((&packet.Subscribe{PacketID: 1, Filters: []packet.TopicFilter{{Filter: []byte("kept/#")}}}).Append(nil, packet.V5))
	back.expect(packet.TypeSuback)
	for range acknowledged {
		back.expect(packet.TypePublish)
	}
}

// A directory that may not be written to is refused. The broker runs as somebody
// else for that, since root may write anywhere.
func TestUnwritableDataDirectory(t *testing.T) {
	dir := place(t)
	require.NoError(t, os.Chmod(dir, 0o755))
	data := filepath.Join(dir, "data")
	require.NoError(t, os.Mkdir(data, 0o555))
	copied := filepath.Join(dir, "troupe") // the other one may be where others may not look
	program, err := os.ReadFile(binary)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(copied, program, 0o755))
	c := exec.Command(copied, "serve", "--listen", "127.0.0.1:0", "--data-dir", data)
	var stderr strings.Builder
	c.Dir, c.Stdout, c.Stderr = "/", io.Discard, &stderr
	if os.Geteuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	err = c.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) && errors.Is(err, syscall.EPERM) {
		t.Skip("this user may not become another")
	}
	require.Equal(t, exitFailure, c.ProcessState.ExitCode(), stderr.String())
	require.Regexp(t, `^troupe: .*`+data+`.*: permission denied\n$`, stderr.String())
	require.Empty(t, names(t, data))
}
