package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	keeper "github.com/eclipse/paho.golang/paho/session/state"
)

// world is the broker's clients and what is known of them.
type world struct {
	settings
	out       io.Writer
	address   string
	data      string // the broker's directory
	began     time.Time
	worst     measurement
	written   atomic.Int64 // bytes that were acknowledged
	said      atomic.Int64 // messages to the Sessions that were acknowledged
	always    listener
	sometimes listener
}

// listener is a Session with a subscription.
type listener struct {
	id       string
	state    *keeper.State
	client   *paho.Client
	received atomic.Int64
}

const (
	publishers = 4  // of Retained Messages
	workers    = 24 // messages that each of them has open
	traffic    = "growth/traffic"
)

func (w *world) topic(n int) string { return fmt.Sprintf("growth/retained/%05d", n) }

// connect makes one connection, with a Session that was there before or a new one.
func (w *world) connect(ctx context.Context, id string, state *keeper.State, receive func()) (*paho.Client, error) {
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, "tcp", w.address)
	if err != nil {
		return nil, err
	}
	if state == nil {
		state = keeper.NewInMemory()
	}
	c := paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(conn), Session: state, PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(paho.PublishReceived) (bool, error) {
			if receive != nil {
				receive()
			}
			return true, nil
		}},
	})
	_, err = c.Connect(ctx, &paho.Connect{ClientID: id, Properties: &paho.ConnectProperties{SessionExpiryInterval: new(uint32(24 * 3600))}})
	return c, err
}

func (w *world) publish(ctx context.Context, c *paho.Client, topic string, number uint64, retain bool) error {
	payload := make([]byte, w.payload)
	for i := 8; i < len(payload); i += 8 { // nothing that could be compressed
		binary.BigEndian.PutUint64(payload[i-8:], (number+uint64(i))*0x9E3779B97F4A7C15)
	}
	if _, err := c.Publish(ctx, &paho.Publish{Topic: topic, QoS: 1, Retain: retain, Payload: payload}); err != nil {
		return err
	}
	w.written.Add(int64(len(topic) + len(payload)))
	return nil
}

// fill publishes each Retained Message once.
func (w *world) fill(ctx context.Context) error {
	w.began = time.Now()
	c, err := w.connect(ctx, "growth-fill", nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = c.Disconnect(&paho.Disconnect{}) }()
	return together(workers, func(worker int) error {
		for n := worker; n < w.topics; n += workers {
			if err := w.publish(ctx, c, w.topic(n), uint64(n), true); err != nil {
				return err
			}
		}
		return nil
	})
}

// together runs some workers, and returns the error of one.
func together(workers int, work func(worker int) error) error {
	var busy sync.WaitGroup
	errs := make([]error, workers)
	for n := range workers {
		busy.Go(func() { errs[n] = work(n) })
	}
	busy.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// update publishes the Retained Messages of a part of the topics in turn.
func (w *world) update(ctx context.Context, part int) error {
	c, err := w.connect(ctx, fmt.Sprint("growth-", part), nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = c.Disconnect(&paho.Disconnect{}) }()
	var next atomic.Uint64
	return w.paced(ctx, w.rate/publishers, func() error {
		n := next.Add(1)
		return w.publish(ctx, c, w.topic((int(n)*publishers+part)%w.topics), n+uint64(w.topics), true)
	})
}

// talk publishes to the two Sessions.
func (w *world) talk(ctx context.Context) error {
	c, err := w.connect(ctx, "growth-talk", nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = c.Disconnect(&paho.Disconnect{}) }()
	var next atomic.Uint64
	return w.paced(ctx, w.messages, func() error {
		err := w.publish(ctx, c, traffic, next.Add(1), false)
		if err == nil {
			w.said.Add(1)
		}
		return err
	})
}

// paced does something so many times a second, or as often as it gets done.
func (w *world) paced(ctx context.Context, rate float64, do func() error) error {
	turns := make(chan struct{}, workers)
	go func() {
		defer close(turns)
		const pace = 5 * time.Millisecond
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for due := 0.0; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for due += rate * pace.Seconds(); due >= 1; due-- {
				select {
				case turns <- struct{}{}:
				default:
				}
			}
		}
	}()
	return together(workers, func(int) error {
		for range turns {
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	})
}
