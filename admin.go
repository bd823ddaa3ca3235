package troupe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/internal/admin"
	"github.com/troupemq/troupe/internal/control"
	"github.com/troupemq/troupe/internal/metrics"
	"github.com/troupemq/troupe/persistence/backup"
)

// endpoint is what answers who asks a running instance.
type endpoint struct {
	api    atomic.Pointer[control.API] // nil before Start
	server *control.Server             // in the data directory; nil: there is none
	pace   pace                        // what Clients send
}

// AdminHandler answers over HTTP what the control endpoint in the data directory
// answers: how the instance, its bridges and its storage are, and orders to
// them. A browser that asks for / gets a page with all of that, for a person; programs have
// /v1/..., which docs/control.md describes, and so does the handler itself, at
// /openapi.json. It can be mounted anywhere, below a path too:
//
//	mux.Handle("/broker/", onlyForAdministrators(http.StripPrefix("/broker", broker.AdminHandler())))
//
// IT LETS IN EVERYBODY WHO REACHES IT. Who does may stop the instance, take a
// backup with all messages in it, and with [WithInstances] have the process read a
// configuration file: as much as the user may whom the process runs as. Mount
// it behind an authentication of yours, on an address of yours, and never without.
// What a browser sends for a page of another site is refused, so the authentication may be a
// cookie.
//
// With [WithInstances] it answers for all instances of the process: for the inside of
// the others, their bridges and their storage, if those have the method
//
//	Broker(name string) (*Broker, error)
//
// as a Supervisor of package instances has.
//
// Before Start and after Shutdown it answers 503 (Service Unavailable). Shutdown ends
// what it is answering, a backup too.
func (b *Broker) AdminHandler() http.Handler {
	stopped := control.Unavailable(admin.Page{}, "the instance is not running: it was not started, or not yet")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.none() {
			stopped.ServeHTTP(w, r)
			return
		}
		if api := b.admin.api.Load(); api != nil {
			api.ServeHTTP(w, r)
			return
		}
		stopped.ServeHTTP(w, r)
	})
}

// answer begins to answer who asks the instance.
func (b *Broker) answer() {
	h := control.Handlers{
		Name: b.config.Name, Version: Version(), Log: b.log,
		Storage: b.usage, Backup: b.backup, Bridges: b.bridgesForControl, Order: b.order, Instances: b.instances,
		Other: b.other, Page: admin.Page{}, Metrics: metrics.Handler(b.metricsOfAll(), b.log),
	}
	if h.Instances == nil {
		h.Instances = alone{b}
	}
	api := control.NewAPI(h)
	if b.kept != nil && b.kept.own {
		var err error
		if b.admin.server, err = control.Serve(b.config.DataDir, api); err != nil {
			b.log.Warn("commands on this machine cannot talk to the instance", zap.Error(err))
		}
	}
	b.admin.pace = newPace(time.Now())
	b.admin.api.Store(api)
}

// other finds what answers for another instance of the process.
func (b *Broker) other(name string) (*control.API, error) {
	all, ok := b.instances.(interface {
		Broker(name string) (*Broker, error)
	})
	if !ok {
		return nil, fmt.Errorf("%w: instance %s tells of its own bridges and storage alone; ask instance %s itself", control.ErrUnknown, b.config.Name, name)
	}
	other, err := all.Broker(name)
	if err != nil {
		return nil, err
	}
	if api := other.admin.api.Load(); api != nil {
		return api, nil
	}
	return nil, errors.New("instance " + name + " does not run")
}

// reachable sees to it that commands on this machine find the instance.
func (b *Broker) reachable() {
	if b.admin.server == nil {
		return
	}
	switch made, err := b.admin.server.Renew(); {
	case err != nil:
		b.log.Warn("commands on this machine cannot talk to the instance", zap.Error(err))
	case made:
		b.log.Info("what commands find the instance by was gone, and is made again")
	}
}

// hush ends all answers, and waits until nothing that makes one runs any more.
func (b *Broker) hush() error {
	if b.admin.server != nil {
		return b.admin.server.Close()
	}
	if api := b.admin.api.Load(); api != nil { // it came to be
		api.Close()
	}
	return nil
}

// nothingWritten is the trouble of an instance whose store takes nothing.
const nothingWritten = "nothing can be written; the log says why"

// errNothingKept is returned for what is asked of a store that there is not.
var errNothingKept = fmt.Errorf("%w: the instance has no data directory and keeps nothing", control.ErrUnknown)

// usage tells what uses the space.
func (b *Broker) usage(context.Context) (control.Storage, error) {
	s := b.kept
	if s == nil {
		return control.Storage{}, errNothingKept
	}
	usage, err := s.store.Usage()
	if err != nil {
		return control.Storage{}, err
	}
	dir := s.config.DataDir
	if dir != "" {
		if dir, err = filepath.Abs(dir); err != nil {
			return control.Storage{}, err
		}
	}
	answer := control.Storage{
		Instance: s.config.Name, Version: Version(), Running: true, DataDir: dir, Durability: string(s.config.Durability), Usage: control.UsageOf(usage),
	}
	if t, err := b.running(); err == nil {
		c := t.counters
		answer.Counts = &control.Counts{
			Sessions: c.Sessions.Load(), Connected: c.ClientsConnected.Load(), Subscriptions: c.Subscriptions.Load(),
			QueuedMessages: c.MessagesQueued.Load(), QueuedBytes: c.BytesQueued.Load(),
			RetainedMessages: c.RetainedMessages.Load(), RetainedBytes: c.RetainedBytes.Load(),
		}
		if c.StoreStalled.Load() != 0 {
			answer.Trouble = nothingWritten
		}
	}
	return answer, nil
}

// backup writes a backup of what is kept.
func (b *Broker) backup(ctx context.Context, w io.Writer) error {
	if b.kept == nil {
		return errNothingKept
	}
	if t, err := b.running(); err == nil {
		t.flush(ctx) // with durability memory not all of it is written yet
	}
	_, err := backup.Write(w, b.kept.store)
	return err
}
