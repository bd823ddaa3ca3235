package instances

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/eventloop"
)

// instance is one that is looked after.
type instance struct {
	life       *life
	definition configs.Instance
	forced     configs.Instance   // what its broker was made of
	made       broker             // for the first start; nil: one is made
	broker     broker             // while it runs
	number     uint64             // of the start that is under way or has led to broker
	abandon    context.CancelFunc // of that start
	failed     uint64             // which failure of all the last one was
	wrong      error              // at its end, of who asked for that; until they are told

	starting []chan<- error // who waits until it runs, or has failed
	stopping []chan<- error // who waits until it has ended
	settled  []func()       // what waits until it is neither starting nor stopping
}

func (i *instance) name() string { return i.definition.Config.Name }

// director is the actor. What takes long is done by goroutines, see work.go.
type director struct {
	*Supervisor
	loop    eventloop.Loop
	self    *actor.PID
	timer   *eventloop.Timer
	number  uint64
	failed  uint64             // failures of all of them
	current system.Undelivered // what is being handled
	closing bool
	begun   bool // something was launched
	cause   error
}

func newDirector(s *Supervisor, loop eventloop.Loop) *director {
	return &director{Supervisor: s, loop: loop}
}

// What the actor is told. Who asks is answered once, on a channel that has room
// for the answer.
type (
	// enter is for instances that join.
	enter struct {
		all     []configs.Instance
		first   []broker     // of each, not started
		known   chan<- error // answered when others see them
		settled chan<- error // answered when each has come up or failed
	}
	// order starts or stops an instance.
	order struct {
		name  string
		start bool
		reply chan<- error
	}
	// change gives an instance another configuration, and tells its broker, nil if it does not run.
	change struct {
		name    string
		to      configs.Instance
		running chan<- broker
		reply   chan<- error
	}
	// removal takes an instance out that has no broker.
	removal struct {
		name  string
		reply chan<- error
	}
	// closing stops all of them for good.
	closing struct{}

	// up is for a broker that has started.
	up struct {
		number uint64
		broker broker
	}
	// down is for one that did not, or that has ended.
	down struct {
		number uint64
		err    error
	}
	// tick is for a pause that is over.
	tick struct{}
)

// errAbandoned is why a start did not succeed that nobody wanted any more.
var errAbandoned = errors.New("the start was given up")

// errEnded is for who waited for a start that was over at once.
var errEnded = errors.New("it has ended again")

// Undelivered implements system.Undelivered, as do the others.
func (m *enter) Undelivered() {
	answer(m.known, ErrClosed)
	answer(m.settled, ErrClosed)
}

// Undelivered answers.
func (m *order) Undelivered() { answer(m.reply, ErrClosed) }

// Undelivered answers.
func (m *change) Undelivered() { answer(m.reply, ErrClosed) }

// Undelivered answers.
func (m *removal) Undelivered() { answer(m.reply, ErrClosed) }

func answer(reply chan<- error, err error) {
	select {
	case reply <- err:
	default: // it has one
	}
}

// Receive implements actor.Actor.
func (d *director) Receive(ctx actor.Context) {
	defer d.contain()
	switch m := ctx.Message().(type) {
	case *actor.Started:
		self, root := ctx.Self(), ctx.ActorSystem().Root
		d.self = self
		d.timer = eventloop.NewTimer(func() { root.Send(self, tick{}) })
	case *actor.Stopping, *actor.Stopped, *actor.Restarting, system.Drained:
		return
	case *enter:
		d.current = m
		d.enter(m)
	case *order:
		d.current = m
		d.obey(m)
	case *change:
		d.current = m
		d.change(m)
	case *removal:
		d.current = m
		d.remove(m)
	case *closing:
		d.close()
	case *up:
		d.up(m)
	case *down:
		d.down(m)
	case tick:
		now := d.loop.Now()
		for _, i := range d.table.all {
			d.act(i, i.life.tick(now))
		}
	}
	d.current = nil
	d.settle()
}

// contain lets nobody wait for an answer to what made the actor fail.
func (d *director) contain() {
	reason := recover()
	if reason == nil {
		return
	}
	if d.current != nil {
		d.current.Undelivered()
		d.current = nil
	}
	d.system.Send(d.self, tick{}) // what has changed is still to be followed up
	panic(reason)
}

