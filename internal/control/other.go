package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// of one instance of the process.
type ofInstance struct {
	Instance string `query:"instance" example:"edge" doc:"Name of the instance of the process that is asked about; it has to run. Without it, it is the one that answers."`
}

// at has ask called with the API of an instance, "" for a itself, which is not
// closed before that has returned.
func at[T any](ctx context.Context, a *API, instance string, ask func(context.Context, *API) (T, error)) (v T, err error) {
	if instance == "" || instance == a.handlers.Name {
		return ask(ctx, a)
	}
	if a.handlers.Other == nil {
		return v, problem(http.StatusNotFound, fmt.Sprintf("nothing is known of the inside of instance %q here; ask that itself", instance))
	}
	other, err := a.handlers.Other(instance)
	switch {
	case errors.Is(err, ErrNoInstance):
		return v, a.judge(ctx, instance, err)
	case err != nil:
		return v, failure(err, http.StatusServiceUnavailable)
	case !other.enter():
		return v, problem(http.StatusServiceUnavailable, fmt.Sprintf("instance %q is shutting down, or has ended", instance))
	}
	defer other.busy.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(other.ctx, cancel)()
	return ask(ctx, other)
}

// Name of the instance that answers.
func (a *API) Name() string { return a.handlers.Name }

// Instances tells how the instances of the process are, by name. Its error, as that of the
// others here, is a [Problem].
func (a *API) Instances(ctx context.Context) ([]Instance, error) { return a.list(ctx) }

// Bridges tells how the bridges of an instance are, "" for the one that answers.
func (a *API) Bridges(ctx context.Context, instance string) ([]Bridge, error) {
	return at(ctx, a, instance, func(ctx context.Context, a *API) ([]Bridge, error) {
		if a.handlers.Bridges == nil {
			return nil, missing("bridges")
		}
		bridges, err := a.handlers.Bridges(ctx)
		if err != nil {
			return nil, failure(err, http.StatusInternalServerError)
		}
		return some(bridges), nil
	})
}

// Storage tells what uses the space of an instance, "" for the one that answers. It reads
// all keys that are kept.
func (a *API) Storage(ctx context.Context, instance string) (Storage, error) {
	return at(ctx, a, instance, func(ctx context.Context, a *API) (s Storage, err error) {
		if a.handlers.Storage == nil {
			return s, missing("storage")
		}
		if s, err = a.handlers.Storage(ctx); err != nil {
			return s, failure(err, http.StatusInternalServerError)
		}
		return s, nil
	})
}
