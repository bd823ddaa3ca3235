package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.uber.org/zap"
)

// Reloaded is what came of a reload.
type Reloaded struct {
	Restart []string `json:"restart" nullable:"false" example:"[\"listeners\"]" doc:"Keys of the configuration that have changed and need a restart of the instance, or of the process in the case of name; they are as they were."`
}

// Added is what came of a configuration file.
type Added struct {
	Instances []string `json:"instances" nullable:"false" example:"[\"edge\"]" doc:"Names of the instances in it, which are looked after from now on. Whether they run, /v1/instances tells."`
}

// instanceNamed says which instance.
type instanceNamed struct {
	Name string `path:"name" example:"edge" doc:"Name of the instance."`
}

// Addition is what is asked for when instances are added.
type Addition struct {
	_      struct{} `json:"-" additionalProperties:"false"`
	Config string   `json:"config" minLength:"1" example:"/etc/troupe/edge.yaml" doc:"Absolute path of a configuration file on the machine of the broker."`
}

func instanceRoutes(api huma.API) {
	operation := func(id, method, path, summary, description string, errors ...int) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: method, Path: path, Tags: []string{"instances"}, Summary: summary, Description: description,
			Errors: append(errors, http.StatusNotFound, http.StatusServiceUnavailable),
		}
	}
	huma.Register(api, operation("instances", http.MethodGet, "/v1/instances", "Say how the instances are",
		"All instances of the process, those that do not run too, by name."), of((*API).listInstances))
	huma.Register(api, operation("instance", http.MethodGet, "/v1/instances/{name}", "Say how an instance is",
		"One instance of the process."), of((*API).showInstance))
	adding := operation("add-instances", http.MethodPost, "/v1/instances", "Add the instances of a configuration file",
		"Reads the file and starts what is in it. When something is wrong with it, or an instance in it cannot live beside those that there are, none is added. "+
			"They are not there any more when the process is started again without the file.", http.StatusForbidden, http.StatusConflict)
	adding.DefaultStatus, adding.MaxBodyBytes = http.StatusCreated, 64<<10
	huma.Register(api, adding, of((*API).addInstances))

	huma.Register(api, operation("remove-instance", http.MethodDelete, "/v1/instances/{name}", "Remove an instance",
		"Takes one out that is stopped or has failed, and answers how it was. Its data directory and its configuration file stay as they are; if the process was started with that file, the next SIGHUP or start brings the instance back.",
		http.StatusForbidden, http.StatusConflict), of((*API).removeInstance))

	action := func(action, summary, description string) huma.Operation {
		return operation(action+"-instance", http.MethodPost, "/v1/instances/{name}/"+action, summary, description, http.StatusForbidden, http.StatusConflict)
	}
	huma.Register(api, action("start", "Start an instance", "Starts one that is stopped, failed or waiting, and answers when it runs."), of((*API).startInstance))
	huma.Register(api, action("reload", "Read the configuration of an instance again", "What is wrong with it changes nothing."), of((*API).reloadInstance))
	stop := action("stop", "Stop an instance",
		"Answers when it has ended, with 200. The instance that answers itself says so first, with 202, and stops then. It stays stopped until it is started, and the process ends with its last instance.")
	stopped := map[string]*huma.MediaType{"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(typeOf[Instance](), true, "")}}
	stop.Responses = map[string]*huma.Response{
		"200": {Description: "It has ended.", Content: stopped},
		"202": {Description: "It answers, and stops then.", Content: stopped},
	}
	huma.Register(api, stop, of((*API).stopInstance))
}

func (a *API) listInstances(ctx context.Context, _ *struct{}) (*body[[]Instance], error) {
	all, err := a.list(ctx)
	return &body[[]Instance]{all}, err
}

func (a *API) showInstance(ctx context.Context, in *instanceNamed) (*body[Instance], error) {
	i, err := a.instance(ctx, in.Name)
	return &body[Instance]{i}, err
}

func (a *API) startInstance(ctx context.Context, in *instanceNamed) (*body[Instance], error) {
	if a.handlers.Instances == nil {
		return nil, missing("instances")
	}
	if err := a.judge(ctx, in.Name, a.handlers.Instances.Start(ctx, in.Name)); err != nil {
		return nil, err
	}
	return a.showInstance(ctx, in)
}

func (a *API) reloadInstance(ctx context.Context, in *instanceNamed) (*body[Reloaded], error) {
	if a.handlers.Instances == nil {
		return nil, missing("instances")
	}
	restart, err := a.handlers.Instances.Reload(ctx, in.Name)
	if err := a.judge(ctx, in.Name, err); err != nil {
		return nil, err
	}
	return &body[Reloaded]{Reloaded{some(restart)}}, nil
}