func (d *director) find(name string) (*instance, error) {
	for _, i := range d.table.all {
		if i.name() == name {
			return i, nil
		}
	}
	_, err := d.table.seen.Load().find(name)
	return nil, err
}

func (d *director) enter(m *enter) {
	if d.closing {
		m.Undelivered()
		return
	}
	d.begun = true
	now := d.loop.Now()
	left := len(m.all)
	if left == 0 {
		answer(m.settled, nil)
	}
	var fresh []*instance
	for n, definition := range m.all {
		fresh = append(fresh, &instance{definition: definition, made: m.first[n], life: newLife(definition.Config.Supervision, now)})
	}
	d.table.all = append(d.table.all, fresh...)
	for _, i := range fresh {
		i.settled = append(i.settled, func() {
			if left--; left == 0 {
				answer(m.settled, nil)
			}
		})
		a, _ := i.life.start(now) // it is new, and so is stopped
		d.act(i, a)
	}
	d.show()
	answer(m.known, nil)
}

func (d *director) obey(m *order) {
	i, err := d.find(m.name)
	if err != nil {
		answer(m.reply, err)
		return
	}
	if d.closing {
		m.Undelivered()
		return
	}
	var a act
	if m.start {
		if a, err = i.life.start(d.loop.Now()); err == nil {
			i.starting = append(i.starting, m.reply)
		}
	} else if a, err = i.life.stop(d.loop.Now()); err == nil {
		i.stopping = append(i.stopping, m.reply)
		refuse(&i.starting, fmt.Errorf("instance %s: it was stopped meanwhile", m.name))
	}
	if err != nil {
		answer(m.reply, fmt.Errorf("instance %s: %w", m.name, err))
		return
	}
	if m.start {
		refuse(&i.stopping, fmt.Errorf("instance %s: it was started meanwhile", m.name))
	}
	d.act(i, a)
}

func refuse(waiting *[]chan<- error, err error) {
	for _, reply := range *waiting {
		answer(reply, err)
	}
	*waiting = nil
}

func (d *director) change(m *change) {
	i, err := d.find(m.name)
	if err != nil || d.closing {
		answer(m.reply, errors.Join(err, map[bool]error{true: ErrClosed}[d.closing]))
		return
	}
	i.definition, i.life.policy = m.to, m.to.Config.Supervision
	i.settled = append(i.settled, func() {
		m.running <- i.broker
		answer(m.reply, nil)
	})
}

func (d *director) remove(m *removal) {
	i, err := d.find(m.name)
	switch {
	case err != nil:
		answer(m.reply, err)
	case i.life.active():
		answer(m.reply, fmt.Errorf("instance %s: it is %s; only one that is stopped or has failed can be removed, so stop it first", m.name, i.life.state))
	default:
		d.table.all = slices.DeleteFunc(slices.Clone(d.table.all), func(other *instance) bool { return other == i })
		d.log(i).Info("the instance was removed; what it keeps stays where it is")
		d.show() // before anybody is answered
		answer(m.reply, nil)
	}
}

// close stops all. From here on nothing is started any more.
func (d *director) close() {
	d.closing = true
	for _, i := range d.table.all {
		a, err := i.life.stop(d.loop.Now())
		if err == nil {
			d.act(i, a)
		}
		refuse(&i.starting, ErrClosed)
	}
}

// act does what is to be done with an instance.
func (d *director) act(i *instance, a act) {
	switch a {
	case launch:
		d.number++
		i.number, i.forced = d.number, i.definition
		var ctx context.Context
		ctx, i.abandon = context.WithCancel(d.life)
		go d.launch(ctx, i.number, i.forced.Config, i.made, d.self)
		i.made = nil
	case abandon:
		i.abandon()
	case shut:
		go d.shut(i.broker)
	case endAll:
		if d.cause == nil {
			d.cause = d.named(i.name(), i.life.err, 0)
		}
		d.close()
	case nothing:
	}
}

func (d *director) up(m *up) {
	i := d.started(m.number)
	if i == nil {
		return
	}
	i.broker = m.broker
	if i.life.restarts > 0 {
		d.log(i).Info("the instance runs again", zap.Int64("restarts", i.life.restarts))
	}
	d.act(i, i.life.started(d.loop.Now()))
}

