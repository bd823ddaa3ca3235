package control

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// Problem is why there is no other answer, in the form of RFC 9457.
type Problem struct {
	Status int       `json:"status" example:"404" doc:"Status code of HTTP."`
	Title  string    `json:"title" example:"Not Found" doc:"What the status code stands for."`
	Detail string    `json:"detail,omitempty" example:"there is no instance \"x\"; there are: edge, plant" doc:"What is wrong, and what can be done about it."`
	Errors []Mistake `json:"errors,omitempty" nullable:"false" doc:"What is wrong with the request, one by one; of a request that is not as described here."`
}

// Mistake is one thing that is wrong with a request.
type Mistake struct {
	Message  string `json:"message,omitempty" doc:"What is wrong."`
	Location string `json:"location,omitempty" example:"body.config" doc:"Where in the request."`
	Value    any    `json:"value,omitempty" doc:"What is there."`
}

// problem is a Problem with the detail.
func problem(status int, detail string) *Problem {
	return &Problem{Status: status, Title: http.StatusText(status), Detail: detail}
}

// Error is the detail.
func (p *Problem) Error() string {
	text := cmp.Or(p.Detail, p.Title)
	var wrong []string
	for _, e := range p.Errors {
		wrong = append(wrong, strings.TrimPrefix(e.Location+": "+e.Message, ": "))
	}
	if len(wrong) > 0 {
		text += ": " + strings.Join(wrong, "; ")
	}
	return text
}

// GetStatus is for huma: it answers with the Problem.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is for huma too.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// failure is the Problem of an error: 404 for an [ErrUnknown], otherwise status.
func failure(err error, status int) *Problem {
	text := err.Error()
	if errors.Is(err, ErrUnknown) {
		status, text = http.StatusNotFound, strings.TrimPrefix(text, ErrUnknown.Error()+": ") // which the status says
	}
	return problem(status, text)
}

// refuse answers with a Problem, outside of huma.
func refuse(w http.ResponseWriter, status int, detail string) {
	answer(w, status, "application/problem+json", problem(status, detail))
}

// answer answers outside of huma. Nobody has to read it.
func answer(w http.ResponseWriter, status int, kind string, body any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