func (a *API) removeInstance(ctx context.Context, in *instanceNamed) (*body[Instance], error) {
	last, err := a.showInstance(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := a.judge(ctx, in.Name, a.handlers.Instances.Remove(ctx, in.Name)); err != nil {
		return nil, err
	}
	return last, nil
}

func (a *API) stopInstance(ctx context.Context, in *instanceNamed) (*huma.StreamResponse, error) {
	if a.handlers.Instances == nil {
		return nil, missing("instances")
	}
	own := in.Name == a.handlers.Name
	if !own {
		if err := a.judge(ctx, in.Name, a.handlers.Instances.Stop(ctx, in.Name)); err != nil {
			return nil, err
		}
	}
	i, err := a.instance(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		_, w := humago.Unwrap(c)
		if own {
			a.stopOwn(w, i)
			return
		}
		answer(w, http.StatusOK, "application/json", i)
	}}, nil
}

// stopOwn stops the instance that answers, once that has left.
func (a *API) stopOwn(w http.ResponseWriter, i Instance) {
	i.State = InstanceStopping
	text, err := json.Marshal(i)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	// With its length it is complete as it is, whatever becomes of the connection.
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(text)
	_ = http.NewResponseController(w).Flush()
	// Not for as long as this request, which the stop itself ends.
	go func() {
		if err := a.handlers.Instances.Stop(context.Background(), i.Name); err != nil {
			a.handlers.Log.Warn("the instance was asked to stop, and something went wrong", zap.Error(err))
		}
	}()
}

func (a *API) addInstances(ctx context.Context, in *body[Addition]) (*body[Added], error) {
	if a.handlers.Instances == nil {
		return nil, missing("instances")
	}
	if !filepath.IsAbs(in.Body.Config) {
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("config: %q is not an absolute path; the working directory of the broker may be another than yours", in.Body.Config))
	}
	names, err := a.handlers.Instances.Add(ctx, in.Body.Config)
	if err != nil {
		return nil, problem(http.StatusConflict, err.Error())
	}
	return &body[Added]{Added{some(names)}}, nil
}

func (a *API) list(ctx context.Context) ([]Instance, error) {
	if a.handlers.Instances == nil {
		return nil, missing("instances")
	}
	all, err := a.handlers.Instances.List(ctx)
	if err != nil {
		return nil, problem(http.StatusInternalServerError, err.Error())
	}
	slices.SortStableFunc(all, func(a, b Instance) int { return cmp.Compare(a.Name, b.Name) })
	for i := range all {
		all[i].Listeners, all[i].Shares = some(all[i].Listeners), some(all[i].Shares)
	}
	return some(all), nil
}

func (a *API) instance(ctx context.Context, name string) (Instance, error) {
	all, err := a.list(ctx)
	if err != nil {
		return Instance{}, err
	}
	for _, i := range all {
		if i.Name == name {
			return i, nil
		}
	}
	return Instance{}, noInstance(name, all)
}

// judge makes a Problem of what Instances said to a name.
func (a *API) judge(ctx context.Context, name string, err error) error {
	if err == nil {
		return nil
	}
	if !errors.Is(err, ErrNoInstance) {
		return problem(http.StatusConflict, err.Error())
	}
	all, err := a.list(ctx)
	if err != nil {
		return err
	}
	return noInstance(name, all)
}

func noInstance(name string, all []Instance) error {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = one.Name
	}
	if len(names) == 0 {
		names = []string{"none"}
	}
	return problem(http.StatusNotFound, fmt.Sprintf("there is no instance %q; there are: %s", name, strings.Join(names, ", ")))
}

// Instances asks how the instances of the process are.
func (c *Client) Instances(ctx context.Context) (all []Instance, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/instances", nil, &all)
}

// Start has an instance started, and returns when it runs.
func (c *Client) Start(ctx context.Context, name string) error {
	return c.ask(ctx, http.MethodPost, "/v1/instances/"+url.PathEscape(name)+"/start", nil, nil)
}

// Stop has an instance stopped, and returns how it is then: stopped, or stopping if
// it is the one that answers.
func (c *Client) Stop(ctx context.Context, name string) (i Instance, err error) {
	return i, c.ask(ctx, http.MethodPost, "/v1/instances/"+url.PathEscape(name)+"/stop", nil, &i)
}

// Remove has an instance taken out that is stopped or has failed, and returns how it was.
func (c *Client) Remove(ctx context.Context, name string) (i Instance, err error) {
	return i, c.ask(ctx, http.MethodDelete, "/v1/instances/"+url.PathEscape(name), nil, &i)
}

// Reload has an instance read its configuration again. What needs a restart is in
// restart, as dotted keys.
func (c *Client) Reload(ctx context.Context, name string) (restart []string, err error) {
	var r Reloaded
	err = c.ask(ctx, http.MethodPost, "/v1/instances/"+url.PathEscape(name)+"/reload", nil, &r)
	return r.Restart, err
}

// Add has the instances of a configuration file started, whose path is absolute. It
// returns their names.
func (c *Client) Add(ctx context.Context, file string) ([]string, error) {
	var added Added
	err := c.ask(ctx, http.MethodPost, "/v1/instances", Addition{Config: file}, &added)
	return added.Instances, err
}