func (d *director) down(m *down) {
	i := d.started(m.number)
	if i == nil {
		return
	}
	i.abandon()
	i.broker = nil
	d.failed++
	i.failed = d.failed
	a := i.life.ended(m.err, len(d.table.all) > 1, d.loop.Now())
	switch log := d.log(i); {
	case i.life.state == troupe.InstanceWaiting:
		log.Error("the instance failed, and is started again", zap.Error(m.err), zap.Time("at", moment(i.life.retryAt)))
	case i.life.state == troupe.InstanceFailed && a == endAll:
		log.Error("the instance failed, and with it end all others, as supervision.on_failure says", zap.Error(m.err))
	case i.life.state == troupe.InstanceFailed && d.lives():
		log.Error("the instance failed, and stays stopped", zap.Error(m.err))
	case i.life.state == troupe.InstanceStopped && m.err != nil && !errors.Is(m.err, errAbandoned):
		i.wrong = fmt.Errorf("instance %s: it was stopped, and something went wrong at its end: %w", i.name(), m.err)
		log.Error("the instance was stopped, and something went wrong at its end", zap.Error(m.err))
		if d.closing || !d.lives() { // it is an end of all
			d.table.wrong = append(d.table.wrong, i.wrong)
		}
	case i.life.state == troupe.InstanceStopped && !d.closing:
		log.Info("the instance is stopped")
	}
	d.act(i, a)
}

// started is the instance that a start is of.
func (d *director) started(number uint64) *instance {
	for _, i := range d.table.all {
		if i.number == number {
			return i
		}
	}
	return nil
}

func (d *director) log(i *instance) *zap.Logger {
	return d.o.Log.With(zap.String("instance", i.name()))
}

// lives tells whether there is an instance that runs, or will.
func (d *director) lives() bool {
	for _, i := range d.table.all {
		if i.life.active() {
			return true
		}
	}
	return false
}

// settle follows each message: it answers who waits, sets the timer, shows how
// all is, and ends with the last instance.
func (d *director) settle() {
	d.show() // before anybody is answered
	next := int64(0)
	for _, i := range d.table.all {
		d.tell(i)
		if at := i.life.retryAt; at != 0 && (next == 0 || at < next) {
			next = at
		}
	}
	if next == 0 {
		d.loop.Stop(d.timer)
	} else {
		d.loop.Start(d.timer, next)
	}
	if (d.closing || d.o.UntilLast && d.begun) && !d.lives() {
		d.end()
	}
}

// show brings up to date what others see.
func (d *director) show() {
	all := make([]seen, len(d.table.all))
	for n, i := range d.table.all {
		l := i.life
		all[n] = seen{i.definition, i.forced, l.state, l.since, l.retryAt, l.restarts, l.err, l.errAt, i.broker, l.then == start}
	}
	close(d.table.seen.Swap(newView(all)).over)
}

// tell answers who waits for an instance.
func (d *director) tell(i *instance) {
	state := i.life.state
	if state == troupe.InstanceStarting || state == troupe.InstanceStopping {
		return
	}
	var err error
	if state != troupe.InstanceRunning {
		err = fmt.Errorf("instance %s: %w", i.name(), cmp.Or(i.life.err, errEnded))
	}
	refuse(&i.starting, err)
	refuse(&i.stopping, i.wrong)
	i.wrong = nil
	for _, f := range i.settled {
		f()
	}
	i.settled = nil
}

// end ends the actor. The reason is that of the instance that took all others
// along, or else that of the one that failed first; if all were stopped, what went
// wrong at the end of the last, unless Shutdown returns that.
func (d *director) end() {
	var first *instance
	for _, i := range d.table.all {
		if i.life.state == troupe.InstanceFailed && (first == nil || i.failed < first.failed) {
			first = i
		}
	}
	if d.cause == nil && first != nil {
		d.cause = d.named(first.name(), first.life.err, 0)
	}
	if d.cause == nil && !d.closing {
		d.cause = errors.Join(d.table.wrong...)
	}
	d.table.cause = d.cause
	d.loop.Stop(d.timer)
	d.system.Root().Stop(d.self)
}
