package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
)

// failure says in words for an operator why a step failed, and what to look at. The error stays within reach of errors.Is and As.
func failure(ctx context.Context, step string, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.DeadlineExceeded):
		return fmt.Errorf("%s: no answer in time: %w", step, cause)
	case cause != nil:
		return fmt.Errorf("%s: given up: %w", step, cause)
	}
	// The one that broke off at the deadline may tell before the context does.
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("%s: no answer in time: %w", step, err)
	}
	var dns *net.DNSError
	var op *net.OpError
	var request *url.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("%s: the host cannot be found: %w", step, dns)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the upstream closed the connection: %w", step, err)
	case errors.As(err, &op) && op.Op == "dial" && op.Addr != nil:
		return fmt.Errorf("%s: %w", step, op.Err)
	case errors.As(err, &request):
		err = request.Err // it would repeat what was asked for
	}
	if hint := advice(err); hint != "" {
		return fmt.Errorf("%s: %w; %s", step, err, hint)
	}
	return fmt.Errorf("%s: %w", step, err)
}

// advice names the key to look at; empty: there is none.
func advice(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var header tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &authority):
		return "tls.ca_file has to hold the certificate that the upstream's comes from"
	case errors.As(err, &host):
		return "tls.server_name can say which name the certificate has"
	case errors.As(err, &header):
		return "what listens there does not speak TLS"
	case errors.As(err, &op) && op.Op == "remote error": // an alert of TLS
		return "the upstream may want another tls.cert_file, tls.server_name or tls.alpn"
	}
	return ""
}
